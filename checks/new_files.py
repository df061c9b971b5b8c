"""Files that the doctor writes are new ones: nothing that is there is replaced."""

from __future__ import annotations

from pathlib import Path

from sherf_core.errors import ConfigurationError


def refuse_existing(path: Path) -> None:
    """Raise ConfigurationError where something is at `path` already."""
    if path.exists() or path.is_symlink():
        raise ConfigurationError(f"{path} is there already", fix="name another file, or remove that one", path=path)

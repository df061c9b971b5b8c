"""Reading small files that describe the machine; what is missing or unreadable is empty, never an error.

Collectors ask os.path whether a path is there: pathlib's questions raise where a folder on the way may not be entered.
"""

from __future__ import annotations

import os
from pathlib import Path

LONGEST = 1024 * 1024
ROOT = Path("/")


def text_of(path: Path, longest: int = LONGEST) -> str:
    """The first `longest` bytes of a file as text, "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(longest).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def number_of(path: Path) -> int | None:
    """A file's whole number, None where there is none (`max`, say)."""
    text = text_of(path).strip()
    return int(text) if text.isdecimal() else None


def inside(root: Path, path: str) -> Path:
    """An absolute path as it is found under `root`, which tests replace."""
    return root / path.lstrip("/")


def outside(root: Path, path: Path) -> str:
    """The absolute path that `path` stands for: the reverse of `inside`, with links followed."""
    real, base = os.path.realpath(path), os.path.realpath(root)
    return real if base == "/" or not real.startswith(base + "/") else real[len(base) :]


def names_in(folder: Path) -> list[str]:
    """Sorted names in a folder, none where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []

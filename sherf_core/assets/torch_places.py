"""Where files of torchvision's may lie: ours first, then torch's own download caches (nothing here imports torch)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDER = "assets"


def torch_file_candidates(name: str, roots: Iterable[Path]) -> Iterator[Path]:
    """Where a file of this name may lie, best first: `assets/` in each of these folders, then torch's caches."""
    for root in roots:
        yield root / FOLDER / name
    home = Path(os.path.expanduser("~"))  # unlike Path.home(), no error where there is no home folder
    caches = [home / ".cache" / "torch"]
    if "XDG_CACHE_HOME" in os.environ:
        caches.insert(0, Path(os.environ["XDG_CACHE_HOME"]) / "torch")
    if "TORCH_HOME" in os.environ:
        caches.insert(0, Path(os.environ["TORCH_HOME"]))
    for cache in caches:
        yield cache / "hub" / "checkpoints" / name
        yield cache / "checkpoints" / name


def find_torch_file(name: str, roots: Iterable[Path]) -> Path | None:
    """The first file of this name that exists, or None; `roots` are the folders that may hold `assets/`."""
    return next((path for path in torch_file_candidates(name, roots) if path.is_file()), None)

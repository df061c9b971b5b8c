"""What runs that were killed left behind: temporary files beside their targets, unpacked files in the cache."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sherf_core.assets.lock import TargetLock, can_lock
from sherf_core.assets.record import MANIFEST
from sherf_core.data.locations import BODY_FOLDERS, CHECKPOINT_FOLDERS
from sherf_core.errors import FetchError
from sherf_core.io.convert import cache_folder

_UNPACKED = re.compile(r"unpacked-[0-9a-f]{12}")
# The names of sherf_core.io.atomic: a dot, the target's stem, twelve digits, the target's ending.
_TEMPORARY = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{12}(?P<ending>\.[^.]*)?")
_OURS = re.compile(r"SMPL_NEUTRAL\.|SHERF_|manifest\.json|.+\.listing")
# A lock without its folder may be one that its owner has just made, and is about to hold.
_SETTLED_AFTER = 60.0


def sweep(root: Path) -> None:
    """Remove what killed runs left under `root` and in the cache; what a live process holds stays.

    Files in the folders of data sets are left to the unpacking itself, which knows where to look: `sweep_folders`.
    """
    if not can_lock():
        return  # nothing tells a live process's files from a dead one's
    for folder in {root / MANIFEST.parent, root / BODY_FOLDERS[0], root / CHECKPOINT_FOLDERS[0]}:
        for path in _names_in(folder):
            target = target_of(path)
            if target is not None and _OURS.match(target.name):
                _remove(path, target)
            elif path.suffix == ".lock" and _OURS.match(path.name):
                _remove(None, path.with_suffix(""))
    for path in _names_in(cache_folder()):
        if _UNPACKED.fullmatch(path.name):
            _remove(path, path)
        elif path.suffix == ".lock" and _UNPACKED.fullmatch(path.stem) and _is_alone(path):
            _remove(None, path.with_suffix(""))


def sweep_folders(folders: Iterable[Path]) -> None:
    """Remove temporary files in these folders; whoever calls this holds the lock of all that is written there."""
    for folder in set(folders) if can_lock() else ():
        for path in _names_in(folder):
            if target_of(path) is not None:
                path.unlink(missing_ok=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in the cache, until the block ends; after a kill the next run removes it."""
    folder = cache_folder() / f"unpacked-{secrets.token_hex(6)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TargetLock(folder):  # before the folder is there, so that nobody takes it for a dead process's
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def target_of(path: Path) -> Path | None:
    """What a temporary file was to become; None for other names."""
    found = _TEMPORARY.fullmatch(path.name)
    return path.with_name(found["stem"] + (found["ending"] or "")) if found else None


def _remove(path: Path | None, target: Path) -> None:
    """Remove what belongs to a target, and its lock, unless another process holds that."""
    try:
        with TargetLock(target):
            if path is not None and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path is not None:
                path.unlink(missing_ok=True)
    except (FetchError, OSError):
        return  # in use, or not ours to remove: the work itself says what matters


def _is_alone(path: Path) -> bool:
    """Whether a lock has had no folder for long."""
    try:
        return not path.with_suffix("").exists() and time.time() - path.stat().st_mtime > _SETTLED_AFTER
    except OSError:
        return False  # gone


def _names_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # not there

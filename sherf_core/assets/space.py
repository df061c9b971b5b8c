"""Is there room on the disk: asked before bytes are fetched, and answered by the disk while they are written."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from sherf_core.assets.remote import readable
from sherf_core.errors import FetchError

FULL = (errno.ENOSPC, errno.EDQUOT)


def require_space(target: Path, needed: int) -> None:
    """Refuse a download of `needed` more bytes that the disk cannot hold.

    Raises:
        FetchError: FETCH.SPACE, with both numbers.
    """
    if needed > free_bytes(target):
        raise no_space(target, needed)


def no_space(target: Path, needed: int | None) -> FetchError:
    """The error for a disk that is too small, or that filled up while writing (`needed`: bytes still to come)."""
    free = free_bytes(target)
    wanted = "an unknown number of bytes" if needed is None else f"{needed:,} bytes ({readable(needed)})"
    return FetchError(
        f"no room for {target.name}: {free:,} bytes ({readable(free)}) are free in {target.parent}",
        expected=f"room for {wanted} more",
        fix="free some space (or quota) and run it again: what is there already is kept",
        code="FETCH.SPACE",
        path=target,
    )


def nearest_folder(path: Path) -> Path:
    """The folder, or the nearest one above it that is there: its disk is the one that `path` will be on."""
    path = path.expanduser().resolve()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def free_bytes(target: Path) -> int:
    """What an unprivileged user can still write in the target's folder."""
    return shutil.disk_usage(target.parent).free

"""Links that work from anywhere, and copies where a file system has none."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
from pathlib import Path

from checks.remedies.claiming import FolderMaker, Refused, claimed

NOTHING_CAN_BE_WRITTEN = frozenset({errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT})


def link(source: Path, target: Path, folders: FolderMaker) -> tuple[bool, str]:
    """Make `target` a link to `source`; where the file system has no links (Windows drives under WSL, FAT), a copy.

    Making a link takes its name in one step and fails where that is taken, so nothing can come in between.

    Returns:
        whether it was done here (or was so before), and a remark.

    Raises:
        Refused: the source is gone, something else has the name, or there is no room for a copy.
    """
    if not source.exists():
        raise Refused(f"{source} is not there any more")
    if os.path.lexists(target):
        return False, _same(source, target)
    folders.make(target.parent)
    try:
        os.symlink(_content(source, target), target)
    except FileExistsError:
        return False, _same(source, target)
    except OSError as error:
        if error.errno in NOTHING_CAN_BE_WRITTEN:
            raise Refused(f"{target.parent}: {error.strerror}") from error
        # A file system or a policy without links: EPERM, ENOTSUP, EINVAL, …
        return True, _copy(source, target)
    if not _is_same(source, target):
        target.unlink()
        raise Refused(f"a link at {target} does not lead to {source}")
    return True, ""


def _content(source: Path, target: Path) -> str:
    """What the link says: relative within a project, so that the project can be moved; else absolute."""
    here = Path(os.path.realpath(target.parent))
    there = Path(os.path.realpath(source.parent)) / source.name
    project = Path(os.path.realpath(Path.cwd()))
    shared = Path(os.path.commonpath([here, there.parent]))
    near = shared in (here, project) or project in shared.parents
    return os.path.relpath(there, here) if near else str(there)


def _same(source: Path, target: Path) -> str:
    if _is_same(source, target):
        return ""
    if not target.exists():
        raise Refused(f"a link that leads nowhere is in the way: `rm {shlex.quote(str(target))}`, then try again")
    if target.is_file() and not target.is_symlink() and _equal(source, target):
        return "as a copy"
    raise Refused(f"{target} is there already, and is not overwritten")


def _is_same(source: Path, target: Path) -> bool:
    try:
        return target.samefile(source)
    except OSError:
        return False


def _equal(source: Path, target: Path) -> bool:
    from sherf_core.io.digest import sha256

    return source.is_file() and source.stat().st_size == target.stat().st_size and sha256(source) == sha256(target)


def _copy(source: Path, target: Path) -> str:
    if not source.is_file():
        raise Refused(f"{target.parent} takes no links, and {source} is a folder, which is not copied")
    size = source.stat().st_size
    free = shutil.disk_usage(target.parent).free
    if size > free:
        raise Refused(f"{target.parent} takes no links, and has {free:,} bytes free for a copy of {size:,}")
    with claimed(target) as temporary:
        shutil.copyfile(source, temporary)
    return f"this file system takes no links: copied ({size:,} bytes)"

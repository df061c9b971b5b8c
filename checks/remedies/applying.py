"""Carry out remedies: whole or not at all, never over something that is there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from checks.remedies.claiming import FolderMaker, Refused, claimed
from checks.remedies.linking import link
from checks.remedies.remedy import Outcome, Remedy
from checks.remedies.small_body import is_small_copy, write_small_copy
from sherf_core.errors import SherfError

# A person's folder holds one of these (RenderPeople and HuMMan, THuman).
SUBJECT_FILES = ("cameras.json", "annots.npy")


def apply(remedy: Remedy) -> Outcome:
    """Do it, if it is not done yet; whatever fails, nothing is half done, and the outcome says why."""
    folders = FolderMaker()
    try:
        state, reason, undo = APPLIED[remedy.kind](remedy, folders)
    except Refused as refused:
        folders.remove()
        return Outcome(remedy, "refused", str(refused))
    except (OSError, ValueError, SherfError) as error:
        folders.remove()
        return Outcome(remedy, "refused", _words(error, remedy))
    if not state:
        return Outcome(remedy, "already done", reason)
    return Outcome(remedy, "done", reason, undo + folders.undo())


def _words(error: OSError | ValueError | SherfError, remedy: Remedy) -> str:
    if isinstance(error, SherfError):
        return error.found
    if not isinstance(error, OSError):
        return str(error)
    # The name of a temporary file says nothing to anybody.
    seen = error.filename if isinstance(error.filename, str) and not Path(error.filename).name.startswith(".") else ""
    return f"{seen or remedy.target}: {error.strerror or error}"


Result = tuple[bool, str, str]
"""Whether anything was done, what is worth knowing, and how to take it back."""


def _linked(remedy: Remedy, folders: FolderMaker) -> Result:
    target = Path(remedy.target).absolute()
    done, reason = link(Path(remedy.source).absolute(), target, folders)
    return done, reason, _remove(target)


def _listed(remedy: Remedy, folders: FolderMaker) -> Result:
    root, target = Path(remedy.source), Path(remedy.target).absolute()
    names = sorted(path.name for path in root.iterdir() if any((path / name).is_file() for name in SUBJECT_FILES))
    if not names:
        raise Refused(f"no folder in {root} is a person's: none holds {' or '.join(SUBJECT_FILES)}")
    content = "".join(f"{name}\n" for name in names)
    if os.path.lexists(target):
        if target.is_file() and target.read_text(encoding="utf-8", errors="replace") == content:
            return False, "", ""
        raise Refused(f"{target} is there already, and is not overwritten")
    with claimed(target) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return True, f"{len(names)} people", _remove(target)


def _copied(remedy: Remedy, folders: FolderMaker) -> Result:
    source, target = Path(remedy.source), Path(remedy.target).absolute()
    if os.path.lexists(target):
        if is_small_copy(source, target):
            return False, "", ""
        raise Refused(f"{target} is there already, and is not overwritten")
    with claimed(target) as temporary:
        write_small_copy(source, temporary)
    return True, f"{target.stat().st_size / 1e6:.0f} MB", _remove(target)


def _permitted(remedy: Remedy, folders: FolderMaker) -> Result:
    path = Path(remedy.target)
    status = path.stat()
    mode = status.st_mode & 0o7777
    wanted = mode | (0o700 if path.is_dir() else 0o400)
    access = os.R_OK | os.W_OK | os.X_OK if path.is_dir() else os.R_OK
    if mode == wanted:
        if os.access(path, access):
            return False, "", ""
        raise Refused(
            f"the permissions of {path} are not what is in the way: a folder above it is, or a read-only drive"
        )
    if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
        raise Refused(f"{path} belongs to somebody else")
    path.chmod(wanted)
    return True, "", f"chmod {mode:o} {shlex.quote(str(path.absolute()))}"


def _remove(path: Path) -> str:
    return f"rm {shlex.quote(str(path))}"


APPLIED: dict[str, Callable[[Remedy, FolderMaker], Result]] = {
    "link": _linked,
    "write": _listed,
    "copy": _copied,
    "chmod": _permitted,
}

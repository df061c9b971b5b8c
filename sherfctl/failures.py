"""The one place that turns an exception into words: what was found, what was expected, what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sherf_core.errors import SherfError
from sherfctl.console.layout import size

# Operating system errors that users meet and can mend, with the way to mend them.
SYSTEM_FIXES = {
    errno.ENOSPC: "free some disk space, or name another folder",
    errno.EDQUOT: "your disk quota is used up: free some space, or name another folder",
    errno.EACCES: "look at the permissions (`ls -ld`), or name another folder",
    errno.EPERM: "look at the permissions (`ls -ld`), or name another folder",
    errno.EROFS: "that file system is read-only: name another folder",
    errno.ENOENT: "check the path",
    errno.EEXIST: "check the path: something of that name is there already",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "check the path: a file is wanted there, it is a folder",
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n 4096`)",
}
# How errors that are RuntimeErrors to Python say that memory is used up.
GPU_MEMORY_WORDS = ("CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
MAIN_MEMORY_WORDS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")
# What was asked for in vain: torch's words, or numpy's.
ASKED = re.compile(r"(?:[Tt]ried to allocate|Unable to allocate) ([\d.]+) (bytes|[KMGTP]iB)")
SMALLER = (
    "ask for a smaller --resolution, use a profile with smaller points_per_chunk (`sherfctl profiles list`), or close "
    "other programs"
)


@dataclass(frozen=True)
class Failure:
    """An error as the user sees it."""

    type: str
    found: str
    expected: str = ""
    fix: str = ""
    code: str = ""
    path: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """For the JSON document."""
        return dict(vars(self))


def failure_of(error: BaseException) -> Failure | None:
    """The user's view of an error that a user can mend; None where it is a defect of this program."""
    kind = type(error).__name__
    if isinstance(error, SherfError):
        path = str(error.path) if error.path is not None else None
        return Failure(kind, error.found, error.expected, error.fix, error.code, path)
    if isinstance(error, OSError) and error.errno in SYSTEM_FIXES:
        where = f": {error.filename}" if error.filename is not None else ""
        path = str(error.filename) if error.filename is not None else None
        return Failure(kind, f"{os.strerror(error.errno)}{where}", fix=SYSTEM_FIXES[error.errno], path=path)
    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error)
    return _out_of_memory(error)


def _missing_package(error: ModuleNotFoundError) -> Failure | None:
    """A package that the program needs and that is not there; None for other modules."""
    from checks.facts.requirements import may_be_there, package_of

    module = error.name or ""
    name = "torch" if module == "torch" else package_of(module)
    if not name or may_be_there(module.partition(".")[0]):
        return None
    fix = f'{shlex.quote(sys.executable)} -m pip install "{name}"; `sherfctl doctor` says more'
    code = "TORCH.MISSING" if name == "torch" else "SYS.INSTALL"
    return Failure(type(error).__name__, f"the Python package {name} is missing", fix=fix, code=code)


def _out_of_memory(error: BaseException) -> Failure | None:
    """The GPU's memory or the computer's used up; None for other errors.

    torch's errors are known by their type's name and their words, so that torch need not be imported here.
    """
    kind, text = type(error).__name__, str(error)
    if kind == "OutOfMemoryError" or (isinstance(error, RuntimeError) and _says(text, GPU_MEMORY_WORDS)):
        found, fix, code = (
            "the GPU's memory is used up",
            f"{SMALLER}, or run without the GPU: --profile cpu",
            "RUN.VRAM",
        )
    elif (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and _says(text, MAIN_MEMORY_WORDS))
    ):
        found, fix, code = "this computer's memory is used up", SMALLER, "SYS.RAM"
    else:
        return None
    asked = ASKED.search(text)
    if asked:
        count, unit = asked.groups()
        amount = size(int(count)) if unit == "bytes" else f"{count} {unit}"
        found += f": another {amount} could not be had"
    return Failure(kind, found, fix=fix, code=code)


def _says(text: str, phrases: Sequence[str]) -> bool:
    return any(phrase in text for phrase in phrases)


def save_traceback(error: BaseException, arguments: list[str], environment: Mapping[str, str]) -> Path | None:
    """Write the traceback where the user can find it; None if nothing can be written anywhere."""
    text = f"sherfctl {' '.join(arguments)}\n{time.strftime('%Y-%m-%d %H:%M:%S')}\n\n"
    text += "".join(traceback.format_exception(error))
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in _crash_folders(environment):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue  # try the next folder; with none left the caller shows the traceback itself
        return path
    return None


def crash_files(environment: Mapping[str, str]) -> list[Path]:
    """Tracebacks that `save_traceback` has left, newest first."""
    found = []
    for folder in _crash_folders(environment):
        with contextlib.suppress(OSError):
            found += [(path.stat().st_mtime, path) for path in folder.glob("crash-*.txt")]
    return [path for _, path in sorted(found, reverse=True)]


def _crash_folders(environment: Mapping[str, str]) -> list[Path]:
    folders = []
    if environment.get("XDG_STATE_HOME"):
        folders.append(Path(environment["XDG_STATE_HOME"]) / "sherfctl")
    elif environment.get("HOME"):
        folders.append(Path(environment["HOME"]) / ".local" / "state" / "sherfctl")
    folders.append(Path(tempfile.gettempdir()) / "sherfctl")
    return folders

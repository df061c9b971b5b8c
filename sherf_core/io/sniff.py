"""Tell what a file is from its bytes, whatever its name says. Imports neither torch nor numpy: the doctor uses it."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sherf_core.errors import BrokenFileError
from sherf_core.io.pickle_machine import Machine
from sherf_core.io.pickle_opcodes import MalformedPickle, TruncatedPickle
from sherf_core.io.pickle_values import Inert, printable_global

HEAD_BYTES = 1024
_SKIP_LONGER_THAN = 1 << 16
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf\x27\x1c": "7-zip",
    b"Rar!": "rar",
    b"\x28\xb5\x2f\xfd": "zstandard",
}
# The opcodes that a pickle of protocol 0 or 1, which has no header, can start with.
_HEADLESS_PICKLE = b"(]})cIJKMLFGNSTUVX"


class FileKind(Enum):
    """What a file's first bytes are."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    HTML = "a web page"
    LFS = "a Git LFS pointer"
    ZIP = "a zip archive"
    ARCHIVE = "a compressed archive"
    PICKLE = "a pickle"
    NPY = "a numpy array"
    SAFETENSORS = "a safetensors file"
    UNKNOWN = "something unknown"


@dataclass(frozen=True)
class FileFacts:
    """What was seen of a file: `stands_for` is the size in bytes that a Git LFS pointer promises."""

    path: Path
    kind: FileKind
    size: int = 0
    detail: str = ""
    stands_for: int | None = None


@dataclass(frozen=True)
class PickleFacts:
    """What a pickle names and whether it is whole. `problem` is empty for a sound pickle."""

    globals: tuple[str, ...]
    problem: str = ""
    truncated: bool = False
    trailing_bytes: int = 0


def sniff(path: str | os.PathLike[str]) -> FileFacts:
    """What the file is, from its first bytes; never raises."""
    path = Path(path)
    try:
        if not path.exists():
            return FileFacts(path, FileKind.MISSING)
        # Before it is opened: a pipe would be waited for, a device read for ever.
        if problem := _not_regular(path.stat().st_mode):
            return FileFacts(path, FileKind.UNREADABLE, detail=problem)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        return FileFacts(path, FileKind.UNREADABLE, detail=str(error))
    return recognise(path, head, size)


def _not_regular(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return "it is a folder" if stat.S_ISDIR(mode) else "it is a pipe, socket or device, no regular file"


def recognise(path: Path, head: bytes, size: int) -> FileFacts:
    """What a file that begins with `head` (1,024 bytes, or all there is) is; the file need not be there yet."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head:
        return FileFacts(path, FileKind.EMPTY)
    # safetensors: the length of its JSON header, then the header. First, as the length may look like any letters; its
    # upper four bytes are 0, which no text has.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return FileFacts(path, FileKind.SAFETENSORS, size)
    if head.startswith(b"version https://git-lfs"):
        match = re.search(rb"^size (\d{1,18})$", head, re.MULTILINE)
        return FileFacts(path, FileKind.LFS, size, stands_for=int(match[1]) if match else None)
    if text.startswith(b"<"):
        return FileFacts(path, FileKind.HTML, size)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FileFacts(path, FileKind.ZIP, size, "zip")
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            return FileFacts(path, FileKind.ARCHIVE, size, name)
    if head.startswith(b"\x93NUMPY"):
        return FileFacts(path, FileKind.NPY, size)
    if (head[0] == 0x80 and head[1:2] <= b"\x05") or head[0] in _HEADLESS_PICKLE:
        return FileFacts(path, FileKind.PICKLE, size)
    return FileFacts(path, FileKind.UNKNOWN, size, f"it starts with {head[:8]!r}")


def require_kind(path: str | os.PathLike[str], *kinds: FileKind) -> FileFacts:
    """The file's facts, if it is of one of these kinds.

    Raises:
        BrokenFileError: it is something else. Its code is the last part of a doctor's id: MISSING, HTML, LFS, ZIP,
            TRUNC or STRUCT; who knows what the file was for puts the first part before it.
    """
    facts = sniff(path)
    if facts.kind in kinds:
        if facts.kind is FileKind.ZIP and not zipfile.is_zipfile(facts.path):
            raise broken(facts.path, "TRUNC", f"{facts.path} is a zip archive without its end ({facts.size} bytes)")
        return facts
    code, words = _complaint(facts)
    expected = " or ".join(kind.value for kind in kinds)
    raise broken(facts.path, code, f"{facts.path} {words}", expected=expected)


def _complaint(facts: FileFacts) -> tuple[str, str]:
    if facts.kind is FileKind.MISSING:
        return "MISSING", "does not exist"
    if facts.kind is FileKind.UNREADABLE:
        return "MISSING", f"cannot be read: {facts.detail}"
    if facts.kind is FileKind.EMPTY:
        return "TRUNC", "is empty (0 bytes)"
    if facts.kind is FileKind.HTML:
        return "HTML", f"is a web page ({facts.size} bytes), as a site without a login answers"
    if facts.kind is FileKind.LFS:
        promise = f"of {facts.stands_for:,} bytes" if facts.stands_for is not None else "of unknown size"
        return "LFS", f"is a Git LFS pointer ({facts.size} bytes) that stands for a file {promise}"
    if facts.kind in (FileKind.ZIP, FileKind.ARCHIVE):
        return "ZIP", f"is a {facts.detail} archive ({facts.size} bytes), not what lies in it"
    detail = f" ({facts.detail})" if facts.detail else ""
    return "STRUCT", f"is {facts.kind.value}{detail}"


_FIXES = {
    "MISSING": "check the path and its permissions",
    "HTML": "download it again while logged in; a page of the site was saved in its place",
    "LFS": "git lfs pull",
    "ZIP": "unpack it and give the file inside",
    "TRUNC": "download it again or resume the download",
    "STRUCT": "replace it by the original file",
}


def broken(path: Path, code: str, found: str, *, expected: str = "") -> BrokenFileError:
    """A BrokenFileError with the fix that belongs to its code."""
    return BrokenFileError(found, expected=expected, fix=_FIXES[code], code=code, path=path)


class _AnyObject(Inert):
    def __init__(self, *_arguments: object) -> None:
        pass

    def build(self, state: object) -> None:
        pass

    def extend(self, items: list[Any]) -> None:
        pass

    def call(self, arguments: tuple[Any, ...]) -> object:
        return _AnyObject()


@dataclass
class _Recorder(Mapping[tuple[str, str], Callable[..., object]]):
    """A table of constructors that lists what it is asked for and builds nothing."""

    names: dict[str, None] = field(default_factory=dict)

    def __getitem__(self, key: tuple[str, str]) -> Callable[..., object]:
        self.names[printable_global(*key)] = None
        return _AnyObject

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def __len__(self) -> int:
        return 0


def inspect_pickle(path: str | os.PathLike[str]) -> PickleFacts:
    """Walk a pickle without building anything: the globals it names, in order, and whether it reaches its end.

    Long arguments are jumped over, so this is quick and small for files of any size. Never raises.
    """
    recorder = _Recorder()
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            Machine(file, size, recorder, skip_longer_than=_SKIP_LONGER_THAN).run()
            trailing = size - file.tell()
    except TruncatedPickle as error:
        return PickleFacts(tuple(recorder.names), str(error), truncated=True)
    except MalformedPickle as error:
        return PickleFacts(tuple(recorder.names), str(error))
    except Exception as error:  # a damaged file can fail in any literal; a probe only reports
        return PickleFacts(tuple(recorder.names), f"{type(error).__name__}: {error}")
    return PickleFacts(tuple(recorder.names), trailing_bytes=trailing)

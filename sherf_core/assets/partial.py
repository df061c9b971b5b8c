"""The part of a file that has come so far, `NAME.part`, and `NAME.part.json`, which says of what it is a part."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sherf_core.assets.remote import Remote, shown
from sherf_core.assets.space import FULL, no_space
from sherf_core.io.sniff import HEAD_BYTES

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Origin:
    """Which bytes a part is of: the URL without its query, and the server's validators where they are strong.

    `encoded` parts were unpacked while they came (Content-Encoding), so their length says nothing about where the
    server would have to go on. `total` is the whole file's bytes, None if unknown.
    """

    url: str
    etag: str = ""
    last_modified: str = ""
    total: int | None = None
    encoded: bool = False

    @property
    def validator(self) -> str:
        """What If-Range compares; "" if there is nothing strong enough."""
        return self.etag or self.last_modified


class Part:
    """The growing file beside `target`, with the running sha256 of its bytes.

    It is opened as it is found; `resumable` says whether its bytes may be used. Nothing is changed before `begin`,
    so a part outlives answers that turn out to be no file. Used by one process at a time: see `TargetLock`.
    """

    def __init__(self, target: Path, remote: Remote) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._state_path = target.with_name(f"{target.name}.part.json")
        self._remote = remote
        self._digest = hashlib.sha256()
        self._file: io.FileIO | None = None
        self.size = 0
        self.origin = _read_origin(self._state_path)
        if self.path.exists():
            self._open("r+b")

    def _open(self, mode: str) -> io.FileIO:
        self._file = io.FileIO(self.path, mode)
        self._digest, self.size = hashlib.sha256(), 0
        while chunk := self._file.read(_CHUNK_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)
        return self._file

    @property
    def resumable(self) -> bool:
        """Whether the bytes can be gone on with: a strong validator, or size and sha256, will show whether they fit."""
        remote, origin = self._remote, self.origin
        checkable = remote.size is not None and bool(remote.sha256)
        if not self.size:
            return False
        if origin is None:
            return checkable and self.size <= (remote.size or 0)
        fits = origin.total is None or (self.size <= origin.total and remote.size in (None, origin.total))
        return origin.url == shown(remote.url) and not origin.encoded and fits and (checkable or bool(origin.validator))

    @property
    def total(self) -> int | None:
        """The whole file's bytes as far as known."""
        return self.origin.total if self.origin and self.origin.total is not None else self._remote.size

    @property
    def sha256(self) -> str:
        """Of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def head(self) -> bytes:
        """The first bytes, as many as a file is recognised by."""
        with self.path.open("rb") as file:
            return file.read(HEAD_BYTES)

    def begin(self, origin: Origin) -> None:
        """Start from nothing with bytes of this origin."""
        self.close()
        # Emptied, then described, then grown: a kill in between leaves an empty part, never one with the description of
        # other bytes. A half-written description is no JSON.
        with self._room():
            self._open("w+b")
            self.origin = origin
            self._state_path.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def write(self, chunk: bytes) -> None:
        """Append.

        Raises:
            FetchError: FETCH.SPACE, the disk is full; what could be written stays.
        """
        rest = memoryview(chunk)
        while rest:
            with self._room():
                written = self._opened.write(rest) or 0
            self._digest.update(rest[:written])
            self.size += written
            rest = rest[written:]

    def publish(self) -> None:
        """Give the bytes their name, once they are on the disk."""
        with self._room():
            os.fsync(self._opened.fileno())
        self.close()
        # In this order a kill leaves no description beside a finished target.
        self._state_path.unlink(missing_ok=True)
        os.replace(self.path, self.target)

    @property
    def _opened(self) -> io.FileIO:
        if self._file is None:
            raise ValueError(f"{self.path} is not open: begin() comes first")
        return self._file

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise no_space(self.target, None if self.total is None else self.total - self.size) from error
            raise

    def discard(self) -> None:
        """Remove the bytes and their description."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._state_path.unlink(missing_ok=True)
        self.size, self.origin, self._digest = 0, None, hashlib.sha256()

    def leave(self) -> None:
        """After a failure: keep what can be resumed, remove the rest."""
        if self.resumable:
            self.close()
        else:
            self.discard()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _read_origin(path: Path) -> Origin | None:
    """What a description says; None if there is none, or not a whole one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        origin = Origin(**document)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    types: dict[str, Any] = {"url": str, "etag": str, "last_modified": str, "total": (int, type(None)), "encoded": bool}
    return origin if all(isinstance(getattr(origin, name), kind) for name, kind in types.items()) else None

"""Put a checked file where it belongs: copied whole, and never over another one."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from sherf_core.assets.lock import TargetLock
from sherf_core.assets.space import require_space
from sherf_core.errors import FetchError
from sherf_core.io.atomic import atomic_write
from sherf_core.io.digest import sha256

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Placed:
    """A file in its place; `new` is False where the same one was there before."""

    path: Path
    bytes: int
    sha256: str
    new: bool


def place(source: Path, target: Path, digest: str) -> Placed:
    """Copy a file to its place.

    Args:
        source: the file, which stays.
        target: its place; if the same bytes are there already, nothing is written.
        digest: the sha256 that `source` had when it was checked.

    Raises:
        FetchError: FETCH.EXISTS (another file is there, and stays), FETCH.SPACE, FETCH.HASH (`source` changed),
            FETCH.LOCKED (another process puts a file there just now).
    """
    require_free(target, digest)
    size = source.stat().st_size
    if target.exists():
        return Placed(target, size, digest, new=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The lock says to others that the temporary file is a live process's.
    with TargetLock(target):
        require_free(target, digest)
        return _copy_to(source, target, size, digest)


def _copy_to(source: Path, target: Path, size: int, digest: str) -> Placed:
    require_space(target, size)
    with atomic_write(target) as temporary:
        copied = _copy(source, temporary)
        if copied != digest:
            raise FetchError(
                f"{source} changed while it was copied",
                expected=f"the file that was checked, sha256 {digest}",
                fix="run it again when nothing writes the file any more",
                code="FETCH.HASH",
                path=source,
            )
    return Placed(target, size, digest, new=True)


def require_free(target: Path, digest: str) -> None:
    """See that nothing but the file of this sha256 is at a place.

    Raises:
        FetchError: FETCH.EXISTS.
    """
    if not os.path.lexists(target) or (target.is_file() and sha256(target) == digest):
        return
    what = "another file" if target.is_file() else "a folder" if target.is_dir() else "a link that leads nowhere"
    raise FetchError(
        f"{what} is at {target} already; it stays as it is",
        expected="no file there, or the same one",
        fix=f"if you want the new one, move the old one away first: {moved_away(target)}",
        code="FETCH.EXISTS",
        path=target,
    )


def moved_away(path: Path) -> str:
    """The command that moves a file away."""
    return f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}"


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()

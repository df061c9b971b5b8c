"""The files of a data set that was unpacked: a line each with CRC-32, bytes and path, so that they can be verified."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sherf_core.assets.archive import crc32
from sherf_core.io.atomic import write_bytes


def write_listing(path: Path, folder: Path, files: Iterable[tuple[Path, int, int]]) -> str:
    """Write the listing of files (place, bytes, CRC-32) under `folder`.

    Returns:
        its sha256.
    """
    lines = sorted(f"{crc:08x} {size} {place.relative_to(folder).as_posix()}" for place, size, crc in files)
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def check_listing(path: Path, folder: Path) -> tuple[int, list[str]]:
    """Compare a folder's files with their listing.

    Returns:
        how many files are listed, and what is wrong with which.
    """
    wrong, lines = [], path.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    for line in lines:
        crc, size, name = line.split(" ", 2)
        file = folder / name
        if not file.is_file():
            wrong.append(f"{file} is missing")
        elif file.stat().st_size != int(size):
            wrong.append(f"{file} has {file.stat().st_size:,} bytes instead of {int(size):,}")
        elif f"{crc32(file):08x}" != crc:
            wrong.append(f"{file} has other content than it had when it was unpacked")
    return len(lines), wrong

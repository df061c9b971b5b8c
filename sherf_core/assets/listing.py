"""The files of a data set that was unpacked: a line each with CRC-32, bytes and path, so that they can be verified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from sherf_core.assets.archive import crc32
from sherf_core.errors import FetchError
from sherf_core.io.atomic import write_bytes

# No path holds a backslash: in archives they are slashes.
_LINE = re.compile(r"(?P<crc>[0-9a-f]{8}) (?P<size>[0-9]{1,18}) (?P<name>[^\0]+)")


def write_listing(path: Path, folder: Path, files: Iterable[tuple[Path, int, int]]) -> str:
    """Write the listing of files (place, bytes, CRC-32) under `folder`.

    Returns:
        its sha256.
    """
    lines = sorted(f"{crc:08x} {size} {_on_one_line(place.relative_to(folder))}" for place, size, crc in files)
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def check_listing(path: Path, folder: Path) -> tuple[int, list[str]]:
    """Compare a folder's files with their listing.

    Returns:
        how many files are listed, and what is wrong with which.

    Raises:
        FetchError: FETCH.MANIFEST, the listing itself is damaged.
    """
    wrong, lines = [], path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    if lines.pop():
        raise _damaged(path, "its last line is cut")
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise _damaged(path, f"line {number} is none of a file")
        crc, size = found["crc"], found["size"]
        file = folder / found["name"].replace("\\n", "\n")
        if not file.is_file():
            wrong.append(f"{file} is missing")
        elif file.stat().st_size != int(size):
            wrong.append(f"{file} has {file.stat().st_size:,} bytes instead of {int(size):,}")
        elif f"{crc32(file):08x}" != crc:
            wrong.append(f"{file} has other content than it had when it was unpacked")
    return len(lines), wrong


def _on_one_line(path: Path) -> str:
    return path.as_posix().replace("\n", "\\n")


def _damaged(path: Path, detail: str) -> FetchError:
    return FetchError(
        f"the list {path} is damaged: {detail}",
        expected="the list that `sherfctl fetch-assets` wrote",
        fix="fetch the data set again, which writes it anew: what is unpacked is kept",
        code="FETCH.MANIFEST",
        path=path,
    )

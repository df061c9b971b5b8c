"""Take files out of archives that others made: nothing lands outside its folder, nothing grows beyond its limits."""

from __future__ import annotations

import errno
import lzma
import re
import stat
import struct
import sys
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sherf_core.assets.space import require_space
from sherf_core.errors import FetchError
from sherf_core.io.atomic import atomic_write

_CHUNK_BYTES = 1 << 20
# Body files and checkpoints shrink to a half at best, pictures not at all.
_LARGEST_RATIO = 200
_MOST_MEMBERS = 3_000_000
# A file is written under a temporary name first, which is 14 characters longer; file systems take 255 bytes.
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 240, 1000, 64
# Control characters, line and paragraph separators, and halves of characters.
_UNUSUAL_CHARACTERS = ("Cc", "Zl", "Zp", "Cs")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\s*(\..*)?", re.IGNORECASE)
# What Python's reader raises for damaged, encrypted or unusual archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, for reading; what goes wrong with it in the block becomes an error of ours.

    Raises:
        FetchError: FETCH.ARCHIVE, it is damaged, encrypted or packed in a way that Python does not know.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            yield content
    except _DAMAGE as error:
        raise refused(archive, f"cannot be unpacked: {error}", "download it again") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # what a position before the file's start ends in
            raise
        raise refused(archive, "cannot be unpacked: its directory is damaged", "download it again") from error


def refused(archive: Path, found: str, fix: str) -> FetchError:
    """The error for an archive that is not to be unpacked."""
    return FetchError(
        f"{archive} {found}", expected="a whole, ordinary zip archive", fix=fix, code="FETCH.ARCHIVE", path=archive
    )


def members(archive: Path) -> list[zipfile.ZipInfo]:
    """The files in an archive, without folders and links.

    Raises:
        FetchError: FETCH.ARCHIVE.
    """
    with opened(archive) as content:
        return [info for info in content.infolist() if not info.is_dir() and not _is_link(info)]


def extract_member(archive: Path, info: zipfile.ZipInfo, target: Path, *, most_bytes: int) -> None:
    """Write one file of an archive to `target`, wherever the archive wants it to be.

    Raises:
        FetchError: FETCH.ARCHIVE (damaged, larger than `most_bytes`, or packed so tightly that it is no such file),
            FETCH.SPACE.
    """
    _require_plausible(archive, info.filename, info.file_size, info.compress_size, most_bytes)
    target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target, info.file_size)
    with opened(archive) as content, atomic_write(target) as temporary:
        _write(content, info, temporary)


def unpack(
    archive: Path,
    place_of: Callable[[PurePosixPath], Path | None],
    folder: Path,
    on_progress: Callable[[int, int], None],
) -> list[tuple[Path, int, int]]:
    """Write the files of an archive to where they belong; those that are there already are kept.

    Args:
        archive: the zip file.
        place_of: the place of a member by its path in the archive, under `folder`; None leaves it out.
        folder: where all of it goes.
        on_progress: is told bytes done and bytes in all.

    Returns:
        place, bytes and CRC-32 of each.

    Raises:
        FetchError: FETCH.ARCHIVE (before anything is written, where a path leads out of the archive or two files want
            the same place), FETCH.EXISTS (a file there is another one: it stays, as does what was unpacked so far),
            FETCH.SPACE.
    """
    chosen = []
    for info in members(archive):
        path = safe_path(archive, info.filename)
        target = place_of(path)
        if target is not None:
            chosen.append((info, folder / target))
    if len(chosen) > _MOST_MEMBERS:
        raise refused(archive, f"holds {len(chosen):,} files", "get it from its publisher")
    _require_no_clash(archive, folder, [target for _, target in chosen])
    total = sum(info.file_size for info, _ in chosen)
    _require_plausible(archive, "its content", total, sum(info.compress_size for info, _ in chosen), sys.maxsize)
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder / archive.name, sum(info.file_size for info, target in chosen if not target.exists()))
    done, listed = 0, []
    with opened(archive) as content:
        for info, target in chosen:
            if target.exists():
                _require_same(target, info)
            else:
                with atomic_write(target, flush=False) as temporary:
                    _write(content, info, temporary)
            done += info.file_size
            listed.append((target, info.file_size, info.CRC))
            on_progress(done, total)
    return listed


def safe_path(archive: Path, name: str) -> PurePosixPath:
    """A member's path, if it stays within the folder that it is unpacked to.

    Raises:
        FetchError: FETCH.ARCHIVE.
    """
    problem = name_problem(name)
    if problem:
        raise refused(archive, f"holds {name[:200]!a}, {problem}", "do not use it: get it from its publisher")
    return PurePosixPath(name.replace("\\", "/"))


def name_problem(name: str) -> str:
    """Why a member of this name cannot be written within a folder on every system; "" if it can."""
    if len(name) > _LONGEST_PATH:
        return f"a path of {len(name):,} characters"
    if not name.isprintable() and any(unicodedata.category(character) in _UNUSUAL_CHARACTERS for character in name):
        return "a path with control characters"
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in name:
        return "a path that leads out of its folder"
    if len(path.parts) > _DEEPEST:
        return f"a path of {len(path.parts)} levels"
    for part in path.parts:
        if len(part.encode()) > _LONGEST_NAME:
            return f"a name of {len(part.encode())} bytes"
        if part.endswith((".", " ")) or _DEVICE.fullmatch(part):
            return "a name that Windows reads as another one"
    return ""


def crc32(path: Path) -> int:
    """The CRC-32 of a file, as zip archives use it."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return value


def _require_no_clash(archive: Path, folder: Path, targets: list[Path]) -> None:
    """See that no two files of an archive want the same place, and none the place of another one's folder."""
    places = set(targets)
    if len(places) < len(targets):
        twice = next(target for target, count in Counter(targets).items() if count > 1)
        words = f"holds {twice.relative_to(folder)} more than once"
        raise refused(archive, words, "do not use it: get it from its publisher")
    own = {target.parent for target in targets}
    folders = own.union(*(place.parents for place in own))
    both = next((target for target in targets if target in folders), None)
    if both is not None:
        words = f"holds {both.relative_to(folder)} as a file and as a folder"
        raise refused(archive, words, "do not use it: get it from its publisher")


def _write(content: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    # The reader stops at the declared size and then compares the sum, so a wrong declaration is an error.
    with content.open(info) as packed, target.open("wb") as file:
        while chunk := packed.read(_CHUNK_BYTES):
            file.write(chunk)


def _require_same(target: Path, info: zipfile.ZipInfo) -> None:
    if target.is_file() and target.stat().st_size == info.file_size and crc32(target) == info.CRC:
        return
    raise FetchError(
        f"another file is at {target} already; it stays as it is",
        expected=f"no file there, or the same one ({info.file_size:,} bytes)",
        fix=f"move it away (mv {target} {target}.old) and run it again: what is unpacked is kept",
        code="FETCH.EXISTS",
        path=target,
    )


def _require_plausible(archive: Path, what: str, size: int, packed: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise refused(archive, f"holds {size:,} bytes as {what!a}, too many", "get it from its publisher")
    if size > _LARGEST_RATIO * max(packed, 1) and size > 1 << 20:
        raise refused(
            archive, f"packs {size:,} bytes into {packed:,} ({what!a})", "do not use it: get it from its publisher"
        )


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)

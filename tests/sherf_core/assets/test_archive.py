"""Archives of others: nothing lands outside, nothing grows without bounds."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from sherf_core.assets.archive import crc32, extract_member, members, safe_path, unpack
from sherf_core.errors import FetchError
from tests.sherf_core.assets.samples import zipped


def archive_of(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "x.zip"
    path.write_bytes(zipped(files))
    return path


def anywhere(path: PurePosixPath) -> Path:
    return Path(*path.parts)


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "..\\a", "C:\\a", "\\\\host\\a", "a\0b", "", "."])
def test_paths_that_lead_out(name: str):
    with pytest.raises(FetchError) as caught:
        safe_path(Path("x.zip"), name)
    assert caught.value.code == "FETCH.ARCHIVE"


CONTROLS = ("a\nb", "a\x1b[31m", "a\u2028b", "a\ud800")
LONG = ("x" * 241, "\u00e4" * 121, "a/" * 501, "a/" * 64 + "b")
WINDOWS = ("a/b:c", "a/nul", "COM1.txt", "con .txt", "a./b", "a /b", "b.")


@pytest.mark.parametrize("name", [*CONTROLS, *LONG, *WINDOWS])
def test_names_that_no_file_should_have(name: str):
    with pytest.raises(FetchError) as caught:
        safe_path(Path("x.zip"), name)
    assert caught.value.code == "FETCH.ARCHIVE"
    assert caught.value.found.isprintable()
    assert len(caught.value.found) < 1000


@pytest.mark.parametrize("name", ["console.txt", "a b/c.d", "\u00e4/\u4eba.png", "x" * 240, "a/" * 63 + "b", ".hidden"])
def test_unusual_names_that_are_fine(name: str):
    assert safe_path(Path("x.zip"), name) == PurePosixPath(name)


@pytest.mark.parametrize("names", [("s1/a", "s1/a/b"), ("s1/a/b/c", "s1/a"), ("a", "./a"), ("a/b", "a\\b")])
def test_clashes_are_told_before_anything_is_written(tmp_path: Path, names: tuple[str, str]):
    path = archive_of(tmp_path, {"first": b"x", **dict.fromkeys(names, b"same")})
    with pytest.raises(FetchError) as caught:
        unpack(path, anywhere, tmp_path / "out", lambda done, total: None)
    assert caught.value.code == "FETCH.ARCHIVE"
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_member_that_is_there_twice(tmp_path: Path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    with pytest.raises(FetchError, match="more than once"):
        unpack(path, anywhere, tmp_path / "out", lambda done, total: None)
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a/b.txt", "a\\b.txt", "./a/b.txt"])
def test_paths_that_stay(name: str):
    assert safe_path(Path("x.zip"), name) == PurePosixPath("a/b.txt")


def test_links_and_folders_are_no_files(tmp_path: Path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
        archive.writestr("link/a.txt", "a")
        archive.mkdir("folder") if hasattr(archive, "mkdir") else archive.writestr("folder/", "")
    assert [info.filename for info in members(path)] == ["link/a.txt"]
    unpack(path, anywhere, tmp_path / "out", lambda done, total: None)
    assert not (tmp_path / "out" / "link").is_symlink()


def test_all_or_nothing_where_one_leads_out(tmp_path: Path):
    path = archive_of(tmp_path, {"a.txt": b"a", "../b.txt": b"b"})
    with pytest.raises(FetchError):
        unpack(path, anywhere, tmp_path / "out", lambda done, total: None)
    assert sorted(tmp_path.iterdir()) == [path]


def test_unpacking_again_keeps_what_is_there(tmp_path: Path):
    path = archive_of(tmp_path, {"a.txt": b"aaa", "b/c.txt": b"cccc"})
    seen: list[tuple[int, int]] = []
    first = unpack(path, anywhere, tmp_path / "out", lambda done, total: seen.append((done, total)))
    assert seen == [(3, 7), (7, 7)]
    times = {place: place.stat().st_mtime_ns for place, _, _ in first}
    assert unpack(path, anywhere, tmp_path / "out", lambda done, total: None) == first
    assert {place: place.stat().st_mtime_ns for place in times} == times
    assert [(crc32(place), place.stat().st_size) for place, _, _ in first] == [(crc, size) for _, size, crc in first]


def test_bombs_and_giants(tmp_path: Path):
    path = archive_of(tmp_path, {"bomb": bytes(5_000_000), "giant": bytes(range(256)) * 10})
    bomb, giant = members(path)
    for info, most in ((bomb, 1 << 30), (giant, 2559)):
        with pytest.raises(FetchError) as caught:
            extract_member(path, info, tmp_path / "out", most_bytes=most)
        assert caught.value.code == "FETCH.ARCHIVE"
        assert not (tmp_path / "out").exists()
    extract_member(path, giant, tmp_path / "out", most_bytes=2560)
    assert (tmp_path / "out").read_bytes() == bytes(range(256)) * 10


def test_a_declared_size_that_is_too_small_ends_in_an_error(tmp_path: Path):
    path = archive_of(tmp_path, {"a": bytes(range(256)) * 100})
    (info,) = members(path)
    info.file_size = 100
    with pytest.raises(FetchError) as caught:
        extract_member(path, info, tmp_path / "out", most_bytes=1000)
    assert caught.value.code == "FETCH.ARCHIVE"
    assert not (tmp_path / "out").exists()


def test_damage_anywhere_ends_in_an_error_or_in_the_right_bytes(tmp_path: Path):
    content = bytes(range(256)) * 4
    whole = zipped({"a.bin": content})
    path, target, refusals = tmp_path / "x.zip", tmp_path / "out", 0
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        path.write_bytes(broken)
        refusals += extracted_whole(path, target, content)
    assert refusals > len(whole) // 2


def extracted_whole(path: Path, target: Path, content: bytes) -> bool:
    """Whether the archive was refused; otherwise its file is whole, or it holds none."""
    try:
        for info in members(path):
            extract_member(path, info, target, most_bytes=1 << 20)
    except FetchError:
        return not target.exists()
    if target.exists():
        assert target.read_bytes() == content
        target.unlink()
    return False


def test_an_encrypted_archive(tmp_path: Path):
    path = archive_of(tmp_path, {"a.bin": b"abc"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag, in the file's own header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    (info,) = members(path)
    with pytest.raises(FetchError) as caught:
        extract_member(path, info, tmp_path / "out", most_bytes=1000)
    assert "password" in caught.value.found or "encrypted" in caught.value.found

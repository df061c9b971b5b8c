"""The list of a data set's files: odd names, and lists that are damaged."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from sherf_core.assets.listing import check_listing, write_listing
from sherf_core.assets.record import Entry
from sherf_core.assets.verify import verdict_on
from sherf_core.errors import FetchError
from sherf_core.io.digest import sha256

NAMES = ["a\nb/0.jpg", "a b.jpg", "c\r.jpg", "d\x85\u2028e.jpg", "f\x0b\x1c.jpg", "g\udcff.jpg"]


def test_names_with_line_breaks_and_other_oddities(tmp_path: Path):
    folder, listing = tmp_path / "data", tmp_path / "x.listing"
    listed = []
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
        listed.append((path, path.stat().st_size, zlib.crc32(path.read_bytes())))
    write_listing(listing, folder, listed)
    assert check_listing(listing, folder) == (len(NAMES), [])
    (folder / NAMES[0]).write_bytes(b"x")
    count, wrong = check_listing(listing, folder)
    assert (count, len(wrong)) == (len(NAMES), 1)


@pytest.mark.parametrize("content", [b"x\n", b"00000000 1\n", b"00000000 1 a", b"0000000g 1 a\n", b"\n"])
def test_damaged_lists_are_said(tmp_path: Path, content: bytes):
    listing = tmp_path / "x.listing"
    listing.write_bytes(content)
    with pytest.raises(FetchError, match=r"the list .* is damaged") as caught:
        check_listing(listing, tmp_path)
    assert caught.value.code == "FETCH.MANIFEST"
    entry = Entry("renderpeople", "x", ".", 1, sha256(listing), "s", listing="x.listing")
    assert verdict_on(tmp_path, "renderpeople", tmp_path, entry).code == "FETCH.MANIFEST"

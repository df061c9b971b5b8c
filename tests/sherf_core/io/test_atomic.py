from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sherf_core.io.atomic import atomic_write, write_bytes, write_json, write_text
from sherf_core.io.digest import sha256


def test_the_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "picture.png"
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert os.listdir(path.parent) == ["picture.png"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(failure: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half of the n")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["metrics.json"]


def test_a_writer_may_put_another_file_in_place(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "x.npz") as temporary:
        temporary.unlink()
        temporary.write_bytes(b"anew")
    assert (tmp_path / "x.npz").read_bytes() == b"anew"


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    write_text(tmp_path / "atomic", "x")
    (tmp_path / "ordinary").write_text("x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_text_bytes_and_json(tmp_path: Path) -> None:
    write_bytes(tmp_path / "b", b"\x00\xff")
    write_text(tmp_path / "t", "grün\n")
    write_json(tmp_path / "j.json", {"psnr": 21.5, "name": "grün"})
    assert (tmp_path / "b").read_bytes() == b"\x00\xff"
    assert (tmp_path / "t").read_text(encoding="utf-8") == "grün\n"
    assert json.loads((tmp_path / "j.json").read_text(encoding="utf-8")) == {"psnr": 21.5, "name": "grün"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "j.json", {"psnr": float("nan")})
    assert "21.5" in (tmp_path / "j.json").read_text()


def test_sha256(tmp_path: Path) -> None:
    # The vectors of FIPS 180-2.
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "long").write_bytes(b"a" * 1_000_000)
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "long") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

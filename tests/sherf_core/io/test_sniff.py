from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sherf_core.errors import BrokenFileError
from sherf_core.io.sniff import FileKind, inspect_pickle, require_kind, sniff

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:98e65c74ad9b998783132f00880d1025a8d64b158e040e6ef13a557e5098bc42\nsize 39001280\n"
)
WITH_CODE = {
    "HTML": [b"<!DOCTYPE html><html>log in</html>", b"\xef\xbb\xbf\n  <html lang='de'>", b"<?xml version='1.0'?><a/>"],
    "LFS": [LFS_POINTER, b"version https://git-lfs.github.com/spec/v1\n"],
    "ZIP": [
        b"PK\x03\x04rest",
        gzip.compress(b"x", mtime=0),
        b"BZh91AY",
        b"\xfd7zXZ\x00\x00",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a",
    ],
    "TRUNC": [b""],
    "STRUCT": [b"\x89PNG\r\n", b"\x93NUMPY\x01\x00", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", b"hello"],
}


@pytest.mark.parametrize("code", WITH_CODE)
def test_what_is_no_pickle(code: str, tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    for content in WITH_CODE[code]:
        path.write_bytes(content)
        with pytest.raises(BrokenFileError) as caught:
            require_kind(path, FileKind.PICKLE)
        assert caught.value.code == code, content
        assert caught.value.path == path
        assert str(path) in caught.value.found
        assert caught.value.fix


def test_a_pointer_says_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(LFS_POINTER)
    assert sniff(path).stands_for == 39001280
    with pytest.raises(BrokenFileError, match="39,001,280 bytes") as caught:
        require_kind(path, FileKind.PICKLE)
    assert caught.value.fix == "git lfs pull"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [{}, [1], (1, 2), {"a": np.zeros(2)}, "text", 1, 1.5, None, np.zeros(2)])
def test_pickles_of_every_protocol(protocol: int, value: object, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert require_kind(path, FileKind.PICKLE).kind is FileKind.PICKLE


def test_missing_and_unreadable(tmp_path: Path) -> None:
    assert sniff(tmp_path / "nothing").kind is FileKind.MISSING
    assert sniff(tmp_path).kind is FileKind.UNREADABLE
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BrokenFileError) as caught:
            require_kind(path, FileKind.PICKLE)
        assert caught.value.code == "MISSING"


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        facts = sniff(path)
        assert facts.kind is FileKind.UNREADABLE
        assert "no regular file" in facts.detail
    assert sniff(tmp_path).detail == "it is a folder"


@pytest.mark.parametrize("length", [0x3C20, 0x3C09, 0x3C, 0x7B, 200])
def test_lengths_that_look_like_letters(length: int, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{" + b" " * (length - 2) + b"}")
    assert sniff(path).kind is FileKind.SAFETENSORS


def test_a_zip_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"x" * 1000)
    assert require_kind(path, FileKind.ZIP).kind is FileKind.ZIP
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BrokenFileError) as caught:
        require_kind(path, FileKind.ZIP)
    assert caught.value.code == "TRUNC"


def test_inspection_of_whole_and_cut_pickles(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    content = pickle.dumps({"v_template": np.zeros((100_000, 3)), "bs_style": "lbs"}, protocol=4)
    path.write_bytes(content)
    facts = inspect_pickle(path)
    assert not facts.problem
    assert facts.globals == tuple(name for name in facts.globals if name.startswith("numpy")), (
        "the names of numpy and nothing else"
    )
    assert "numpy.dtype" in facts.globals

    path.write_bytes(content + b"more")
    assert inspect_pickle(path).trailing_bytes == 4
    for end in (1, 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:end])
        assert inspect_pickle(path).truncated
        assert inspect_pickle(path).problem
    path.write_bytes(b"\x80\x04\xff")
    assert inspect_pickle(path).problem
    assert not inspect_pickle(path).truncated


def test_inspection_follows_objects_that_it_does_not_know(tmp_path: Path) -> None:
    # Published checkpoints fill, call and nest such objects.
    path = tmp_path / "x.pkl"
    path.write_bytes(
        b"ccollections\nOrderedDict\n)R(S'a'\nI1\nu(S'b'\nI2\nd0ctraining.networks\nThing\n)R]b(I1\nI2\ne)R\x94."
    )
    facts = inspect_pickle(path)
    assert facts.globals == ("collections.OrderedDict", "training.networks.Thing")


def test_the_doctor_can_use_it_without_numpy_and_torch() -> None:
    code = (
        "import sys, sherf_core.io.sniff, sherf_core.io.digest, sherf_core.io.atomic\n"
        "print([name for name in ('numpy', 'torch', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

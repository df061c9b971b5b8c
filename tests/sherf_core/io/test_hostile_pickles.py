"""Nothing of a hostile file runs, and each failure is a typed error."""

from __future__ import annotations

import io
import pickle
import random
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sherf_core.errors import BrokenFileError, UnsafePickleError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.safe_pickle import load_numpy, load_pickle
from sherf_core.io.sniff import inspect_pickle


def object_npy(pickled: bytes, shape: tuple[int, ...] = (1,)) -> bytes:
    """A .npy file that declares an object array and continues with any pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    return file.getvalue() + pickled


def npz(**members: bytes) -> bytes:
    """A .npz file with these .npy files in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name + ".npy", content)
    return file.getvalue()


def test_the_pickles_are_hostile(hostile_pickles: dict, ran: Callable[[], bool]) -> None:
    # Python's own unpickler runs them: without this the tests below would prove nothing.
    pickle.loads(hostile_pickles["system, protocol 4"][0])
    assert ran()


@pytest.mark.parametrize("form", ["pkl", "npy", "npz"])
def test_hostile_pickles_do_not_run(form: str, hostile_pickles: dict, ran: Callable[[], bool], tmp_path: Path) -> None:
    assert len(hostile_pickles) > 60
    for name, (content, expected) in hostile_pickles.items():
        path = tmp_path / f"hostile.{form}"
        if form == "pkl":
            path.write_bytes(content)
        else:
            member = object_npy(content)
            path.write_bytes(member if form == "npy" else npz(fine=_plain_npy(), hostile=member))
        with pytest.raises(UnsafePickleError) as caught:
            load_pickle(path, constructors=BODY_CONSTRUCTORS) if form == "pkl" else load_numpy(path)
        assert expected in caught.value.found, name
        assert str(path) in caught.value.found
        assert caught.value.code == "UNSAFE"
        assert not ran(), name


def test_hostile_inside_chumpy(hostile_pickles: dict, ran: Callable[[], bool], tmp_path: Path) -> None:
    inner, expected = hostile_pickles["system, protocol 0"]
    path = tmp_path / "hostile.pkl"
    path.write_bytes(b"(ichumpy.ch\nCh\n(S'x'\n" + inner[:-1] + b"db.")
    with pytest.raises(UnsafePickleError, match=expected):
        load_pickle(path, constructors=BODY_CONSTRUCTORS)
    assert not ran()


def test_named_modules_are_not_imported(hostile_pickles: dict, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pkl"
    path.write_bytes(hostile_pickles["import by name alone"][0])
    with pytest.raises(UnsafePickleError):
        load_pickle(path)
    assert "antigravity" not in sys.modules


def test_inspection_lists_the_globals_and_runs_nothing(
    hostile_pickles: dict, ran: Callable[[], bool], tmp_path: Path
) -> None:
    path = tmp_path / "hostile.pkl"
    for name, (content, expected) in hostile_pickles.items():
        path.write_bytes(content)
        facts = inspect_pickle(path)
        assert any(expected in listed for listed in facts.globals), name
        assert not facts.truncated, name
        assert not ran(), name


def _plain_npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


def _array_pickle(shape: tuple[int, ...], data: bytes, dtype: str = "f8") -> bytes:
    content = pickle.dumps((3, shape, "DTYPE", False, data), protocol=3)
    kind = b"cnumpy\ndtype\nX" + struct.pack("<I", len(dtype)) + dtype.encode() + b"\x85R"
    state = content[2:-1].replace(b"X\x05\x00\x00\x00DTYPE", kind)
    return b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n)R" + state + b"b."


def _nested(opening: bytes, closing: bytes, depth: int = 10_000) -> bytes:
    return b"\x80\x02" + opening * depth + b"N" + closing * depth + b"."


def _doubling(end: bytes, depth: int = 60) -> bytes:
    """((x, x), (x, x)) and so on: small to write, 2**depth parts to walk."""
    return b"\x80\x04N" + b"2\x86" * depth + end


REFUSED = {
    "shape larger than its bytes": _array_pickle((1000, 1000, 1000, 1000), b"\0" * 8),
    "shape smaller than its bytes": _array_pickle((1,), b"\0" * 16),
    "negative extent": _array_pickle((-1, -1), b"\0" * 8),
    "extents whose product overflows": _array_pickle((1 << 62, 4), b""),
    "too many dimensions": _array_pickle((1,) * 40, b"\0" * 8),
    "objects in bytes": _array_pickle((1,), b"\0" * 8, "O8"),
    "structures": _array_pickle((1,), b"\0" * 8, "V8"),
    "impossible characters": _array_pickle((1,), b"\xff\xff\xff\x7f", "U1"),
    "text of endless length": _array_pickle((1,), b"", "U99999999"),
    "forged length of bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.",
    "forged length of a frame of text": b"\x80\x04\x8d" + struct.pack("<Q", (1 << 63) + 5) + b"abc.",
    "negative length": b"T\xff\xff\xff\xffabc.",
    "endless integer": b"I" + b"9" * 100_000 + b"\n.",
    "endless long": b"\x80\x02\x8b" + struct.pack("<i", 50_000) + b"\x7f" * 50_000 + b".",
    "deep lists": _nested(b"](", b"e"),
    "deep tuples": _nested(b"", b"\x85"),
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "doubled tuples as a key": b"\x80\x04}" + _doubling(b"Ns.")[2:],
    "doubled tuples in a set": b"\x80\x04\x8f(" + _doubling(b"\x90.")[2:],
    "doubled tuples as a shape": b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + _doubling(b"NN]tb.")[2:],
    "doubled tuples as a dtype": b"cnumpy\ndtype\n(" + _doubling(b"tR.")[2:],
    "unhashable key": b"\x80\x02}]Ns.",
    "bytes of a number": b"c__builtin__\nbytearray\n(J\xff\xff\xff\x7ftR.",
    "state for a list": b"\x80\x02]}b.",
    "state for a class": b"cnumpy\nndarray\n}b.",
    "call of a list": b"](tR.",
    "extension registry": b"\x80\x02\x82\x01.",
    "persistent id": b"Psomething\n.",
    "persistent id on the stack": b"\x80\x02K\x01Q.",
    "buffer out of band": b"\x80\x05\x97.",
    "protocol of the future": b"\x80\x05\x80\x06N.",
    "memo never set": b"\x80\x02h\x05.",
    "mark never set": b"\x80\x02t.",
    "empty stack": b"\x80\x02.",
    "odd dictionary": b"(Nd.",
    "no instruction": b"\x80\x02\xff.",
    "no array in it": b"cnumpy.core.multiarray\n_reconstruct\n)R.",
    "an array in itself": b"cnumpy.core.multiarray\n_reconstruct\n)Rp0\n(K\x03)cnumpy\ndtype\n(S'O8'\ntRI00\n(g0\nltb.",
}


@pytest.mark.parametrize("name", REFUSED)
def test_absurd_pickles_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "absurd.pkl"
    path.write_bytes(REFUSED[name])
    with pytest.raises(BrokenFileError) as caught:
        load_pickle(path)
    assert caught.value.code in ("TRUNC", "STRUCT")
    assert str(path) in caught.value.found
    assert len(str(caught.value)) < 2000


def test_a_small_file_cannot_fill_the_memory(tmp_path: Path) -> None:
    # One megabyte of text, encoded ten thousand times: ten gigabytes, were there no limit.
    text = "x" * (1 << 20)
    start = b"\x80\x02X" + struct.pack("<I", len(text)) + text.encode() + b"q\x000c_codecs\nencode\nq\x010]("
    path = tmp_path / "bomb.pkl"
    path.write_bytes(start + b"h\x01h\x00\x85R" * 10_000 + b"e.")
    with pytest.raises(BrokenFileError, match="memory"):
        load_pickle(path)


def test_a_selection_cannot_fill_the_memory(tmp_path: Path) -> None:
    # Each view selects the same hundred thousand indices again.
    indices = pickle.dumps(np.zeros(100_000, np.int64), protocol=2)[2:-1]
    wrapped = b"(ichumpy.ch\nCh\n(S'x'\n" + indices + b"p901\ndb"
    views = b"(ichumpy.reordering\nSelect\n(S'a'\ng900\nS'idxs'\ng901\ndb" * 100
    path = tmp_path / "bomb.pkl"
    path.write_bytes(b"(" + wrapped + b"p900\n" + views + b"l.")
    with pytest.raises(BrokenFileError, match="memory"):
        load_pickle(path, constructors=BODY_CONSTRUCTORS)


def test_a_small_file_cannot_ask_for_many_objects(tmp_path: Path) -> None:
    # 216 bytes for each byte of the file.
    path = tmp_path / "bomb.pkl"
    path.write_bytes(b"\x80\x04(" + b"\x8f" * 900_000 + b"t.")
    with pytest.raises(BrokenFileError, match="memory"):
        load_pickle(path)


def test_long_recordings_of_many_cameras_are_read(tmp_path: Path) -> None:
    images = [{"ims": [f"Camera_B{camera}/{pose:06d}.jpg" for camera in range(23)]} for pose in range(1500)]
    np.save(tmp_path / "annots.npy", {"ims": images}, allow_pickle=True)  # type: ignore[arg-type]
    assert load_numpy(tmp_path / "annots.npy")[()]["ims"] == images


def test_object_npy_must_hold_the_declared_array(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    for pickled in (pickle.dumps([1]), pickle.dumps(np.array([None, None], dtype=object), protocol=3), b"", b"\x80"):
        path.write_bytes(object_npy(pickled))
        with pytest.raises(BrokenFileError):
            load_numpy(path)


def test_npy_cannot_declare_more_than_it_holds(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    path = tmp_path / "large.npy"
    path.write_bytes(file.getvalue() + b"\0" * 8)
    with pytest.raises(BrokenFileError) as caught:
        load_numpy(path)
    assert caught.value.code == "TRUNC"


def _damaged(content: bytes, chooser: random.Random) -> bytes:
    """The content cut short, or with up to three bytes changed, or with a piece left out."""
    way = chooser.randrange(3)
    if way == 0:
        return content[: chooser.randrange(len(content))]
    if way == 1:
        changed = bytearray(content)
        for _ in range(chooser.randint(1, 3)):
            changed[chooser.randrange(len(changed))] ^= 1 << chooser.randrange(8)
        return bytes(changed)
    start = chooser.randrange(len(content))
    return content[:start] + content[start + chooser.randint(1, 20) :]


def _sample() -> dict:
    objects = np.empty(2, dtype=object)
    objects[0], objects[1] = {"K": np.eye(3)}, ["a", 1.5, None]
    return {
        "poses": np.arange(12.0).reshape(3, 4),
        "names": np.array(["ab", "c"]),
        "objects": objects,
        "scalar": np.float32(2.5),
        "large": 10**30,
        "set": {1, 2},
        "bytes": b"\x00\xff",
    }


@pytest.mark.parametrize("form", ["0", "1", "2", "3", "4", "5", "npy", "npz"])
def test_damaged_files_end_in_typed_errors(form: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    if form == "npy":
        np.save(file, np.array(_sample(), dtype=object), allow_pickle=True)
    elif form == "npz":
        np.savez_compressed(file, **{name: np.array(value, dtype=object) for name, value in _sample().items()})
    else:
        pickle.dump(_sample(), file, protocol=int(form))
    chooser = random.Random(f"damage {form}")
    path = tmp_path / "damaged"
    refused = []
    for _ in range(150):
        path.write_bytes(_damaged(file.getvalue(), chooser))
        try:
            load_numpy(path) if form.startswith("np") else load_pickle(path)
        except (BrokenFileError, UnsafePickleError) as error:
            refused.append(error.code)
        inspect_pickle(path)
    assert len(refused) > 50
    assert set(refused) <= {"TRUNC", "STRUCT", "UNSAFE", "HTML", "ZIP"}

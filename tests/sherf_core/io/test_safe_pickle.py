"""What honest files hold comes out as it went in."""

from __future__ import annotations

import collections
import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from sherf_core.errors import BrokenFileError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.safe_pickle import load_numpy, load_pickle
from sherf_core.io.sparse import SparseColumns

ARRAYS = {
    "C order": np.arange(6.0).reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "axes in another order": np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    "big endian": np.arange(4, dtype=">i2"),
    "half": np.arange(4, dtype=np.float16),
    "complex": np.array([1 + 2j]),
    "boolean": np.array([True, False]),
    "text": np.array(["ab", "ü"]),
    "bytes": np.array([b"ab", b"c"]),
    "empty": np.zeros((0, 3)),
    "no dimension": np.array(3.5),
    "unsigned": np.array([4294967295], dtype=np.uint32),
}


def _reload(value: object, protocol: int, path: Path) -> Any:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return load_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    loaded = _reload(ARRAYS, protocol, tmp_path / "arrays.pkl")
    assert list(loaded) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert loaded[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(loaded[name], expected, err_msg=name)
        assert loaded[name].flags.writeable, name


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    shared = [1, 2]
    value = {
        "numbers": [0, 1, 255, 256, 65536, -1, -(10**20), 10**20, 1.5, -0.0, 2j, True, False, None],
        "texts": ["", "plain", "ü€😀", "line\nbreak \\ 'quote'", "x" * 300],
        "bytes": [b"", b"\x00\xff", bytearray(b"ab")],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "sets": [set(), {1, 2}, frozenset({"a"})],
        "shared": [shared, shared],
        3: {(1, 2): "tuple key"},
    }
    loaded = _reload(value, protocol, tmp_path / "plain.pkl")
    assert loaded == value
    assert loaded["shared"][0] is loaded["shared"][1]


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_scalars_and_object_arrays(protocol: int, tmp_path: Path) -> None:
    objects = np.empty((2, 1), dtype=object)
    objects[0, 0], objects[1, 0] = {"K": np.eye(3)}, [np.float32(0.5), "text"]
    ordered = collections.OrderedDict([("b", 1), ("a", np.int64(2))])
    loaded = _reload({"objects": objects, "ordered": ordered, "scalar": np.float64(0.1)}, protocol, tmp_path / "o.pkl")
    assert loaded["objects"].shape == (2, 1)
    np.testing.assert_array_equal(loaded["objects"][0, 0]["K"], np.eye(3))
    assert loaded["objects"][1, 0] == [0.5, "text"]
    assert list(loaded["ordered"].items()) == [("b", 1), ("a", 2)]
    assert loaded["scalar"] == np.float64(0.1)
    assert isinstance(loaded["scalar"], np.float64)


def _python2_array(data: bytes) -> bytes:
    """Two float64 as Python 2 wrote them in protocol 2: the data is a byte string."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", len(data)) + data + b"tb."
    )


def _python2_array_as_text(data: bytes) -> bytes:
    """The same in protocol 0, where strings are quoted with escapes."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I2\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
        b"I00\nS" + repr(data)[1:].encode() + b"\ntb."
    )


@pytest.mark.parametrize("write", [_python2_array, _python2_array_as_text])
def test_python2_arrays(write: Any, tmp_path: Path) -> None:
    expected = np.array([-1.1, 3e300])
    path = tmp_path / "python2.pkl"
    path.write_bytes(write(expected.tobytes()))
    np.testing.assert_array_equal(load_pickle(path), expected)


def test_python2_texts_are_latin1(tmp_path: Path) -> None:
    path = tmp_path / "python2.pkl"
    path.write_bytes(b"\x80\x02}U\x08bs_styleU\x04lb\xe9ss.")
    assert load_pickle(path) == {"bs_style": "lb\xe9s"}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("old_name", [False, True])
def test_csc_matrices(protocol: int, old_name: bool, tmp_path: Path) -> None:
    if old_name and protocol > 3:
        pytest.skip("the old module name is older than protocol 4")
    matrix = scipy.sparse.csc_matrix(np.array([[0, 2.0, 0, 1], [3, 0, 0, 0]]))
    content = pickle.dumps(matrix, protocol=protocol)
    if old_name:
        content = content.replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n")
    path = tmp_path / "sparse.pkl"
    path.write_bytes(content)
    loaded = load_pickle(path)
    assert isinstance(loaded, SparseColumns)
    np.testing.assert_array_equal(loaded.to_dense(), matrix.toarray())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": np.array([0, 5])}, "row numbers"),
        ({"indices": np.array([0, -1])}, "row numbers"),
        ({"indptr": np.array([0, 2, 1])}, "rise"),
        ({"indptr": np.array([0, 1])}, "column starts"),
        ({"data": np.array([1.0])}, "column starts"),
        ({"data": np.array([["a"]])}, "one dimension"),
        ({"data": np.array(["a", "b"])}, "sparse matrix of"),
    ],
)
def test_csc_parts_that_do_not_fit(changes: dict, message: str) -> None:
    parts = {"data": np.array([1.0, 2.0]), "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2])}
    with pytest.raises(ValueError, match=message):
        SparseColumns(**{**parts, **changes}, shape=(2, 2)).to_dense()


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Classes that pickle as chumpy's do; only their names and attributes matter."""
    classes = {}
    for module_name, names in {
        "chumpy": [],
        "chumpy.ch": ["Ch"],
        "chumpy.reordering": ["Select", "transpose", "swapaxes", "rollaxis", "Reshape"],
    }.items():
        module = types.ModuleType(module_name)
        for name in names:
            classes[name] = type(
                name, (), {"__module__": module_name, "__init__": lambda self, **k: vars(self).update(k)}
            )
            setattr(module, name, classes[name])
        monkeypatch.setitem(sys.modules, module_name, module)
    return types.SimpleNamespace(**classes)


@pytest.mark.parametrize("protocol", range(6))
def test_chumpy_arrays_and_views(protocol: int, chumpy: types.SimpleNamespace, tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    wrapped = chumpy.Ch(x=array, _dirty_vars={"x"}, _itr=None)
    value = {
        "plain": wrapped,
        "select": chumpy.Select(a=wrapped, idxs=np.array([3, 0, 3])),
        "shaped select": chumpy.Select(a=wrapped, idxs=np.array([[5, 1]]).ravel(), preferred_shape=(2, 1)),
        "transpose": chumpy.transpose(a=wrapped, axes=None),
        "transpose by axes": chumpy.transpose(a=wrapped, axes=(1, 0, 2)),
        "swap": chumpy.swapaxes(a=wrapped, axis1=0, axis2=2),
        "roll": chumpy.rollaxis(a=wrapped, axis=2, start=0),
        "view of a view": chumpy.Reshape(a=chumpy.transpose(a=wrapped, axes=None), newshape=(4, 6)),
    }
    expected = {
        "plain": array,
        "select": np.array([3.0, 0.0, 3.0]),
        "shaped select": np.array([[5.0], [1.0]]),
        "transpose": array.T,
        "transpose by axes": array.transpose(1, 0, 2),
        "swap": array.swapaxes(0, 2),
        "roll": np.moveaxis(array, 2, 0),
        "view of a view": array.T.reshape(4, 6),
    }
    path = tmp_path / "chumpy.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    loaded = load_pickle(path, constructors=BODY_CONSTRUCTORS)
    for name, array in expected.items():
        np.testing.assert_array_equal(loaded[name], array, err_msg=name)


def test_chumpy_views_that_do_not_fit(chumpy: types.SimpleNamespace, tmp_path: Path) -> None:
    wrapped = chumpy.Ch(x=np.arange(4.0))
    path = tmp_path / "chumpy.pkl"
    for view in (
        chumpy.Ch(),
        chumpy.Ch(x="text"),
        chumpy.Select(a=wrapped, idxs=np.array([9])),
        chumpy.Select(a=wrapped),
        chumpy.transpose(a=wrapped, axes=(0, 1)),
        chumpy.Reshape(a=wrapped, newshape=(3, 3)),
    ):
        path.write_bytes(pickle.dumps(view))
        with pytest.raises(BrokenFileError) as caught:
            load_pickle(path, constructors=BODY_CONSTRUCTORS)
        assert caught.value.code == "STRUCT"


def test_npy_and_npz(tmp_path: Path) -> None:
    for name, array in ARRAYS.items():
        np.save(tmp_path / "one.npy", array)
        loaded = load_numpy(tmp_path / "one.npy")
        assert loaded.dtype == array.dtype, name
        np.testing.assert_array_equal(loaded, array, err_msg=name)
        assert loaded.flags.writeable
    np.savez(tmp_path / "many.npz", **ARRAYS)
    loaded = load_numpy(tmp_path / "many.npz")
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array, err_msg=name)


def test_dictionaries_in_npy_and_npz(tmp_path: Path) -> None:
    # The two forms of the data sets: annots.npy and refit_smpl_2nd.npz.
    cameras = {"cams": [{"K": np.eye(3), "T": np.zeros((3, 1))}], "ims": [{"ims": ["a.jpg", "b.jpg"]}]}
    np.save(tmp_path / "annots.npy", cameras, allow_pickle=True)
    loaded = load_numpy(tmp_path / "annots.npy").item()
    np.testing.assert_array_equal(loaded["cams"][0]["K"], np.eye(3))
    assert loaded["ims"] == cameras["ims"]

    np.savez(tmp_path / "refit.npz", smpl={"betas": np.ones((1, 10)), "gender": "neutral"})
    loaded = load_numpy(tmp_path / "refit.npz")["smpl"].item()
    np.testing.assert_array_equal(loaded["betas"], np.ones((1, 10)))
    assert loaded["gender"] == "neutral"


def test_files_of_another_kind(tmp_path: Path) -> None:
    array = tmp_path / "array.npy"
    np.save(array, np.zeros(3))
    plain = tmp_path / "plain.pkl"
    plain.write_bytes(pickle.dumps(1))
    for load, path in ((load_pickle, array), (load_numpy, plain)):
        with pytest.raises(BrokenFileError) as caught:
            load(path)
        assert caught.value.code == "STRUCT"
        assert "expected:" in str(caught.value)
    with pytest.raises(BrokenFileError) as caught:
        load_pickle(tmp_path / "nothing.pkl")
    assert caught.value.code == "MISSING"

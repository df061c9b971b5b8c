from __future__ import annotations

import gzip
import lzma
import os
import pickle
import random
import runpy
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body
from sherf_core.errors import BodyFileError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.safe_pickle import load_pickle
from sherf_core.io.sniff import inspect_pickle

MakeBody = Callable[..., dict[str, Any]]


def _write(path: Path, body: dict[str, Any], protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(body, protocol=protocol))
    return path


def _refusal(path: Path) -> BodyFileError:
    with pytest.raises(BodyFileError) as caught:
        load_body(path)
    assert str(path) in caught.value.found
    assert caught.value.fix
    return caught.value


def _assert_holds(arrays: BodyArrays, body: dict[str, Any]) -> None:
    """The arrays are those of the body, rounded to float32."""
    for name in ("v_template", "posedirs", "weights"):
        np.testing.assert_array_equal(getattr(arrays, name), body[name].astype(np.float32), err_msg=name)
    np.testing.assert_array_equal(arrays.shapedirs, body["shapedirs"][:, :, :10].astype(np.float32))
    np.testing.assert_array_equal(arrays.J_regressor, body["J_regressor"].toarray().astype(np.float32))
    np.testing.assert_array_equal(arrays.faces, body["f"])
    assert arrays.parents.tolist() == [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    assert arrays.shape_components == body["shapedirs"].shape[2]


def test_the_embedded_free_body() -> None:
    arrays = load_body()
    vertices = len(arrays.v_template)
    assert arrays.source == "embedded free body"
    assert arrays.faces.max() == vertices - 1
    np.testing.assert_allclose(arrays.weights.astype(np.float64).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(arrays.J_regressor.sum(axis=1), 1, atol=1e-5)
    assert arrays.J_regressor.shape == (24, vertices)
    assert arrays.parents[0] == -1


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(("vertices", "shapes"), [(100, 10), (37, 300)])
def test_pickles(protocol: int, vertices: int, shapes: int, small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body(vertices, shapes)
    path = _write(tmp_path / "SMPL_NEUTRAL.pkl", body, protocol)
    arrays = load_body(path)
    _assert_holds(arrays, body)
    assert arrays.source == str(path)


def test_python2_pickles_with_chumpy(small_body: MakeBody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def set_attributes(self: object, **attributes: object) -> None:
        vars(self).update(attributes)

    classes = {}
    for module_name, name in (("chumpy", "chumpy"), ("chumpy.ch", "Ch"), ("chumpy.reordering", "transpose")):
        module = types.ModuleType(module_name)
        classes[name] = type(name, (), {"__module__": module_name, "__init__": set_attributes})
        setattr(module, name, classes[name])
        monkeypatch.setitem(sys.modules, module_name, module)
    body = small_body()
    wrapped = {
        **body,
        "v_template": classes["Ch"](x=body["v_template"], _dirty_vars={"x"}),
        "shapedirs": classes["Ch"](x=body["shapedirs"]),
        "posedirs": classes["transpose"](a=classes["Ch"](x=body["posedirs"].transpose(2, 1, 0).copy()), axes=None),
    }
    # Names of modules as they were in 2015.
    content = pickle.dumps(wrapped, protocol=2).replace(b"cnumpy._core.", b"cnumpy.core.")
    content = content.replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n")
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    _assert_holds(load_body(path), body)


@pytest.mark.parametrize("form", ["dense", "parts", "parts with shape", "object"])
def test_npz(form: str, small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body()
    matrix = body["J_regressor"]
    arrays = {name: value for name, value in body.items() if name != "J_regressor"}
    parts = {f"J_regressor_{name}": getattr(matrix, name) for name in ("data", "indices", "indptr")}
    arrays |= {
        "dense": {"J_regressor": matrix.toarray()},
        "parts": parts,
        "parts with shape": {**parts, "J_regressor_shape": np.array(matrix.shape)},
        "object": {"J_regressor": np.array(matrix, dtype=object)},
    }[form]
    np.savez(tmp_path / "body.npz", **arrays)
    _assert_holds(load_body(tmp_path / "body.npz"), body)


def test_half_precision_weights_are_made_to_sum_to_one(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body()
    body["weights"] = body["weights"].astype(np.float16)
    assert np.abs(body["weights"].astype(np.float64).sum(axis=1) - 1).max() > 1e-5
    weights = load_body(_write(tmp_path / "body.pkl", body)).weights
    np.testing.assert_allclose(weights.astype(np.float64).sum(axis=1), 1, atol=1e-6)


def test_a_signed_root_and_other_joint_names(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body()
    table = body["kintree_table"].astype(np.int64)
    table[0, 0] = -1
    table[:, 1:] += 100
    table[1, 0] = 100
    body["kintree_table"] = table
    _assert_holds(load_body(_write(tmp_path / "body.pkl", body)), body)


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 247186228\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE html><html><body>Please log in", "SMPL.HTML"),
        (LFS_POINTER, "SMPL.LFS"),
        (b"PK\x03\x04" + b"x" * 100, "SMPL.ZIP"),
        (gzip.compress(b"x", mtime=0), "SMPL.ZIP"),
        (b"", "SMPL.TRUNC"),
        (b"\x80\x02]q\x00(K\x01", "SMPL.TRUNC"),
        (pickle.dumps([1, 2]), "SMPL.STRUCT"),
        (b"\x80\x02\xff\xff", "SMPL.STRUCT"),
        (b"OBJ file", "SMPL.STRUCT"),
    ],
)
def test_files_of_another_kind(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    assert _refusal(path).code == code


def test_missing_and_cut_files(small_body: MakeBody, tmp_path: Path) -> None:
    assert _refusal(tmp_path / "nothing.pkl").code == "SMPL.MISSING"
    whole = _write(tmp_path / "SMPL_NEUTRAL.pkl", small_body()).read_bytes()
    for end in (2, len(whole) // 3, len(whole) - 1):
        (tmp_path / "cut.pkl").write_bytes(whole[:end])
        assert _refusal(tmp_path / "cut.pkl").code == "SMPL.TRUNC"
    np.savez(tmp_path / "whole.npz", a=np.zeros(1000))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:500])
    assert _refusal(tmp_path / "cut.npz").code == "SMPL.TRUNC"


def _without_faces(body: dict) -> None:
    del body["f"], body["weights"]


def _entry(name: str, index: tuple[int, ...], value: float) -> Callable[[dict], None]:
    def change(body: dict) -> None:
        body[name][index] = value

    return change


def _replaced(name: str, make: Callable[[Any], Any]) -> Callable[[dict], None]:
    def change(body: dict) -> None:
        body[name] = make(body[name])

    return change


STRUCTURE = {
    "missing keys": (_without_faces, "lacks weights, f"),
    "vertices in a plane": (_replaced("v_template", lambda a: a[:, :2]), "(100, 2) in v_template"),
    "no vertices": (_replaced("v_template", lambda a: a[:0]), "(0, 3) in v_template"),
    "vertices in a list": (_replaced("v_template", lambda a: a.tolist()), "a list in v_template"),
    "texts for numbers": (_replaced("v_template", lambda a: a.astype(str)), "in v_template"),
    "another number of vertices": (_replaced("shapedirs", lambda a: a[:50]), "(50, 3, 10) in shapedirs"),
    "too few shapes": (_replaced("shapedirs", lambda a: a[:, :, :9]), "9 shape directions"),
    "pose directions of another body": (_replaced("posedirs", lambda a: a[:, :, :200]), "(100, 3, 200) in posedirs"),
    "flat pose directions": (_replaced("posedirs", lambda a: a.reshape(300, 207)), "(300, 207) in posedirs"),
    "weights of 52 joints": (_replaced("weights", lambda a: np.zeros((100, 52))), "(100, 52) in weights"),
    "weights that do not add up": (_entry("weights", (7, 3), 5.0), "vertex 7"),
    "NaN in the template": (_entry("v_template", (3, 1), np.nan), "1 values in v_template"),
    "infinity in the shapes": (_entry("shapedirs", (3, 1, 2), np.inf), "1 values in shapedirs"),
    "beyond float32": (_entry("posedirs", (3, 1, 2), 1e300), "1 values in posedirs"),
    "NaN in the weights": (_entry("weights", (3, 1), np.nan), "1 values in weights"),
    "NaN in the regressor": (_replaced("J_regressor", lambda a: a * np.nan), "in J_regressor"),
    "turned regressor": (_replaced("J_regressor", lambda a: scipy.sparse.csc_matrix(a.T)), "(100, 24) in J_regressor"),
    "dense turned regressor": (_replaced("J_regressor", lambda a: a.toarray().T), "(100, 24) in J_regressor"),
    "faces beyond the vertices": (_entry("f", (0, 0), 100), "vertices 0 to 99"),
    "negative faces": (_replaced("f", lambda a: a.astype(np.int64) - 50), "faces with vertices -"),
    "faces of four": (_replaced("f", lambda a: np.zeros((9, 4), int)), "(9, 4) in f"),
    "fractional faces": (_replaced("f", lambda a: a.astype(float)), "float64 in f"),
    "a longer tree": (_replaced("kintree_table", lambda a: np.zeros((2, 55), int)), "(2, 55) in kintree_table"),
    "a joint before its parent": (_entry("kintree_table", (0, 4), 9), "joint 4 the parent 9"),
    "a parent that is not there": (_entry("kintree_table", (0, 4), 77), "joint 4 the parent 77"),
    "two roots": (_entry("kintree_table", (0, 4), 4294967295), "joint 4 the parent"),
    "no root": (_entry("kintree_table", (0, 0), 3), "root 3"),
    "the same joint twice": (_entry("kintree_table", (1, 23), 22), "23 joints"),
}


@pytest.mark.parametrize("name", STRUCTURE)
def test_wrong_structure(name: str, small_body: MakeBody, tmp_path: Path) -> None:
    change, words = STRUCTURE[name]
    body = small_body()
    change(body)
    error = _refusal(_write(tmp_path / "SMPL_NEUTRAL.pkl", body))
    assert error.code == "SMPL.STRUCT"
    assert words in str(error)
    assert error.expected


def test_broken_sparse_regressors(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body()
    matrix = body.pop("J_regressor")
    parts = {f"J_regressor_{name}": getattr(matrix, name) for name in ("data", "indices", "indptr")}
    for changes in (
        {"J_regressor_indices": matrix.indices + 24},
        {"J_regressor_indptr": matrix.indptr[:-1]},
        {"J_regressor_data": matrix.data[:-1]},
    ):
        np.savez(tmp_path / "body.npz", **{**body, **parts, **changes})
        assert _refusal(tmp_path / "body.npz").code == "SMPL.STRUCT"


def test_smplx_is_recognised(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body()
    body["v_template"] = np.zeros((10475, 3))
    assert _refusal(_write(tmp_path / "SMPL_NEUTRAL.pkl", body)).code == "SMPL.SMPLX"
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", v_template=np.zeros((10475, 3)), f=np.zeros((20908, 3), int))
    assert _refusal(tmp_path / "SMPLX_NEUTRAL.npz").code == "SMPL.SMPLX"


class _Attack:
    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple:
        return os.system, (self._command,)


@pytest.mark.parametrize("place", ["value", "array", "regressor", "npz"])
def test_hostile_bodies_do_not_run(place: str, small_body: MakeBody, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    attack = _Attack(f"touch {ran}")
    body = small_body()
    path = tmp_path / ("body.npz" if place == "npz" else "body.pkl")
    if place == "value":
        body["bs_style"] = attack
    elif place == "regressor":
        body["J_regressor"].__dict__["data"] = attack
    else:
        body["v_template"] = np.array([attack], dtype=object)
    if place == "npz":
        np.savez(path, **{**body, "J_regressor": body["J_regressor"].toarray()})
    else:
        _write(path, body)
    error = _refusal(path)
    assert error.code == "SMPL.UNSAFE"
    assert f"{os.system.__module__}.system" in error.found
    assert not ran.exists()


@pytest.mark.parametrize("form", ["pkl", "npz"])
def test_damaged_bodies_load_or_end_in_typed_errors(form: str, small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body(vertices=8)
    path = tmp_path / f"body.{form}"
    if form == "npz":
        np.savez_compressed(path, **{**body, "J_regressor": body["J_regressor"].toarray()})
    else:
        _write(path, body)
    whole = path.read_bytes()
    chooser = random.Random(f"body {form}")
    refused = 0
    for number in range(150):
        if number % 2:
            damaged = bytearray(whole)
            # Early bytes more often than late ones: numbers at the end would mostly still load.
            for _ in range(4):
                damaged[int(len(whole) * chooser.random() ** 4)] ^= 1 << chooser.randrange(8)
            path.write_bytes(bytes(damaged))
        else:
            path.write_bytes(whole[: chooser.randrange(len(whole))])
        try:
            assert isinstance(load_body(path), BodyArrays)
        except BodyFileError as error:
            refused += error.code.startswith("SMPL.")
    assert refused >= 75


def test_the_synthetic_body_of_smpl_s_exact_layout(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    with lzma.open(shared / "golden" / "BODY_SYNTHETIC.pkl.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    arrays = load_body(path)
    # scipy no longer knows the name that the file has for its own class.
    content = path.read_bytes().replace(b"cscipy.sparse.csc\n", b"cscipy.sparse._csc\n")
    body = pickle.loads(content, encoding="latin1")
    assert arrays.v_template.shape == (6890, 3)
    assert arrays.faces.shape == (13776, 3)
    _assert_holds(arrays, body)


def test_a_file_that_python2_and_chumpy_wrote(tmp_path: Path) -> None:
    folder = Path(__file__).with_name("python2")
    expected = runpy.run_path(str(folder / "make_body.py"))["body"]()
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(lzma.decompress((folder / "body.pkl.xz").read_bytes()))
    assert "chumpy.reordering.Select" in inspect_pickle(path).globals

    content = load_pickle(path, constructors=BODY_CONSTRUCTORS)
    assert (content["bs_style"], content["bs_type"]) == ("lbs", "lrotmin")
    for name, array in expected.items():
        found = content[name].to_dense() if name == "J_regressor" else content[name]
        np.testing.assert_array_equal(found, array, err_msg=name)
    _assert_holds(load_body(path), {**expected, "J_regressor": scipy.sparse.csc_matrix(expected["J_regressor"])})


def test_torch_is_not_needed() -> None:
    code = "import sys, sherf_core.body.files as files; files.load_body(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""Body files become plain arrays, and stay the same body."""

from __future__ import annotations

import dataclasses
import lzma
import pickle
import runpy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from sherf_core.body.convert import convert_body
from sherf_core.body.files import FREE_BODY, load_body
from sherf_core.errors import BodyFileError, ConfigurationError

MakeBody = Callable[..., dict[str, Any]]


def _same_body(first: Path, second: Path) -> bool:
    one, two = (dataclasses.asdict(load_body(path)) for path in (first, second))
    return all(np.array_equal(one[name], two[name]) for name in one if name not in ("source", "shape_components"))


def _written(path: Path, body: dict[str, Any]) -> Path:
    path.write_bytes(pickle.dumps(body, protocol=2))
    return path


def test_numbers_and_texts_stay(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body(vertices=50, shapes=300)
    extra = {"file": np.arange(3), "allow_pickle": 5, "scale": 1.5, "vert_sym_idxs": np.arange(50)}
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", {**body, **extra, "notes": [1, 2], "objects": np.array([None])})
    convert_body(source, tmp_path / "body.npz")
    with np.load(tmp_path / "body.npz", allow_pickle=False) as found:
        assert set(found) == {*body, *extra}
        for name, value in {**body, **extra}.items():
            dense = value.toarray() if name == "J_regressor" else value
            np.testing.assert_array_equal(found[name], dense, err_msg=name)
            assert found[name].dtype == np.asarray(dense).dtype
    assert _same_body(source, tmp_path / "body.npz")
    assert load_body(tmp_path / "body.npz").shape_components == 300


def test_fewer_shapes(small_body: MakeBody, tmp_path: Path) -> None:
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", small_body(vertices=50, shapes=300))
    convert_body(source, tmp_path / "body.npz", shapes=10)
    assert load_body(tmp_path / "body.npz").shape_components == 10
    assert _same_body(source, tmp_path / "body.npz")
    for shapes in (-1, 0, 9, 301):
        with pytest.raises(ConfigurationError, match=f"{shapes} shape directions of a body that has 300"):
            convert_body(source, tmp_path / "other.npz", shapes=shapes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SMPL_NEUTRAL.pkl", "body.npz"]


def test_a_body_of_python2_and_chumpy(tmp_path: Path) -> None:
    folder = Path(__file__).with_name("python2")
    expected = runpy.run_path(str(folder / "make_body.py"))["body"]()
    source = tmp_path / "SMPL_NEUTRAL.pkl"
    source.write_bytes(lzma.decompress((folder / "body.pkl.xz").read_bytes()))
    convert_body(source, tmp_path / "body.npz")
    with np.load(tmp_path / "body.npz", allow_pickle=False) as found:
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found["bs_style"] == "lbs"
    assert _same_body(source, tmp_path / "body.npz")


def test_the_free_body(tmp_path: Path) -> None:
    convert_body(FREE_BODY, tmp_path / "body.npz")
    assert _same_body(FREE_BODY, tmp_path / "body.npz")
    convert_body(tmp_path / "body.npz", tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "body.npz").read_bytes()


def test_an_npz_with_the_parts_of_a_regressor(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body(vertices=50)
    matrix = body.pop("J_regressor")
    parts = {f"J_regressor_{name}": getattr(matrix, name) for name in ("data", "indices", "indptr")}
    np.savez(tmp_path / "parts.npz", **body, **parts)
    convert_body(tmp_path / "parts.npz", tmp_path / "body.npz")
    with np.load(tmp_path / "body.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["J_regressor"], matrix.toarray())


def test_names_that_are_no_names_are_left_out(small_body: MakeBody, tmp_path: Path) -> None:
    odd = ["../../escape", "a/b", "", "\ud800", "with\0zero", "x" * 70_000, 3]
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", {**small_body(vertices=30), **dict.fromkeys(odd, 1.0)})
    convert_body(source, tmp_path / "body.npz")
    assert {name.removesuffix(".npy") for name in zipfile.ZipFile(tmp_path / "body.npz").namelist()} == set(
        small_body()
    )


def test_another_sparse_matrix_of_any_shape_is_left_out(small_body: MakeBody, tmp_path: Path) -> None:
    huge = scipy.sparse.csc_matrix((1, 1))
    huge.__dict__["_shape"] = (1 << 40, 1 << 40)
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", {**small_body(vertices=30), "J_regressor_prior": huge})
    convert_body(source, tmp_path / "body.npz")
    with np.load(tmp_path / "body.npz") as found:
        assert "J_regressor_prior" not in found


@pytest.mark.parametrize("shared", [np.zeros(200_000), "x" * 1_000_000])
def test_one_array_under_many_names_is_refused(shared: Any, small_body: MakeBody, tmp_path: Path) -> None:
    bomb = {**small_body(vertices=30), **{f"copy_{number}": shared for number in range(5_000)}}
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", bomb)
    with pytest.raises(BodyFileError, match="more than") as caught:
        convert_body(source, tmp_path / "body.npz")
    assert caught.value.code == "SMPL.STRUCT"
    assert [path.name for path in tmp_path.iterdir()] == ["SMPL_NEUTRAL.pkl"]


def test_what_is_no_body_leaves_nothing(small_body: MakeBody, tmp_path: Path) -> None:
    body = small_body(vertices=30)
    del body["weights"]
    source = _written(tmp_path / "SMPL_NEUTRAL.pkl", body)
    with pytest.raises(BodyFileError, match="lacks weights"):
        convert_body(source, tmp_path / "new" / "body.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["SMPL_NEUTRAL.pkl"]

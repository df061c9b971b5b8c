"""Body model files in SMPL's layout: `.pkl` as SMPL is distributed, or `.npz` with the same names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sherf_core.body.arrays import BodyArrays
from sherf_core.errors import BodyFileError, BrokenFileError, UnsafePickleError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.safe_pickle import load_numpy, load_pickle
from sherf_core.io.sniff import FileKind, sniff
from sherf_core.io.sparse import SparseColumns

FREE_BODY = Path(__file__).with_name("free_body.npz")
FREE_BODY_SOURCE = "embedded free body"

JOINTS = 24
SHAPES = 10
POSE_DIRECTIONS = 207
_SMPLX_VERTICES, _SMPLX_FACES = 10475, 20908
_NO_PARENT = (-1, 0xFFFFFFFF)
_KEYS = ("v_template", "shapedirs", "posedirs", "weights", "J_regressor", "f", "kintree_table")
_SPARSE_PARTS = ("J_regressor_data", "J_regressor_indices", "J_regressor_indptr")
# Half precision keeps three digits, and 24 weights of them add up to a little more or less than 1.
_ROW_SUM_TOLERANCE = {"float16": 5e-3}
_USUAL_ROW_SUM_TOLERANCE = 1e-3
_STRUCT_FIX = "replace it by the original SMPL_NEUTRAL.pkl, or leave it away to use the embedded free body"


def load_body(path: str | os.PathLike[str] | None = None) -> BodyArrays:
    """The arrays of a body file, checked; None gives the embedded free body.

    Takes 10 or more shape directions (the first 10 are kept) and any number of vertices. Runs nothing of the file.

    Raises:
        BodyFileError: its code is the doctor's: SMPL.MISSING, SMPL.HTML, SMPL.LFS, SMPL.ZIP, SMPL.TRUNC, SMPL.UNSAFE,
            SMPL.SMPLX or SMPL.STRUCT.
    """
    source = Path(path) if path is not None else FREE_BODY
    content = read_body_file(source)
    _refuse_smplx(source, content)
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise _wrong(source, f"lacks {', '.join(missing)}", f"the keys {', '.join(_KEYS)}")

    template = _numbers(source, content, "v_template", (None, 3))
    vertices = len(template)
    shapes = _numbers(source, content, "shapedirs", (vertices, 3, None))
    if shapes.shape[2] < SHAPES:
        raise _wrong(source, f"has {shapes.shape[2]} shape directions in shapedirs", f"{SHAPES} or more")
    return BodyArrays(
        v_template=template.astype(np.float32),
        shapedirs=shapes[:, :, :SHAPES].astype(np.float32),
        posedirs=_numbers(source, content, "posedirs", (vertices, 3, POSE_DIRECTIONS)).astype(np.float32),
        weights=_weights(source, content, vertices),
        J_regressor=_regressor(source, content, vertices),
        faces=_faces(source, content, vertices),
        parents=_parents(source, content),
        shape_components=shapes.shape[2],
        source=FREE_BODY_SOURCE if path is None else str(source),
    )


def read_body_file(path: Path) -> dict[str, Any]:
    """All that a body file holds, by its own key names, unchecked; `load_body` checks what it takes.

    Raises:
        BodyFileError: as `load_body`, for files that cannot be read at all.
    """
    try:
        is_npz = sniff(path).kind is FileKind.ZIP and path.suffix.lower() == ".npz"
        content = load_numpy(path) if is_npz else load_pickle(path, constructors=BODY_CONSTRUCTORS)
    except (BrokenFileError, UnsafePickleError) as error:
        raise BodyFileError(
            error.found, expected=error.expected, fix=error.fix, code=f"SMPL.{error.code}", path=path
        ) from error
    if not isinstance(content, dict):
        raise _wrong(path, f"holds a {type(content).__name__}", "a dictionary of arrays")
    content = {str(key): _unwrapped(value) for key, value in content.items()}
    if "J_regressor" not in content and all(part in content for part in _SPARSE_PARTS):
        content["J_regressor"] = _assembled(content)
    return content


def _unwrapped(value: Any) -> Any:
    """What an npz keeps in an object array without dimensions: a scipy matrix, saved as it was."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.shape == ():
        return value[()]
    return value


def _assembled(content: Mapping[str, Any]) -> SparseColumns:
    # The number of columns is that of the column starts, so the shape may be left out of the file.
    columns = max(np.size(content["J_regressor_indptr"]) - 1, 0)
    data, indices, indptr = (np.asarray(content[part]) for part in _SPARSE_PARTS)
    return SparseColumns(data, indices, indptr, (JOINTS, columns))


def _wrong(
    path: Path, found: str, expected: str, *, code: str = "SMPL.STRUCT", fix: str = _STRUCT_FIX
) -> BodyFileError:
    return BodyFileError(f"{path} {found}", expected=expected, fix=fix, code=code, path=path)


def _refuse_smplx(path: Path, content: Mapping[str, Any]) -> None:
    vertices, faces = np.shape(content.get("v_template", ()))[:1], np.shape(content.get("f", ()))[:1]
    if vertices == (_SMPLX_VERTICES,) or faces == (_SMPLX_FACES,):
        raise _wrong(
            path,
            f"is an SMPL-X body ({_SMPLX_VERTICES} vertices, {_SMPLX_FACES} faces)",
            "an SMPL body (6890 vertices, 13776 faces)",
            code="SMPL.SMPLX",
            fix="get SMPL from smpl.is.tue.mpg.de; SMPL-X is another model",
        )


def _shaped(path: Path, content: Mapping[str, Any], key: str, shape: tuple[int | None, ...], kinds: str) -> np.ndarray:
    """The array under `key`, if it has this shape (None: any extent but 0) and a dtype of one of these kinds."""
    value = content[key]
    wanted = "(" + ", ".join("any" if extent is None else str(extent) for extent in shape) + ")"
    if not isinstance(value, np.ndarray):
        raise _wrong(path, f"holds a {type(value).__name__} in {key}", f"an array of shape {wanted}")
    fits = len(value.shape) == len(shape) and all(
        found > 0 and extent in (None, found) for found, extent in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise _wrong(path, f"holds an array of shape {value.shape} in {key}", f"shape {wanted}")
    if value.dtype.kind not in kinds:
        raise _wrong(path, f"holds an array of type {value.dtype} in {key}", "numbers")
    return value


def _numbers(path: Path, content: Mapping[str, Any], key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    value = _shaped(path, content, key, shape, "fiu")
    # Checked as the float32 that is handed on: a float64 may be finite and still overflow there.
    with np.errstate(over="ignore", invalid="ignore"):
        bad = np.count_nonzero(~np.isfinite(value.astype(np.float32)))
    if bad:
        raise _wrong(path, f"holds {bad} values in {key} that are NaN or infinite", "finite numbers")
    return value


def _weights(path: Path, content: Mapping[str, Any], vertices: int) -> Float32[np.ndarray, "V 24"]:
    value = _numbers(path, content, "weights", (vertices, JOINTS))
    weights = value.astype(np.float64)
    sums = weights.sum(axis=1)
    worst = int(np.argmax(np.abs(sums - 1)))
    if abs(sums[worst] - 1) > _ROW_SUM_TOLERANCE.get(value.dtype.name, _USUAL_ROW_SUM_TOLERANCE):
        raise _wrong(
            path, f"has skinning weights of vertex {worst} that add up to {sums[worst]:.4f}", "a sum of 1 per vertex"
        )
    if value.dtype == np.float16:
        weights /= sums[:, None]
    return weights.astype(np.float32)


def _regressor(path: Path, content: Mapping[str, Any], vertices: int) -> Float32[np.ndarray, "24 V"]:
    value = content["J_regressor"]
    if isinstance(value, SparseColumns):
        # Before it is made dense: a few bytes can declare any shape.
        if value.shape != (JOINTS, vertices):
            raise _wrong(path, f"holds a matrix of shape {value.shape} in J_regressor", f"({JOINTS}, {vertices})")
        try:
            value = value.to_dense()
        except ValueError as error:
            raise _wrong(path, f"holds a broken sparse matrix in J_regressor: {error}", "a csc matrix") from error
    return _numbers(path, {"J_regressor": value}, "J_regressor", (JOINTS, vertices)).astype(np.float32)


def _faces(path: Path, content: Mapping[str, Any], vertices: int) -> Int64[np.ndarray, "F 3"]:
    faces = _shaped(path, content, "f", (None, 3), "iu")
    low, high = int(faces.min()), int(faces.max())
    if low < 0 or high >= vertices:
        raise _wrong(path, f"has faces with vertices {low} to {high}", f"vertices 0 to {vertices - 1}")
    return faces.astype(np.int64)


def _parents(path: Path, content: Mapping[str, Any]) -> Int64[np.ndarray, "24"]:
    """Column j of the table is (parent's id, own id) of joint j; the root's parent is -1 as some unsigned integer."""
    table = _shaped(path, content, "kintree_table", (2, JOINTS), "iu")
    joint_of = {int(identity): joint for joint, identity in enumerate(table[1])}
    parents = [-1]
    root = int(table[0, 0])
    for joint, identity in enumerate(table[0, 1:], start=1):
        parent = joint_of.get(int(identity), JOINTS)
        if parent >= joint:
            raise _wrong(path, f"gives joint {joint} the parent {identity} in kintree_table", "a joint before it")
        parents.append(parent)
    if root not in _NO_PARENT or len(joint_of) != JOINTS:
        raise _wrong(
            path, f"has a kintree_table with root {root} and {len(joint_of)} joints", f"one root, {JOINTS} joints"
        )
    return np.array(parents, dtype=np.int64)

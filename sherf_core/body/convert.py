"""Turn a body file into plain arrays: no pickle, no chumpy, no scipy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.body.files import load_body, read_body_file
from sherf_core.io.atomic import atomic_write
from sherf_core.io.sparse import SparseColumns

PER_SHAPE = "shapedirs"


def convert_body(source: str | os.PathLike[str], target: str | os.PathLike[str], *, shapes: int | None = None) -> None:
    """Write a body file's arrays as `.npz`, under the file's own key names.

    Numbers stay as they are (float64 in the published files), chumpy's arrays are evaluated, `J_regressor` becomes
    dense (24, V), texts become arrays of text. What is no array and no text is left out.

    Args:
        source: `SMPL_NEUTRAL.pkl` or another body file that `load_body` reads.
        target: the file to write, `.npz`; it takes the place of an older one.
        shapes: keep the first so many shape directions only.

    Raises:
        BodyFileError: as `load_body`; nothing is written then.
    """
    source, target = Path(source), Path(target)
    load_body(source)  # whatever is wrong with it is said before anything is written
    arrays: dict[str, Any] = {
        name: array for name, value in read_body_file(source).items() if (array := _plain(value)) is not None
    }
    if shapes is not None:
        arrays[PER_SHAPE] = arrays[PER_SHAPE][:, :, :shapes]
    with atomic_write(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _plain(value: Any) -> np.ndarray | None:
    if isinstance(value, SparseColumns):
        return value.to_dense()
    if not isinstance(value, (np.ndarray, np.generic, str, int, float)):
        return None
    array = np.asarray(value)
    return None if array.dtype.kind == "O" else array

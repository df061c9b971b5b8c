"""Turn a body file into plain arrays: no pickle, no chumpy, no scipy."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.body.files import SHAPES, load_body, read_body_file
from sherf_core.errors import BodyFileError, ConfigurationError
from sherf_core.io.atomic import atomic_write
from sherf_core.io.sparse import SparseColumns

PER_SHAPE = "shapedirs"
_REGRESSOR = "J_regressor"
# A body file holds each array once: what grows under many names was put there to grow. In .npz it may be packed.
_MOST_GROWTH, _MOST_PACKED, _SMALL_BYTES = 8, 100, 1 << 20
_LONGEST_NAME = 100


def convert_body(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, shapes: int | None = None
) -> tuple[str, ...]:
    """Write a body file's arrays as `.npz`, under the file's own key names.

    Numbers stay as they are (float64 in the published files), chumpy's arrays are evaluated, `J_regressor` becomes
    dense (24, V), texts become arrays of text. What is no array and no text is left out, and so is what has a name
    that no attribute of a body can have.

    Args:
        source: `SMPL_NEUTRAL.pkl` or another body file that `load_body` reads.
        target: the file to write, `.npz`; it takes the place of an older one.
        shapes: keep the first so many shape directions only, 10 or more.

    Returns:
        the names of the arrays that were written.

    Raises:
        BodyFileError: as `load_body`; nothing is written then.
        ConfigurationError: fewer shape directions than a body needs, or more than the file has.
    """
    source, target = Path(source), Path(target)
    available = load_body(source).shape_components  # whatever is wrong with it is said before anything is written
    if shapes is not None and not SHAPES <= shapes <= available:
        raise ConfigurationError(
            f"{shapes} shape directions of a body that has {available}",
            expected=f"{SHAPES} to {available}",
            fix=f"ask for {SHAPES}, which is what the model uses",
        )
    arrays = _arrays(source)
    if shapes is not None:
        arrays[PER_SHAPE] = arrays[PER_SHAPE][:, :, :shapes]
    # Not savez: it takes some names for its own arguments.
    with atomic_write(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return tuple(arrays)


def _arrays(source: Path) -> dict[str, np.ndarray]:
    most = _SMALL_BYTES + source.stat().st_size * (_MOST_PACKED if source.suffix.lower() == ".npz" else _MOST_GROWTH)
    arrays: dict[str, np.ndarray] = {}
    needed = 0
    for name, value in read_body_file(source).items():
        if not name.isidentifier() or len(name) > _LONGEST_NAME or (array := _plain(name, value)) is None:
            continue
        needed += array.nbytes
        if needed > most:
            raise BodyFileError(
                f"{source} holds arrays that would take more than {most:,} bytes",
                expected="each array under one name",
                fix="replace it by the original SMPL_NEUTRAL.pkl",
                code="SMPL.STRUCT",
                path=source,
            )
        arrays[name] = array
    return arrays


def _plain(name: str, value: Any) -> np.ndarray | None:
    if isinstance(value, SparseColumns):
        # The body's own was looked at; another may declare any shape.
        return value.to_dense() if name == _REGRESSOR else None
    if not isinstance(value, (np.ndarray, np.generic, str, int, float)):
        return None
    array = np.asarray(value)
    return None if array.dtype.kind == "O" else array

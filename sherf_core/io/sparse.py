"""The one sparse layout that body models use: compressed columns, without scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, eq=False)
class SparseColumns:
    """A matrix as compressed sparse columns (csc): column j holds `data[indptr[j]:indptr[j + 1]]` in rows `indices`."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def to_dense(self) -> Float64[np.ndarray, "rows columns"]:
        """The whole matrix; entries given twice add up.

        Raises:
            ValueError: the parts do not fit together.
        """
        rows, columns = self.shape
        data, indices, indptr = (np.asarray(part) for part in (self.data, self.indices, self.indptr))
        if any(part.ndim != 1 for part in (data, indices, indptr)):
            raise ValueError("the parts of a sparse matrix must have one dimension")
        if data.dtype.kind not in "fiu" or indices.dtype.kind not in "iu" or indptr.dtype.kind not in "iu":
            raise ValueError(f"a sparse matrix of {data.dtype} with indices of {indices.dtype} and {indptr.dtype}")
        indices, indptr = indices.astype(np.int64), indptr.astype(np.int64)
        if len(indptr) != columns + 1 or len(indices) != len(data):
            raise ValueError(
                f"{len(indptr)} column starts, {len(indices)} row numbers and {len(data)} values for {columns} columns"
            )
        counts = np.diff(indptr)
        if indptr[0] != 0 or indptr[-1] != len(data) or (counts < 0).any():
            raise ValueError("the column starts of a sparse matrix do not rise from 0 to the number of values")
        if len(indices) and (indices.min() < 0 or indices.max() >= rows):
            raise ValueError(f"row numbers {indices.min()} to {indices.max()} in a sparse matrix of {rows} rows")
        dense = np.zeros((rows, columns))
        np.add.at(dense, (indices, np.repeat(np.arange(columns), counts)), data.astype(np.float64))
        return dense

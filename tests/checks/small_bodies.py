"""Small bodies in SMPL's layout, for collectors and remedies: random, valid in all that a reader checks."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]


def small_body(vertices: int = 40, shapes: int = 10) -> dict[str, np.ndarray]:
    """The arrays of a body file."""
    random = np.random.default_rng(0)
    weights = random.random((vertices, 24))
    regressor = random.random((24, vertices))
    return {
        "v_template": random.normal(size=(vertices, 3)),
        "shapedirs": random.normal(size=(vertices, 3, shapes)),
        "posedirs": random.normal(size=(vertices, 3, 207)),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "f": random.integers(vertices, size=(60, 3)).astype(np.uint32),
        "kintree_table": np.array([PARENTS, range(24)], dtype=np.int64).astype(np.uint32),
    }


def write_body(path: Path, *, protocol: int = 4, vertices: int = 40, shapes: int = 10) -> Path:
    """A body's pickle; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(small_body(vertices, shapes), protocol=protocol))
    return path

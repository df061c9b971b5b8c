"""Small bodies in SMPL's layout: random, but valid in every number that a reader checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]


def _small_body(vertices: int = 100, shapes: int = 10) -> dict[str, Any]:
    random = np.random.default_rng(0)
    weights = random.random((vertices, 24)) ** 8
    regressor = random.random((24, vertices)) * (random.random((24, vertices)) < 0.2)
    regressor[:, 0] += 0.1
    return {
        "v_template": random.normal(size=(vertices, 3)),
        "shapedirs": random.normal(size=(vertices, 3, shapes)),
        "posedirs": random.normal(size=(vertices, 3, 207)),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "J_regressor": scipy.sparse.csc_matrix(regressor / regressor.sum(axis=1, keepdims=True)),
        "f": random.integers(vertices, size=(150, 3)).astype(np.uint32),
        "kintree_table": np.array([PARENTS, range(24)], dtype=np.int64).astype(np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


@pytest.fixture
def small_body() -> Callable[..., dict[str, Any]]:
    """`small_body(vertices=100, shapes=10)`: the content of a body file, in the types that SMPL's own file has."""
    return _small_body

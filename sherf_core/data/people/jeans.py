"""Where each point of a pair of trousers lies in the photograph of a pair of jeans."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from sherf_core.data.people.microtexture import spread, spread_corners
from sherf_core.data.people.wardrobe import FOLDER

DENSITY = 12
"""Steps along each edge of the jeans' faces at which places are remembered (some 3 mm apart)."""


@lru_cache(maxsize=1)
def jeans_places() -> tuple[cKDTree, Float[np.ndarray, "N 2"]]:
    """Points all over the modelled jeans on the mean body at rest, and their texture coordinates."""
    with np.load(FOLDER / "jeans.npz", allow_pickle=False) as file:
        vertices, faces = file["vertices"].astype(np.float64), file["faces"].astype(np.int64)
        corner_uv = file["corner_uv"].astype(np.float64) / 65535
    return cKDTree(spread(vertices, faces, DENSITY)), spread_corners(corner_uv, DENSITY)

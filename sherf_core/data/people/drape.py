"""How cloth leaves the body: it hangs from what is above it instead of clinging.

A garment's tube (trunk, sleeve, trouser leg) is a radius over angle and length. From its upper end downwards the
radius may only shrink slowly (`taper`), so that cloth falls straight from chest, seat or thigh.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

ANGLE_BINS = 72
STEP = 0.012
"""Metres along the tube per bin."""


def draped_radius(
    angle: Float[np.ndarray, "N"],
    along: Float[np.ndarray, "N"],
    radius: Float[np.ndarray, "N"],
    *,
    ease: float,
    taper: float,
) -> Float[np.ndarray, "N"]:
    """Radius of the hanging cloth at each vertex of a tube.

    Args:
        angle: radians around the tube's axis.
        along: metres from the tube's upper end, growing downwards.
        radius: distance of the body (or the garment beneath) from the axis.
        ease: metres of air wanted at least.
        taper: metres of radius lost per metre of length at most.
    """
    low = along.min()
    rows = int(np.ceil((along.max() - low) / STEP)) + 1
    row = ((along - low) / STEP).astype(int)
    column = ((angle + np.pi) / (2 * np.pi) * ANGLE_BINS).astype(int) % ANGLE_BINS
    grid = np.full((rows, ANGLE_BINS), -np.inf)
    np.maximum.at(grid, (row, column), radius)
    grid = _without_gaps(grid)
    grid = ndimage.gaussian_filter(grid, (1.0, 1.0), mode=("nearest", "wrap")) + ease
    hanging = grid.copy()
    for index in range(1, rows):
        hanging[index] = np.maximum(grid[index], hanging[index - 1] - taper * STEP)
    # Cloth spans hollows: the circular mean of a wider neighbourhood where that lies further out.
    spanned = ndimage.gaussian_filter(hanging, (1.5, 4.0), mode=("nearest", "wrap"))
    hanging = ndimage.gaussian_filter(np.maximum(hanging, spanned), (2.0, 1.5), mode=("nearest", "wrap"))
    # One column is repeated on either side for the interpolation, so columns count from 1.
    position = np.stack([(along - low) / STEP - 0.5, (angle + np.pi) / (2 * np.pi) * ANGLE_BINS + 0.5])
    padded = np.concatenate([hanging[:, -1:], hanging, hanging[:, :1]], 1)
    return ndimage.map_coordinates(padded, position, order=1, mode="nearest")


def _without_gaps(grid: Float[np.ndarray, "R A"]) -> Float[np.ndarray, "R A"]:
    """Empty bins take the value of the nearest filled one (the tube closes on itself)."""
    tiled = np.tile(grid, (1, 3))
    empty = ~np.isfinite(tiled)
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    width = grid.shape[1]
    return tiled[tuple(nearest)][:, width : 2 * width]

"""Axis-aligned boxes around bodies and their projection into a picture."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sherf_core.data.records import BODY_PADDING


def padded_box(vertices: Float[Tensor, "*batch V 3"], padding: float = BODY_PADDING) -> Float[Tensor, "*batch 2 3"]:
    """Smallest box around the vertices, grown by `padding` metres on every side: rows are minimum and maximum."""
    return torch.stack([vertices.amin(-2) - padding, vertices.amax(-2) + padding], dim=-2)


def projected_box_mask(
    box: Float[np.ndarray, "2 3"],
    K: Float[np.ndarray, "3 3"],
    R: Float[np.ndarray, "3 3"],
    T: Float[np.ndarray, "3"],
    height: int,
    width: int,
) -> Bool[np.ndarray, "{height} {width}"]:
    """Pixels that the box covers: the union of its six projected faces.

    In front of the camera that union is the convex hull of the eight projected corners, rounded to whole pixels first.
    Where a corner lies behind the camera the projection is unbounded and every pixel counts.
    """
    box = np.asarray(box, dtype=np.float64)
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), axis=-1).reshape(8, 3)
    in_camera = corners @ np.asarray(R, np.float64).T + np.asarray(T, np.float64).reshape(3)
    if (in_camera[:, 2] <= 1e-6).any():
        return np.ones((height, width), dtype=bool)
    projected = in_camera @ np.asarray(K, np.float64).T
    hull = _convex_hull(np.round(projected[:, :2] / projected[:, 2:]))
    y, x = np.ogrid[0:height, 0:width]
    inside = np.ones((height, width), dtype=bool)
    for start, end in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        inside &= (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]) >= 0
    return inside


def _convex_hull(points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "M 2"]:
    """Corners of the hull with the inside to the left of every edge (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})

    def half(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for point in sequence:
            while len(chain) >= 2:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax) > 0:
                    break
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1])) if len(ordered) > 1 else np.array(ordered)

"""A z-buffer rasteriser in plain numpy: triangles to fragments, no GL and no display.

Pixel centres are integers (`sherf_core.data.records`). Depth is metric; barycentric coordinates are
perspective-correct when a perspective camera is used and affine for orthographic light views.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

CANDIDATES_PER_CHUNK = 3_000_000
"""Bounding-box pixels examined at once; bounds the memory to some 200 MB."""


@dataclass(frozen=True)
class Fragments:
    """The visible surface at every covered pixel (N of them, in pixel order).

    Attributes:
        pixel: flat pixel index, row * width + column.
        face: index of the visible triangle.
        barycentric: weights of its three corners.
        depth: distance along the viewing axis in metres.
    """

    pixel: Int[np.ndarray, "N"]
    face: Int[np.ndarray, "N"]
    barycentric: Float[np.ndarray, "N 3"]
    depth: Float[np.ndarray, "N"]


def project(
    vertices: Float[np.ndarray, "V 3"],
    K: Float[np.ndarray, "3 3"],
    R: Float[np.ndarray, "3 3"],
    T: Float[np.ndarray, "3"],
) -> tuple[Float[np.ndarray, "V 2"], Float[np.ndarray, "V"]]:
    """Pixel coordinates and depth of world points under x_cam = R x + T, pixel = K x_cam."""
    camera = vertices @ R.T + T
    depth = camera[:, 2]
    pixels = (camera @ K.T)[:, :2] / depth[:, None]
    return pixels, depth


def supersampled(K: Float[np.ndarray, "3 3"], factor: int) -> Float[np.ndarray, "3 3"]:
    """Intrinsics of the same camera with `factor` x `factor` samples per pixel (integer centres kept)."""
    scaled = K.astype(np.float64) * factor
    scaled[:2, 2] += 0.5 * factor - 0.5
    scaled[2] = K[2]
    return scaled


def rasterise(
    pixels: Float[np.ndarray, "V 2"],
    depth: Float[np.ndarray, "V"],
    faces: Int[np.ndarray, "F 3"],
    height: int,
    width: int,
    *,
    perspective: bool = True,
) -> Fragments:
    """The nearest triangle at every pixel.

    Args:
        pixels: projected vertices (column, row).
        depth: their depth; triangles with a corner at depth <= 1e-6 are dropped when `perspective`.
        faces: corner indices.
        height, width: picture size.
        perspective: interpolate 1/depth (cameras) or depth itself (orthographic views).

    Example:
        >>> corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        >>> len(rasterise(corners, np.ones(3), np.array([[0, 1, 2]]), 4, 4).pixel)
        6
    """
    corner = pixels[faces]  # F 3 2
    low = np.clip(np.ceil(corner.min(1)), 0, [width, height]).astype(np.int64)
    high = np.clip(np.floor(corner.max(1)), -1, [width - 1, height - 1]).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    count = extent[:, 0] * extent[:, 1]
    edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge2[:, 0] * edge1[:, 1]
    count[np.abs(area) < 1e-12] = 0
    if perspective:
        count[(depth[faces] <= 1e-6).any(1)] = 0
    nearness = 1 / depth if perspective else -depth

    alive = np.flatnonzero(count)
    best = np.full(height * width, -np.inf)
    owner = np.full(height * width, -1, np.int64)
    weights = np.zeros((height * width, 2))
    ends = np.cumsum(count[alive])
    start = 0
    while start < len(alive):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + CANDIDATES_PER_CHUNK, side="right")), start + 1)
        _rasterise_chunk(
            alive[start:stop],
            corner,
            edge1,
            edge2,
            area,
            low,
            extent,
            count,
            nearness[faces],
            width,
            best,
            owner,
            weights,
        )
        start = stop
    pixel = np.flatnonzero(owner >= 0)
    face = owner[pixel]
    second, third = weights[pixel].T
    flat = np.stack([1 - second - third, second, third], 1)
    if not perspective:
        return Fragments(pixel, face, flat, -best[pixel])
    corrected = flat * nearness[faces[face]] / best[pixel, None]
    return Fragments(pixel, face, corrected, 1 / best[pixel])


def _rasterise_chunk(
    chunk, corner, edge1, edge2, area, low, extent, count, nearness, width, best, owner, weights
) -> None:
    """Test the bounding-box pixels of some triangles and keep the nearest in `best`, `owner`, `weights`."""
    repeats = count[chunk]
    slot = np.repeat(np.arange(len(chunk)), repeats)
    index = np.arange(len(slot)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    columns = extent[chunk, 0][slot]
    row = index // columns
    x = index - row * columns + low[chunk, 0][slot]
    y = row + low[chunk, 1][slot]
    # Barycentric weights of corners 2 and 3 are affine in the pixel: weight = a x + b y + c.
    a1, b1 = edge2[chunk, 1] / area[chunk], -edge2[chunk, 0] / area[chunk]
    a2, b2 = -edge1[chunk, 1] / area[chunk], edge1[chunk, 0] / area[chunk]
    origin = corner[chunk, 0]
    dx, dy = x - origin[slot, 0], y - origin[slot, 1]
    second = a1[slot] * dx + b1[slot] * dy
    third = a2[slot] * dx + b2[slot] * dy
    inside = np.flatnonzero((second >= -1e-12) & (third >= -1e-12) & (second + third <= 1 + 1e-12))
    second, third, slot = second[inside], third[inside], slot[inside]
    pixel = y[inside] * width + x[inside]
    face = chunk[slot]
    corner_nearness = nearness[face]
    value = (
        corner_nearness[:, 0]
        + second * (corner_nearness[:, 1] - corner_nearness[:, 0])
        + third * (corner_nearness[:, 2] - corner_nearness[:, 0])
    )
    np.maximum.at(best, pixel, value)
    kept = np.flatnonzero(value == best[pixel])
    owner[pixel[kept]] = face[kept]
    weights[pixel[kept], 0], weights[pixel[kept], 1] = second[kept], third[kept]


def silhouette(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    K: Float[np.ndarray, "3 3"],
    R: Float[np.ndarray, "3 3"],
    T: Float[np.ndarray, "3"],
    height: int,
    width: int,
) -> np.ndarray:
    """(height, width) bool: the pixels whose centre the mesh covers."""
    pixels, depth = project(vertices, K, R, T)
    covered = np.zeros(height * width, bool)
    covered[rasterise(pixels, depth, faces, height, width).pixel] = True
    return covered.reshape(height, width)

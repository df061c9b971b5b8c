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
    nearness = 1 / depth if perspective else -depth
    boxes = _PixelBoxes.around(pixels[faces], height, width)
    if perspective:
        boxes.count[(depth[faces] <= 1e-6).any(1)] = 0
    buffer = _Buffer.empty(height * width)
    alive = np.flatnonzero(boxes.count)
    ends = np.cumsum(boxes.count[alive])
    start = 0
    while start < len(alive):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + CANDIDATES_PER_CHUNK, side="right")), start + 1)
        chunk = alive[start:stop]
        slot, x, y = boxes.pixels_of(chunk)
        buffer.draw(chunk, pixels[faces[chunk]], nearness[faces[chunk]], slot, x, y, width)
        start = stop
    pixel = np.flatnonzero(buffer.owner >= 0)
    face = buffer.owner[pixel]
    second, third = buffer.weights[pixel].T
    flat = np.stack([1 - second - third, second, third], 1)
    nearest = buffer.best[pixel]
    if not perspective:
        return Fragments(pixel, face, flat, -nearest)
    return Fragments(pixel, face, flat * nearness[faces[face]] / nearest[:, None], 1 / nearest)


@dataclass(frozen=True)
class _PixelBoxes:
    """The pixels that each triangle may cover: corner `low`, `extent` in columns and rows, their number `count`."""

    low: Int[np.ndarray, "F 2"]
    extent: Int[np.ndarray, "F 2"]
    count: Int[np.ndarray, "F"]

    @classmethod
    def around(cls, corner: Float[np.ndarray, "F 3 2"], height: int, width: int) -> _PixelBoxes:
        low = np.clip(np.ceil(corner.min(1)), 0, [width, height]).astype(np.int64)
        high = np.clip(np.floor(corner.max(1)), -1, [width - 1, height - 1]).astype(np.int64)
        extent = np.maximum(high - low + 1, 0)
        return cls(low, extent, extent[:, 0] * extent[:, 1])

    def pixels_of(
        self, chunk: Int[np.ndarray, "C"]
    ) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"], Int[np.ndarray, "N"]]:
        """Place in the chunk, column and row of every pixel in the boxes of some triangles."""
        count = self.count[chunk]
        slot = np.repeat(np.arange(len(chunk)), count)
        index = np.arange(len(slot)) - np.repeat(np.cumsum(count) - count, count)
        columns = self.extent[chunk, 0][slot]
        row = index // columns
        return slot, index - row * columns + self.low[chunk, 0][slot], row + self.low[chunk, 1][slot]


@dataclass(frozen=True)
class _Buffer:
    """What is nearest at each of P pixels so far: nearness, triangle, weights of its second and third corner."""

    best: Float[np.ndarray, "P"]
    owner: Int[np.ndarray, "P"]
    weights: Float[np.ndarray, "P 2"]

    @classmethod
    def empty(cls, pixels: int) -> _Buffer:
        return cls(np.full(pixels, -np.inf), np.full(pixels, -1, np.int64), np.zeros((pixels, 2)))

    def draw(
        self,
        chunk: Int[np.ndarray, "C"],
        corner: Float[np.ndarray, "C 3 2"],
        nearness: Float[np.ndarray, "C 3"],
        slot: Int[np.ndarray, "N"],
        x: Int[np.ndarray, "N"],
        y: Int[np.ndarray, "N"],
        width: int,
    ) -> None:
        """Test candidate pixels (x, y) against their triangles (chunk[slot]) and keep what is nearest."""
        edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        area = edge1[:, 0] * edge2[:, 1] - edge2[:, 0] * edge1[:, 1]
        area = np.where(np.abs(area) < 1e-12, np.inf, area)  # an edge-on triangle's weights become 0 ...
        slope = np.stack([edge2[:, 1], -edge2[:, 0], -edge1[:, 1], edge1[:, 0]], 1) / area[:, None]
        first = np.where(np.isinf(area), -1.0, 0.0)  # ... and this puts them outside
        dx, dy = x - corner[slot, 0, 0], y - corner[slot, 0, 1]
        second = slope[slot, 0] * dx + slope[slot, 1] * dy + first[slot]
        third = slope[slot, 2] * dx + slope[slot, 3] * dy
        inside = np.flatnonzero((second >= -1e-12) & (third >= -1e-12) & (second + third <= 1 + 1e-12))
        second, third, slot = second[inside], third[inside], slot[inside]
        pixel = y[inside] * width + x[inside]
        at_corner = nearness[slot]
        value = at_corner[:, 0] * (1 - second - third) + at_corner[:, 1] * second + at_corner[:, 2] * third
        np.maximum.at(self.best, pixel, value)
        kept = np.flatnonzero(value == self.best[pixel])
        self.owner[pixel[kept]] = chunk[slot[kept]]
        self.weights[pixel[kept]] = np.stack([second[kept], third[kept]], 1)


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

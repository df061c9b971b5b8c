"""Textures without an atlas: every triangle carries its own small grid of baked samples.

A face with resolution n holds (n + 1)(n + 2)/2 samples at the barycentric points (i/n, j/n) of its second and
third corner. Procedural shaders run once a person over all samples; each picture then only looks them up.
No seams, no stretching, and the height's slope (for bump shading) is a difference of neighbouring samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class MicroTexture:
    """Baked samples of all faces of a person.

    Attributes:
        start: (F,) first sample of each face.
        resolution: (F,) grid steps along each edge.
        colour: (S, 3) linear albedo.
        height: (S,) relief in metres.
    """

    start: Int[np.ndarray, "F"]
    resolution: Int[np.ndarray, "F"]
    colour: Float[np.ndarray, "S 3"]
    height: Float[np.ndarray, "S"]

    def look_up(
        self, face: Int[np.ndarray, "N"], barycentric: Float[np.ndarray, "N 3"]
    ) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 2"]]:
        """Interpolated albedo, and the height's slope along the face's two edges from its first corner (metres)."""
        n = self.resolution[face]
        x = np.clip(barycentric[:, 1], 0, 1) * n
        y = np.clip(barycentric[:, 2], 0, 1) * n
        column = np.minimum(x.astype(np.int64), n - 1)
        row = np.minimum(y.astype(np.int64), n - 1 - column).clip(0)
        fx, fy = x - column, y - row
        upper = (fx + fy > 1) & (column + row < n - 1)
        start = self.start[face]
        right = start + _grid_index(column + 1, row, n)
        above = start + _grid_index(column, row + 1, n)
        third = start + np.where(upper, _grid_index(column + 1, row + 1, n), _grid_index(column, row, n))
        weight_right = np.where(upper, 1 - fy, fx)[:, None]
        weight_above = np.where(upper, 1 - fx, fy)[:, None]
        colour = self.colour[right] * weight_right + self.colour[above] * weight_above
        colour += self.colour[third] * (1 - weight_right - weight_above)
        sign = np.where(upper, -1.0, 1.0) * n
        along_second = np.where(upper, self.height[above], self.height[right]) - self.height[third]
        along_third = np.where(upper, self.height[right], self.height[above]) - self.height[third]
        return colour, np.stack([along_second * sign, along_third * sign], 1)


def _grid_index(column: np.ndarray, row: np.ndarray, n: np.ndarray) -> np.ndarray:
    return row * (n + 1) - row * (row - 1) // 2 + column


def grid_weights(n: int) -> Float[np.ndarray, "G 3"]:
    """Barycentric weights of a face's samples, in storage order."""
    points = [(i / n, j / n) for j in range(n + 1) for i in range(n + 1 - j)]
    second, third = np.array(points).T
    return np.stack([1 - second - third, second, third], 1)


def spread(values: np.ndarray, faces: Int[np.ndarray, "F 3"], n: int) -> np.ndarray:
    """Per-vertex values (V, ...) at every sample of every face: (F * G, ...)."""
    return spread_corners(values[faces], n)


def spread_corners(corners: np.ndarray, n: int) -> np.ndarray:
    """Per-corner values (F, 3, ...) at every sample of every face: (F * G, ...)."""
    flat = corners.reshape(len(corners), 3, -1)
    samples = np.einsum("gk,fkc->fgc", grid_weights(n), flat)
    return samples.reshape((-1, *corners.shape[2:]))


def suitable_resolution(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], step: float) -> int:
    """The resolution at which samples lie about `step` metres apart (2 to 10)."""
    corner = vertices[faces]
    edge = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2)
    return int(np.clip(np.ceil(np.quantile(edge, 0.75) / step), 2, 10))

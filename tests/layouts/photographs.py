"""Tiny photographs of bodies: the mask is the silhouette of the projected vertices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from sherf_core.data.people.cameras import ring_around
from sherf_core.data.records import Camera

PERSON, WALL = (200, 120, 80), (60, 90, 110)


@dataclass(frozen=True)
class Lens:
    """Brown's distortion, in OpenCV's order; the default is none."""

    coefficients: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def bend(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 2) of the undistorted plane at depth 1, as the lens shows them."""
        k1, k2, p1, p2, k3 = self.coefficients
        x, y = points.T
        square = x * x + y * y
        radial = 1 + k1 * square + k2 * square**2 + k3 * square**3
        bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        return np.stack([bent_x, bent_y], axis=1)


NO_LENS = Lens()


def cameras_around(vertices: list[np.ndarray], views: int, size: tuple[int, int]) -> list[Camera]:
    """A ring of cameras whose pictures of that size (width, height) hold all those bodies."""
    width, height = size
    ring = ring_around(np.concatenate(vertices), views, height)
    shift = np.zeros((3, 3), np.float32)
    shift[0, 2] = 0.5 * (width - height)
    return [Camera(camera.K + shift, camera.R, camera.T) for camera in ring]


def silhouette(vertices: np.ndarray, camera: Camera, size: tuple[int, int], lens: Lens = NO_LENS) -> np.ndarray:
    """Where the body is seen: (height, width), True on the person."""
    seen = vertices @ camera.R.T + camera.T
    pixels = lens.bend(seen[:, :2] / seen[:, 2:]) @ camera.K[:2, :2].T + camera.K[:2, 2]
    x, y = np.rint(pixels).astype(int).T
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    mask = np.zeros((size[1], size[0]), bool)
    mask[y[inside], x[inside]] = True
    return ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(mask, 2)))[2:-2, 2:-2]


def save(image: Path, mask: Path, person: np.ndarray) -> None:
    """Write a picture of a person before a wall, and its mask."""
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(person[..., None], PERSON, WALL).astype(np.uint8)).save(image)
    Image.fromarray(person.astype(np.uint8) * 255).save(mask)

"""A ring of cameras around a person, zoomed so that the whole person is inside every picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from sherf_core.data.records import Camera

DISTANCE = 3.2
"""Metres from the cameras to the middle of the person."""
ELEVATIONS = (-3.0, 12.0, 28.0)
"""Degrees above the horizon that the views cycle through."""
MARGIN = 0.04
"""Share of the picture that stays empty on every side."""


def ring(views: int, centre: Float[np.ndarray, "3"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(R, T) of `views` cameras that look at `centre`, view 0 in front of the person (+z)."""
    poses = []
    for view in range(views):
        azimuth = 2 * np.pi * view / views
        elevation = np.radians(ELEVATIONS[view % len(ELEVATIONS)])
        eye = centre + DISTANCE * np.array(
            [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
        )
        forward = (centre - eye) / DISTANCE
        right = np.cross(forward, [0.0, 1, 0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        poses.append((R, -R @ eye))
    return poses


def ring_around(points: Float[np.ndarray, "N 3"], views: int, size: int) -> list[Camera]:
    """Cameras that hold all points (of all poses) with a margin: one focal length for the whole ring.

    Args:
        points: everything that must be visible, world coordinates.
        views: number of cameras.
        size: side of the square pictures in pixels.
    """
    centre = np.array([0.0, 0.5 * (points[:, 1].min() + points[:, 1].max()), 0.0])
    poses = ring(views, centre)
    reach = 0.0
    for R, T in poses:
        camera = points @ R.T + T
        reach = max(reach, float(np.abs(camera[:, :2] / camera[:, 2:]).max()))
    focal = (0.5 - MARGIN) * size / reach
    middle = 0.5 * size - 0.5  # the picture spans -0.5 to size - 0.5
    K = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]], np.float32)
    return [Camera(K, R.astype(np.float32), T.astype(np.float32)) for R, T in poses]

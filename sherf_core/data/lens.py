"""Pictures as a pinhole camera would have taken them: lens distortion removed.

Brown's model in OpenCV's order of five coefficients, k1 k2 p1 p2 k3. A point (x, y) of the plane at depth 1 is seen at

    x (1 + k1 r² + k2 r⁴ + k3 r⁶) + 2 p1 x y + p2 (r² + 2 x²)
    y (1 + k1 r² + k2 r⁴ + k3 r⁶) + p1 (r² + 2 y²) + 2 p2 x y        with r² = x² + y²
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

Coefficients = Float[np.ndarray, "5"]


def distort(points: Float[np.ndarray, "*shape 2"], coefficients: Coefficients) -> Float[np.ndarray, "*shape 2"]:
    """Where the lens shows points of the plane at depth 1."""
    k1, k2, p1, p2, k3 = (float(value) for value in coefficients)
    x, y = points[..., 0], points[..., 1]
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
    bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
    return np.stack([bent_x, bent_y], axis=-1)


def undistorted(
    image: Float32[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    K: Float[np.ndarray, "3 3"],
    coefficients: Coefficients,
) -> tuple[Float32[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Picture and mask without the lens's distortion, for the same K; both unchanged where all coefficients are 0.

    Values between pixels are bilinear, black outside; a mask's pixel is on where at least half of it was.
    """
    if not np.any(coefficients):
        return image, mask
    places = _source_pixels(mask.shape[0], mask.shape[1], np.asarray(K, np.float64), coefficients)
    channels = [_sample(image[..., channel], places) for channel in range(image.shape[2])]
    return np.stack(channels, axis=-1), _sample(mask.astype(np.float32), places) >= 0.5


def _source_pixels(
    height: int, width: int, K: Float[np.ndarray, "3 3"], coefficients: Coefficients
) -> Float[np.ndarray, "2 H W"]:
    """For each pixel of the straight picture, the row and column of the bent one that it shows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    straight = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(K).T
    bent = distort(straight[..., :2] / straight[..., 2:], coefficients)
    pixels = bent @ K[:2, :2].T + K[:2, 2]
    return np.stack([pixels[..., 1], pixels[..., 0]])


def _sample(values: Float32[np.ndarray, "H W"], places: Float[np.ndarray, "2 H W"]) -> Float32[np.ndarray, "H W"]:
    return ndimage.map_coordinates(values, places, order=1, mode="grid-constant", cval=0.0)

"""The part of two images that a metric looks at."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from sherf_core.metrics.measurement import EMPTY_MASK, NOT_FINITE

Image = Float[np.ndarray, "H W 3"]
Mask = Bool[np.ndarray, "H W"]
Crop = Float[np.ndarray, "h w 3"]


def masked_rectangle(image: Image, mask: Mask) -> Crop:
    """The image with zeros outside the mask, cropped to the mask's bounding rectangle (H W 3 -> h w 3)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rectangle = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.where(mask[rectangle][..., None], image[rectangle], 0.0)


def reason_not_to_measure(prediction: Image, truth: Image, mask: Mask) -> str:
    """Why no metric can be taken ("" when one can): the mask is empty, or a pixel inside it is not a number."""
    if not mask.any():
        return EMPTY_MASK
    if not (np.isfinite(prediction[mask]).all() and np.isfinite(truth[mask]).all()):
        return NOT_FINITE
    return ""

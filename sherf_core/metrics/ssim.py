"""Structural similarity on the mask's bounding rectangle."""

from __future__ import annotations

import numpy as np

from sherf_core.metrics.measurement import Measurement, Protocol
from sherf_core.metrics.region import Image, Mask, masked_rectangle, reason_not_to_measure

WINDOW = 7
"""Side of the uniform window in pixels."""

# The published code never set a data range; for floating-point images its library then assumed -1..1, a range of 2.
DATA_RANGE = {Protocol.PAPER: 2.0, Protocol.STANDARD: 1.0}

TOO_SMALL = f"the mask's rectangle is smaller than SSIM's {WINDOW}x{WINDOW} window"


def ssim(prediction: Image, truth: Image, mask: Mask, protocol: Protocol) -> Measurement:
    """Mean SSIM (uniform 7x7 window, mean over channels) of the masked, cropped images in 0..1."""
    from skimage.metrics import structural_similarity  # 0.3 s to import, and only needed here

    if reason := reason_not_to_measure(prediction, truth, mask):
        return Measurement(None, reason)
    predicted, true = masked_rectangle(prediction, mask), masked_rectangle(truth, mask)
    if min(predicted.shape[:2]) < WINDOW:
        return Measurement(None, TOO_SMALL)
    value = structural_similarity(
        predicted.astype(np.float64),
        true.astype(np.float64),
        win_size=WINDOW,
        data_range=DATA_RANGE[protocol],
        channel_axis=2,
    )
    return Measurement(float(value))

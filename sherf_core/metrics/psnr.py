"""Peak signal-to-noise ratio over the masked pixels."""

from __future__ import annotations

import math

import numpy as np

from sherf_core.metrics.measurement import IDENTICAL, Measurement
from sherf_core.metrics.region import Image, Mask, reason_not_to_measure


def psnr(prediction: Image, truth: Image, mask: Mask) -> Measurement:
    """-10 log10(mean squared error) in dB over the masked pixels and the three channels; images in 0..1.

    The data range is 1 in the paper's protocol and in the standard one, so there is one function for both.
    Identical images have no finite PSNR: the measurement then says so.
    """
    if reason := reason_not_to_measure(prediction, truth, mask):
        return Measurement(None, reason)
    difference = prediction[mask].astype(np.float64) - truth[mask].astype(np.float64)
    return decibels(float(np.mean(difference**2)))


def decibels(error: float) -> Measurement:
    """PSNR by the mean squared error of images in 0..1."""
    if error == 0.0:
        return Measurement(None, IDENTICAL)
    return Measurement(-10.0 * math.log10(error))

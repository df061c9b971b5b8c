"""Structural similarity with a Gaussian window, differentiable (Wang et al. 2004)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

WINDOW = 11
"""Side of the window in pixels."""
DEVIATION = 1.5
"""Standard deviation of the window's Gaussian in pixels."""
# For a data range of 1: (0.01·1)² and (0.03·1)².
STABILISERS = (0.01**2, 0.03**2)


def gaussian_ssim(a: Float[Tensor, "C H W"], b: Float[Tensor, "C H W"]) -> Float[Tensor, ""]:
    """Mean SSIM of two pictures in 0..1, over the channels and the windows that lie inside the picture.

    ssim = (2·μa·μb + c1)(2·σab + c2) / ((μa² + μb² + c1)(σa² + σb² + c2)), with the window's weighted moments.
    Differentiable in both. Sides of at least 11 pixels.
    """
    moments = _blur(torch.stack([a, b, a * a, b * b, a * b]))
    mean_a, mean_b = moments[0], moments[1]
    variance_a, variance_b = moments[2] - mean_a**2, moments[3] - mean_b**2
    covariance = moments[4] - mean_a * mean_b
    c1, c2 = STABILISERS
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return (above / below).mean()


def _blur(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C h w"]:
    """Convolve with the window, row by row and then column by column, without padding."""
    offsets = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    taps = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    taps = taps / taps.sum()
    flat = x.flatten(0, 1)[:, None]
    blurred = functional.conv2d(functional.conv2d(flat, taps[None, None, :, None]), taps[None, None, None, :])
    return blurred.unflatten(0, x.shape[:2])[:, :, 0]

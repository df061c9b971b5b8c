"""Samples along rays."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def sample_depths(near: Float[Tensor, "M"], far: Float[Tensor, "M"], count: int) -> Float[Tensor, "M {count}"]:
    """near + (far - near)·s with s = linspace(0, 1, count): both ends included, no jitter.

    The order of operations is part of the specification (section 6): another one flips nearest-vertex ties.
    """
    steps = torch.linspace(0.0, 1.0, count, dtype=near.dtype, device=near.device)
    return near[:, None] + (far - near)[:, None] * steps

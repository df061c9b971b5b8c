"""Samples along rays."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def ray_steps(count: int, like: Tensor) -> Float[Tensor, "{count}"]:
    """linspace(0, 1, count): both ends included, no jitter."""
    return torch.linspace(0.0, 1.0, count, dtype=like.dtype, device=like.device)


def sample_depths(near: Float[Tensor, "M"], far: Float[Tensor, "M"], steps: Float[Tensor, "S"]) -> Float[Tensor, "M S"]:
    """near + (far - near) · steps.

    The order of operations is part of the specification (section 6): another one flips nearest-vertex ties.
    """
    return near[:, None] + (far - near)[:, None] * steps

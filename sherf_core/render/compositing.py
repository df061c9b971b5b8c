"""Samples along a ray -> colour, depth and coverage (Mildenhall et al. 2020, equation 3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Density of a sample that is farther than 5 cm from the body.
EMPTY_SIGMA = -80.0


def composite(
    sigma: Float[Tensor, "M S"],
    colour: Float[Tensor, "M S 3"],
    depths: Float[Tensor, "M S"],
    directions: Float[Tensor, "M 3"],
) -> tuple[Float[Tensor, "M 3"], Float[Tensor, "M"], Float[Tensor, "M"]]:
    """Composite on black: (rgb, depth, alpha).

    alpha_i = 1 - exp(-relu(sigma_i)·delta_i), w_i = alpha_i·Π_{j<i}(1 - alpha_j + 1e-10); delta is in metres, the last
    one endless. depth = Σ w t / Σ w, +∞ where the ray meets nothing. Differentiable in sigma and colour.
    """
    step = torch.diff(depths, dim=1) * torch.linalg.vector_norm(directions, dim=1, keepdim=True)
    delta = torch.cat([step, torch.full_like(depths[:, :1], 1e10)], dim=1)
    opacity = 1 - torch.exp(-torch.relu(sigma) * delta)
    transmittance = torch.cumprod(1 - opacity + 1e-10, dim=1)
    before = torch.cat([torch.ones_like(transmittance[:, :1]), transmittance[:, :-1]], dim=1)
    weights = opacity * before
    alpha = weights.sum(1)
    depth = torch.nan_to_num((weights * depths).sum(1) / alpha, nan=torch.inf)
    return (weights[..., None] * colour).sum(1), depth, alpha

"""Positional encoding (Mildenhall et al. 2020, without the factor π)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PositionalEncoding(nn.Module):
    """x -> [x, sin(2⁰ x), cos(2⁰ x), sin(2¹ x), …], each for all coordinates (specification, section 6).

    Args:
        octaves: number of frequencies 2^k.

    `_freqs` and `_phases` are buffers because published files hold them; cos is sin(· + π/2).
    """

    _freqs: Tensor
    _phases: Tensor

    def __init__(self, octaves: int) -> None:
        super().__init__()
        frequencies = (2.0 ** torch.arange(octaves)).repeat_interleave(2).reshape(1, -1, 1)
        phases = torch.tensor([0.0, math.pi / 2]).repeat(octaves).reshape(1, -1, 1)
        self.register_buffer("_freqs", frequencies)
        self.register_buffer("_phases", phases)

    def forward(self, x: Float[Tensor, "P D"]) -> Float[Tensor, "P E"]:
        waves = torch.sin(torch.addcmul(self._phases, x[:, None, :], self._freqs))
        return torch.cat([x, waves.flatten(1)], dim=1)

"""Interpolation in tables: which rows of a table surround a place, and how much each of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class WeightedRows:
    """For each of P places, K rows of a table and their weights; rows with weight 0 do not count."""

    index: Int32[Tensor, "P K"]
    weight: Float[Tensor, "P K"]

    def of(self, table: Float[Tensor, "N C"]) -> Float[Tensor, "P C"]:
        """Σ_k weight_k · table[index_k], differentiable in the table.

        A row of a table is read at once, which is several times faster than `grid_sample`, whose channels lie apart.
        """
        return functional.embedding_bag(self.index, table, per_sample_weights=self.weight, mode="sum")


def corners(position: Float[Tensor, "P D"], size: Sequence[int]) -> WeightedRows:
    """The 2^D cells around each place of a D-dimensional grid, multilinear; cells outside of the grid weigh nothing.

    Args:
        position: in cells; whole numbers are cells' centres. The last dimension is the one that varies fastest.
        size: cells along each dimension.
    """
    steps = torch.arange(2, dtype=torch.int32, device=position.device)
    index = torch.zeros(len(position), 1, dtype=torch.int32, device=position.device)
    weight = position.new_ones(len(position), 1)
    for axis, extent in enumerate(size):
        # Beyond the grid all places are alike; a point in the camera's plane may lie at infinity.
        along = position[:, axis].clamp(-2, extent + 1)
        below = along.floor()
        fraction = (along - below)[:, None]
        cell = below.int()[:, None] + steps
        inside = (cell >= 0) & (cell < extent)
        share = torch.where(inside, torch.cat([1 - fraction, fraction], dim=1), 0)
        index = (index[:, :, None] * extent + cell.clamp(0, extent - 1)[:, None]).flatten(1)
        weight = (weight[:, :, None] * share[:, None]).flatten(1)
    return WeightedRows(index, weight)

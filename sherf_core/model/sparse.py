"""Sparse 3D convolutions over the voxels of the canonical body, in plain PyTorch.

The voxels are those of the canonical vertices, which never move, so the neighbour tables are constants of a body: made
once, shared by all samples. Features are (B, N, C) with one row per active voxel. Specification, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sherf_core.model.lookup import WeightedRows, corners

VOXEL_SIZE = 0.005
GRID_PADDING = 0.05


@dataclass(frozen=True)
class VoxelGrid:
    """Active voxels of one level: `sites` (N, 3) as (z, y, x) indices into a grid of `size` (z, y, x)."""

    sites: Int64[np.ndarray, "N 3"]
    size: tuple[int, int, int]

    def keys(self) -> Int64[np.ndarray, "N"]:
        return np.ravel_multi_index(tuple(self.sites.T), self.size)

    def table(self) -> Int64[np.ndarray, "cells"]:
        """Row of each cell of the grid, flattened; N for the empty ones."""
        rows = np.full(int(np.prod(self.size)), len(self.sites), dtype=np.int64)
        rows[self.keys()] = np.arange(len(self.sites))
        return rows


@dataclass(frozen=True)
class BodyVoxels:
    """The finest grid of a body.

    Attributes:
        grid: its active voxels; a voxel's row stands where its first vertex stands among the vertices.
        vertices: (N,) the vertex that owns each row: the first of those that share the voxel.
        minimum: (3,) world corner of the grid as (x, y, z), metres.
    """

    grid: VoxelGrid
    vertices: Int64[np.ndarray, "N"]
    minimum: Float[np.ndarray, "3"]


def voxelise(canonical_vertices: Float[np.ndarray, "V 3"]) -> BodyVoxels:
    """Put the canonical vertices into 5 mm voxels, index = round((zyx - min) / 0.005).

    Arithmetic is float32 as in the published code, because rounding at a half decides which voxel a vertex gets.
    """
    vertices = np.asarray(canonical_vertices, dtype=np.float32)
    minimum = vertices.min(0) - np.float32(GRID_PADDING)
    maximum = vertices.max(0) + np.float32(GRID_PADDING)
    voxel = np.float32(VOXEL_SIZE)
    size = (np.ceil((maximum - minimum)[::-1] / voxel).astype(np.int64) | 31) + 1
    index = np.round((vertices - minimum)[:, ::-1] / voxel).astype(np.int64)
    shape = (int(size[0]), int(size[1]), int(size[2]))
    _, first = np.unique(np.ravel_multi_index(tuple(index.T), shape), return_index=True)
    first = np.sort(first)
    return BodyVoxels(VoxelGrid(index[first], shape), first, minimum)


def _rows(x: Tensor, table: Tensor) -> Tensor:
    """Rows of x (B, N, C) that a table (R, 27) names, zeros for index N: (B, R, 27, C)."""
    padded = torch.cat([x, x.new_zeros(len(x), 1, x.shape[2])], dim=1)
    return padded.index_select(1, table.flatten()).unflatten(1, table.shape)


class _Neighbours(torch.autograd.Function):
    """The 27 neighbours of each output row: x (B, N, C), sources (M, 27), places (N, 27) -> (B, M, 27, C).

    The gradient is picked too, at the places that read a row, and summed in a fixed order. That of index_select adds
    row after row instead, and most of them to the one row of zeros, where a GPU's additions wait for one another.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, sources: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return _rows(x, sources)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _rows(gradient.flatten(1, 2), places).sum(2), None, None


class KernelMap(nn.Module):
    """Which input row feeds which output row, for each of the 27 offsets of a 3³ kernel.

    `sources` (M, 27) is the input row of each output row and offset, the number of input rows where there is none.
    `places` (N, 27) is the same transposed: where in `sources`, flattened, each input row stands for each offset, M·27
    where it does not. So at one offset a row may feed one output only, and be fed by one: ValueError if not.
    """

    sources: Tensor
    places: Tensor

    def __init__(self, inputs: list[np.ndarray], outputs: list[np.ndarray], rows_in: int, rows: int) -> None:
        super().__init__()
        sources = np.full((rows, len(inputs)), rows_in)
        places = np.full((rows_in, len(inputs)), sources.size)
        for offset, (source, target) in enumerate(zip(inputs, outputs, strict=True)):
            if not len(np.unique(source)) == len(np.unique(target)) == len(source):
                raise ValueError(f"offset {offset} of the kernel does not pair rows one to one")
            sources[target, offset] = source
            places[source, offset] = target * len(inputs) + offset
        self.register_buffer("sources", torch.from_numpy(sources), persistent=False)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def forward(self, x: Float[Tensor, "B N C"], weight: Float[Tensor, "D 3 3 3 C"]) -> Float[Tensor, "B M D"]:
        """y[o] = sum over offsets k of W[k] · x[input of o at k]; weights (out, kz, ky, kx, in).

        All 27 neighbours are laid side by side, zeros for those that are not there: one product, which costs less
        than 27 small ones.
        """
        beside = _Neighbours.apply(x, self.sources, self.places).flatten(2)
        return (beside @ weight.flatten(1).T).to(x.dtype)


def _offsets() -> Int64[np.ndarray, "27 3"]:
    return np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(27, 3)


def submanifold_map(grid: VoxelGrid) -> KernelMap:
    """y[o] reads x[o + k - 1] where that site is active; the active sites stay."""
    table, rows = grid.table(), np.arange(len(grid.sites))
    inputs, outputs = [], []
    for offset in _offsets():
        neighbour = grid.sites + offset - 1
        inside = ((neighbour >= 0) & (neighbour < grid.size)).all(1)
        row = np.full(len(rows), len(rows))
        row[inside] = table[np.ravel_multi_index(tuple(neighbour[inside].T), grid.size)]
        found = row < len(rows)
        inputs.append(row[found])
        outputs.append(rows[found])
    return KernelMap(inputs, outputs, len(rows), len(rows))


def strided_map(grid: VoxelGrid) -> tuple[KernelMap, VoxelGrid]:
    """y[o] reads x[2o + k - 1]; a site of the half-size grid is active where any input lands."""
    size = (grid.size[0] // 2, grid.size[1] // 2, grid.size[2] // 2)
    rows, keys = [], []
    for offset in _offsets():
        doubled = grid.sites + 1 - offset
        target = doubled // 2
        lands = ((doubled % 2 == 0) & (target >= 0) & (target < size)).all(1)
        rows.append(np.flatnonzero(lands))
        keys.append(np.ravel_multi_index(tuple(target[lands].T), size))
    active = np.unique(np.concatenate(keys))
    coarse = VoxelGrid(np.stack(np.unravel_index(active, size), axis=1).astype(np.int64), size)
    outputs = [np.searchsorted(active, key) for key in keys]
    return KernelMap(rows, outputs, len(grid.sites), len(active)), coarse


class SparseConv(nn.Module):
    """The weight of one 3³ convolution, (out, kz, ky, kx, in); the map says where it goes."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 3, 3, 3, channels_in))
        nn.init.kaiming_uniform_(self.weight.flatten(1), a=5**0.5)

    def forward(self, x: Float[Tensor, "B N C"], kernel_map: KernelMap) -> Float[Tensor, "B M D"]:
        return kernel_map(x, self.weight)


class VoxelSampler(nn.Module):
    """Trilinear look-up of a level's features at points, zero in empty voxels, without making the level dense."""

    table: Tensor
    last: Tensor

    def __init__(self, grid: VoxelGrid) -> None:
        super().__init__()
        self.size, self.count = grid.size, len(grid.sites)
        self.register_buffer("table", torch.from_numpy(grid.table().astype(np.int32)), persistent=False)
        last = torch.tensor(grid.size, dtype=torch.float32) - 1
        self.register_buffer("last", last, persistent=False)

    def rows(self, coordinates: Float[Tensor, "P 3"]) -> WeightedRows:
        """Active voxels around `coordinates`, (z, y, x) in -1..1 with the ends on the outermost voxels' centres."""
        cells = corners((coordinates + 1) / 2 * self.last, self.size)
        row = self.table[cells.index]
        active = row < self.count
        return WeightedRows(torch.where(active, row, 0), torch.where(active, cells.weight, 0))

    def forward(self, features: Float[Tensor, "N C"], coordinates: Float[Tensor, "P 3"]) -> Float[Tensor, "P C"]:
        """Features at `coordinates`."""
        return self.rows(coordinates).of(features)

"""Sparse 3D convolutions over the voxels of the canonical body, in plain PyTorch.

The voxels are those of the canonical vertices, which never move, so the neighbour tables are constants of a body: made
once, shared by all samples. Features are (B, N, C) with one row per active voxel. Specification, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

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


class KernelMap(nn.Module):
    """Which input row feeds which output row, for each of the 27 offsets of a 3³ kernel."""

    inputs: Tensor
    outputs: Tensor

    def __init__(self, inputs: list[np.ndarray], outputs: list[np.ndarray], rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.counts = [len(pairs) for pairs in inputs]
        self.register_buffer("inputs", torch.from_numpy(np.concatenate(inputs)), persistent=False)
        self.register_buffer("outputs", torch.from_numpy(np.concatenate(outputs)), persistent=False)

    def forward(self, x: Float[Tensor, "B N C"], weight: Float[Tensor, "D 3 3 3 C"]) -> Float[Tensor, "B M D"]:
        """y[o] = sum over offsets k of W[k] · x[input of o at k]; weights (out, kz, ky, kx, in).

        Rows are picked with index_select, whose gradient adds up; that of plain indexing sorts first, which is slow.
        """
        kernels = weight.flatten(1, 3).permute(1, 2, 0)
        y = x.new_zeros(len(x), self.rows, weight.shape[0])
        inputs, outputs = self.inputs.split(self.counts), self.outputs.split(self.counts)
        for kernel, source, target in zip(kernels, inputs, outputs, strict=True):
            # Under autocast a product may have 16 bits; the sum of 27 of them keeps the input's.
            y.index_add_(1, target, (x.index_select(1, source) @ kernel).to(y.dtype))
        return y


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
    return KernelMap(inputs, outputs, len(rows))


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
    return KernelMap(rows, outputs, len(active)), coarse


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

    def __init__(self, grid: VoxelGrid) -> None:
        super().__init__()
        self.size = grid.size
        self.register_buffer("table", torch.from_numpy(grid.table().astype(np.int32)), persistent=False)

    def forward(self, features: Float[Tensor, "N C"], coordinates: Float[Tensor, "P 3"]) -> Float[Tensor, "P C"]:
        """Features at `coordinates`, (z, y, x) in -1..1 with the ends on the outermost voxels' centres."""
        padded = torch.cat([features, features.new_zeros(1, features.shape[1])])
        last = coordinates.new_tensor([extent - 1 for extent in self.size])
        position = (coordinates + 1) / 2 * last
        base = position.floor()
        fraction = position - base
        cell = base.long()
        sampled = features.new_zeros(len(coordinates), features.shape[1])
        for corner in range(8):
            step = torch.tensor([corner >> 2 & 1, corner >> 1 & 1, corner & 1], device=cell.device)
            index = cell + step
            inside = ((index >= 0) & (index <= last)).all(-1)
            z, y, x = torch.where(inside[:, None], index, 0).unbind(-1)
            row = self.table[(z * self.size[1] + y) * self.size[2] + x].long()
            weight = torch.where(step.bool(), fraction, 1 - fraction).prod(-1) * inside
            sampled = sampled + weight[:, None] * padded.index_select(0, row)
        return sampled

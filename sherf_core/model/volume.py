"""The point-level encoder: features on the body's vertices -> a sparse feature volume with three levels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.model.lookup import WeightedRows
from sherf_core.model.normalization import SampleBatchNorm
from sherf_core.model.sparse import (
    VOXEL_SIZE,
    KernelMap,
    SparseConv,
    VoxelSampler,
    strided_map,
    submanifold_map,
    voxelise,
)

LEVEL_CHANNELS = (32, 64, 96)


class SparseBlock(nn.ModuleList):
    """`count` convolutions, each followed by BatchNorm and ReLU; children 0, 3, 6 … convolve, as in published files."""

    def __init__(self, channels_in: int, channels: int, count: int) -> None:
        layers: list[nn.Module] = []
        for index in range(count):
            convolution = SparseConv(channels_in if index == 0 else channels, channels)
            layers += [convolution, SampleBatchNorm(channels, eps=1e-3, momentum=0.01), nn.ReLU()]
        super().__init__(layers)

    def forward(self, x: Float[Tensor, "B N C"], kernel_map: KernelMap) -> Float[Tensor, "B M D"]:
        for layer in self:
            if isinstance(layer, SparseConv):
                x = layer(x, kernel_map)
            elif isinstance(layer, SampleBatchNorm):
                x = layer(x.transpose(1, 2)).transpose(1, 2)
            else:
                x = functional.relu(x)
        return x


class BodyVolume(nn.Module):
    """The constants of a body's voxels: which vertices feed them, who neighbours whom, and where a point falls."""

    vertices: Tensor
    minimum: Tensor
    size: Tensor

    def __init__(self, canonical_vertices: Float[np.ndarray, "V 3"]) -> None:
        super().__init__()
        voxels = voxelise(canonical_vertices)
        self.sites = [voxels.grid]
        self.same, self.down = nn.ModuleList([submanifold_map(voxels.grid)]), nn.ModuleList()
        for _ in LEVEL_CHANNELS:
            down, coarse = strided_map(self.sites[-1])
            self.sites.append(coarse)
            self.down.append(down)
            self.same.append(submanifold_map(coarse))
        self.samplers = nn.ModuleList(VoxelSampler(grid) for grid in self.sites[1:])
        counts = [len(grid.sites) for grid in self.sites[1:]]
        self.first_rows = [sum(counts[:level]) for level in range(len(counts))]
        self.register_buffer("size", torch.tensor(self.sites[0].size, dtype=torch.float32), persistent=False)
        self.register_buffer("vertices", torch.from_numpy(voxels.vertices), persistent=False)
        self.register_buffer("minimum", torch.from_numpy(voxels.minimum), persistent=False)

    def coordinates(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        """Canonical points -> (z, y, x) with the full-resolution grid from -1 to 1; every level uses the same ones."""
        return 2 * ((points - self.minimum).flip(-1) / VOXEL_SIZE) / self.size - 1

    def rows(self, points: Float[Tensor, "P 3"]) -> WeightedRows:
        """The voxels around canonical points, of all levels: rows of the levels one below the other."""
        coordinates = self.coordinates(points)
        found = [sampler.rows(coordinates) for sampler in self.samplers]  # type: ignore[operator]
        index = [rows.index + first for rows, first in zip(found, self.first_rows, strict=True)]
        return WeightedRows(torch.cat(index, dim=1), torch.cat([rows.weight for rows in found], dim=1))

    def sample(self, levels: list[Float[Tensor, "_ _"]], points: Float[Tensor, "P 3"]) -> Float[Tensor, "P 192"]:
        coordinates = self.coordinates(points)
        sampled = [sampler(level, coordinates) for sampler, level in zip(self.samplers, levels, strict=True)]
        return torch.cat(sampled, dim=1)


class SparseEncoder(nn.Module):
    """`renderer.encoder_3d`: submanifold and strided convolutions. Published files hold `down3` and `conv4`, unused."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = SparseBlock(32, 32, 2)
        self.down0 = SparseBlock(32, 32, 1)
        self.conv1 = SparseBlock(32, 32, 2)
        self.down1 = SparseBlock(32, 64, 1)
        self.conv2 = SparseBlock(64, 64, 3)
        self.down2 = SparseBlock(64, 96, 1)
        self.conv3 = SparseBlock(96, 96, 3)
        self.down3 = SparseBlock(96, 96, 1)
        self.conv4 = SparseBlock(96, 96, 3)

    def forward(self, x: Float[Tensor, "B V 32"], volume: BodyVolume) -> list[Float[Tensor, "B _ _"]]:
        """Vertex features -> the features of the three coarser levels, finest first."""
        return [features for name, features in self.stages(x, volume) if name in ("conv1", "conv2", "conv3")]

    def stages(self, x: Float[Tensor, "B V 32"], volume: BodyVolume) -> Iterator[tuple[str, Tensor]]:
        """Every stage's name and output, in order."""
        x = x[:, volume.vertices]
        yield "in", x
        x = self.conv0(x, volume.same[0])
        yield "conv0", x
        pairs = ((self.down0, self.conv1), (self.down1, self.conv2), (self.down2, self.conv3))
        for level, (down, conv) in enumerate(pairs):
            x = down(x, volume.down[level])
            yield f"down{level}", x
            x = conv(x, volume.same[level + 1])
            yield f"conv{level + 1}", x

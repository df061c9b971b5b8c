"""The tri-plane generator: one feature of a person -> three feature planes.

A StyleGAN2 synthesis network with skip connections (Karras et al. 2020), whose output is read as three planes
(Chan et al. 2022, section 4.1). Specification, section 3.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.model.lookup import WeightedRows, corners

W_CHANNELS = 512
PLANE_CHANNELS = 32
RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256)
W_COUNT = 2 * len(RESOLUTIONS)
MAPPING_LEARNING_RATE = 0.01


def _channels(resolution: int) -> int:
    return min(32768 // resolution, 512)


def _activate(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2) * math.sqrt(2)


def _smoothing_filter() -> Float[Tensor, "4 4"]:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64


def _smooth(x: Float[Tensor, "B C H W"], taps: Float[Tensor, "4 4"], padding: tuple[int, int]) -> Tensor:
    """Convolve every channel with the 4x4 filter, times 4 to make up for the zeros between samples."""
    before, after = padding
    padded = functional.pad(x, (before, after, before, after))
    kernel = (taps * 4).expand(x.shape[1], 1, 4, 4)
    return functional.conv2d(padded, kernel, groups=x.shape[1])


def upsample(x: Float[Tensor, "B C H W"], taps: Float[Tensor, "4 4"]) -> Float[Tensor, "B C h w"]:
    """Twice the size: a zero after each sample, padding 2 before and 1 after, the filter."""
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, height, 2, width, 2)
    spread[:, :, :, 0, :, 0] = x
    return _smooth(spread.reshape(batch, channels, 2 * height, 2 * width), taps, (2, 1))


class StyleAffine(nn.Module):
    """w -> one scale per channel; the weight's gain 1/sqrt(512) is applied at run time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, W_CHANNELS))
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self, w: Float[Tensor, "B 512"]) -> Float[Tensor, "B C"]:
        return functional.linear(w, self.weight / math.sqrt(W_CHANNELS), self.bias)


class SynthesisLayer(nn.Module):
    """A modulated and demodulated 3x3 convolution. Scaling inputs and outputs equals scaling the weights per sample.

    `noise_strength` and `noise_const` are in published files; SHERF never trains or uses noise.
    """

    resample_filter: Tensor

    def __init__(self, channels_in: int, channels: int, resolution: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.affine = StyleAffine(channels_in)
        self.weight = nn.Parameter(torch.randn(channels, channels_in, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("resample_filter", _smoothing_filter())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Float[Tensor, "B C H W"], w: Float[Tensor, "B 512"]) -> Float[Tensor, "B D h w"]:
        style = self.affine(w)
        squares = self.weight.square().sum(dim=(2, 3))
        demodulation = torch.rsqrt(style.square() @ squares.T + 1e-8)
        x = x * style[:, :, None, None]
        if self.up:
            x = functional.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = _smooth(x, self.resample_filter, (1, 1))
        else:
            x = functional.conv2d(x, self.weight, padding=1)
        return _activate(x * demodulation[:, :, None, None] + self.bias[:, None, None])


class ToPlanes(nn.Module):
    """A modulated 1x1 convolution without demodulation, to the planes' channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.affine = StyleAffine(channels_in)
        self.weight = nn.Parameter(torch.randn(channels, channels_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B C H W"], w: Float[Tensor, "B 512"]) -> Float[Tensor, "B D H W"]:
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        return functional.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class SynthesisBlock(nn.Module):
    """The layers of one resolution; the first block starts from a learned constant."""

    resample_filter: Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        channels = _channels(resolution)
        self.register_buffer("resample_filter", _smoothing_filter())
        self.conv0: SynthesisLayer | None = None
        if resolution == RESOLUTIONS[0]:
            self.const = nn.Parameter(torch.randn(channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(_channels(resolution // 2), channels, resolution, up=True)
        self.conv1 = SynthesisLayer(channels, channels, resolution, up=False)
        self.torgb = ToPlanes(channels, 3 * PLANE_CHANNELS)

    def forward(self, x: Tensor | None, planes: Tensor | None, ws: Float[Tensor, "B N 512"]) -> tuple[Tensor, Tensor]:
        """Use as many of `ws` as there are layers: conv0 (if any), conv1, torgb."""
        used = 0
        if self.conv0 is None:
            x = self.const.expand(len(ws), -1, -1, -1)
        else:
            assert x is not None
            x, used = self.conv0(x, ws[:, 0]), 1
        x = self.conv1(x, ws[:, used])
        added = self.torgb(x, ws[:, used + 1])
        return x, added if planes is None else upsample(planes, self.resample_filter) + added


class Synthesis(nn.Module):
    """The blocks of all resolutions, each adding to the planes."""

    def __init__(self) -> None:
        super().__init__()
        for resolution in RESOLUTIONS:
            self.add_module(f"b{resolution}", SynthesisBlock(resolution))

    def forward(self, ws: Float[Tensor, "B 14 512"]) -> Float[Tensor, "B 96 256 256"]:
        x: Tensor | None = None
        planes: Tensor | None = None
        first = 0
        for block in self.children():
            x, planes = block(x, planes, ws[:, first:])
            # A block's torgb and the next block's first convolution share one w.
            first += 1 if first == 0 else 2
        assert planes is not None
        return planes


class MappingLayer(nn.Module):
    """Fully connected, with the run-time gains of a learning rate 100 times smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(W_CHANNELS, W_CHANNELS) / MAPPING_LEARNING_RATE)
        self.bias = nn.Parameter(torch.zeros(W_CHANNELS))

    def forward(self, x: Float[Tensor, "B 512"]) -> Float[Tensor, "B 512"]:
        weight = self.weight * (MAPPING_LEARNING_RATE / math.sqrt(W_CHANNELS))
        return _activate(functional.linear(x, weight, self.bias * MAPPING_LEARNING_RATE))


class Mapping(nn.Module):
    """Global feature -> w. `w_avg` is in published files; truncation (psi 1) never uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc0, self.fc1 = MappingLayer(), MappingLayer()
        self.register_buffer("w_avg", torch.zeros(W_CHANNELS))

    def forward(self, z: Float[Tensor, "B 512"]) -> Float[Tensor, "B 512"]:
        x = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        return self.fc1(self.fc0(x))


class TriPlaneGenerator(nn.Module):
    """Global feature (B, 512) -> planes (B, 3, 32, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = Mapping()
        self.synthesis = Synthesis()

    def forward(self, z: Float[Tensor, "B 512"]) -> Float[Tensor, "B 3 32 256 256"]:
        ws = self.mapping(z)[:, None].expand(-1, W_COUNT, -1)
        return self.synthesis(ws).unflatten(1, (3, PLANE_CHANNELS))


def sample_planes(
    planes: Float[Tensor, "3 32 N N"], points: Float[Tensor, "P 3"], box: Float[Tensor, "2 3"]
) -> Float[Tensor, "P 3 32"]:
    """Bilinear features of canonical points on the planes (x, y), (x, z), (z, y) of the box; zero outside."""
    grid = _on_planes(points, box)
    sampled = functional.grid_sample(planes, grid[:, None], mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled[:, :, 0].permute(2, 0, 1)


def plane_rows(points: Float[Tensor, "P 3"], box: Float[Tensor, "2 3"], side: int) -> WeightedRows:
    """The cells that `sample_planes` reads: three rows a point, in planes of `side`² one after another."""
    grid = _on_planes(points, box).transpose(0, 1)
    found = corners(((grid.flip(-1) + 1) * side - 1).flatten(0, 1) / 2, (side, side))
    first = torch.arange(3, dtype=torch.int32, device=points.device)[:, None] * side**2
    return WeightedRows((found.index.unflatten(0, (-1, 3)) + first).flatten(0, 1), found.weight)


def _on_planes(points: Float[Tensor, "P 3"], box: Float[Tensor, "2 3"]) -> Float[Tensor, "3 P 2"]:
    """(column, row) in -1..1 on the planes (x, y), (x, z), (z, y)."""
    x, y, z = (2 * (points - box[0]) / (box[1] - box[0]) - 1).unbind(-1)
    return torch.stack([torch.stack(pair, dim=-1) for pair in ((x, y), (x, z), (z, y))])

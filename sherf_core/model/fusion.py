"""Feature fusion: a point's features as three tokens, and a transformer over them (SHERF section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.field import POSITION_OCTAVES, VIEW_OCTAVES
from sherf_core.model.pixels import COLOUR_OCTAVES
from sherf_core.model.volume import SparseEncoder

TOKEN_CHANNELS = 32
HEADS = 3
HEAD_CHANNELS = 16


class Attention(nn.Module):
    """Self-attention over three tokens, written out: the library's fused kernel crawls at huge batches.

    `kept` is how many tokens, from the first, are asked for: only those ask, all answer.
    """

    sum_of_heads: Tensor

    def __init__(self) -> None:
        super().__init__()
        inner = HEADS * HEAD_CHANNELS
        self.to_qkv = nn.Linear(TOKEN_CHANNELS, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, TOKEN_CHANNELS))
        # Adds up each head's channels and scales; a sum's rounding would depend on the number of points.
        heads = torch.eye(HEADS).repeat_interleave(HEAD_CHANNELS, dim=1) * HEAD_CHANNELS**-0.5
        self.register_buffer("sum_of_heads", heads, persistent=False)

    def forward(self, x: Float[Tensor, "P 3 32"], kept: int) -> Float[Tensor, "P {kept} 32"]:
        # Points come last, so that a product of two channels is one of long rows; their matrices stay as they lie.
        inner = HEADS * HEAD_CHANNELS
        to_query, to_key, to_value = self.to_qkv.weight.split(inner)
        tokens = [token.T for token in x.unbind(1)]
        keys = [to_key @ token for token in tokens]
        values = [(to_value @ token).unflatten(0, (HEADS, HEAD_CHANNELS)) for token in tokens]
        mixed = []
        for token in tokens[:kept]:
            query = to_query @ token
            scores = torch.stack([self.sum_of_heads @ (query * key) for key in keys])
            shares = scores.softmax(dim=0)[:, :, None].unbind(0)
            together = sum(share * value for share, value in zip(shares, values, strict=True))
            mixed.append(self.to_out(together.flatten(0, 1).T))
        return torch.stack(mixed, dim=1)


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self) -> None:
        super().__init__()
        # Places 1, 2 and 4 hold an activation and dropouts in published files; none of them has parameters.
        self.net = nn.ModuleDict(
            {"0": nn.Linear(TOKEN_CHANNELS, TOKEN_CHANNELS), "3": nn.Linear(TOKEN_CHANNELS, TOKEN_CHANNELS)}
        )

    def forward(self, x: Float[Tensor, "P T 32"], kept: int) -> Float[Tensor, "P {kept} 32"]:
        return self.net["3"](functional.gelu(self.net["0"](x[:, :kept])))


class PreNorm(nn.Module):
    """A layer behind a LayerNorm."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(TOKEN_CHANNELS), fn

    def forward(self, x: Float[Tensor, "P T 32"], kept: int, kernels: bool) -> Float[Tensor, "P {kept} 32"]:
        return self.fn(self._by_kernel(x) if kernels else self.norm(x), kept)

    def _by_kernel(self, x: Float[Tensor, "P T 32"]) -> Float[Tensor, "P T 32"]:
        from sherf_core.kernels.norm import layer_norm

        rows = layer_norm(x.float().flatten(0, 1), self.norm.weight, self.norm.bias, self.norm.eps)
        return rows.view(x.shape)


class Residual(nn.Module):
    """x + fn(x); the nesting of names is that of published files."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Float[Tensor, "P T 32"], kept: int, kernels: bool) -> Float[Tensor, "P {kept} 32"]:
        return x[:, :kept] + self.fn(x, kept, kernels)


class FusionTransformer(nn.Module):
    """One layer: attention and feed-forward, both pre-norm and residual."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([Residual(PreNorm(Attention())), Residual(PreNorm(FeedForward()))])])

    def forward(
        self, tokens: Float[Tensor, "P 3 32"], kept: int = 3, kernels: bool = False
    ) -> Float[Tensor, "P {kept} 32"]:
        """The first `kept` tokens, fused with all; `kernels` lets Triton normalise."""
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            for step in layer:
                tokens = step(tokens, kept, kernels)
        return tokens


@dataclass(frozen=True)
class PointFeatures:
    """Features of P canonical points, and where they lie in the observation."""

    planes: Float[Tensor, "P 3 32"]
    pixels: Float[Tensor, "P 96"]
    volume: Float[Tensor, "P 96"]
    world: Float[Tensor, "P 3"]
    uv: Float[Tensor, "P 2"]

    def tokens(self) -> Float[Tensor, "P 3 96"]:
        """Token t is [planes, pixels, volume], each's channels 32t to 32t + 31."""
        return torch.cat([self.planes, self.pixels.unflatten(1, (3, 32)), self.volume.unflatten(1, (3, 32))], dim=2)


class FeatureFusion(nn.Module):
    """`renderer` of the published files: the learned parts between the encoders and the decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder_3d = SparseEncoder()
        self.conv1d_projection = nn.Conv1d(192, 96, 1)
        self.conv1d_reprojection = nn.Conv1d(96, 32, 1)
        self.transformer = FusionTransformer()
        self.rgb_enc = PositionalEncoding(COLOUR_OCTAVES)
        self.pos_enc = PositionalEncoding(POSITION_OCTAVES)
        self.view_enc = PositionalEncoding(VIEW_OCTAVES)

    def merge(self, tokens: Float[Tensor, "P 3 96"]) -> Float[Tensor, "P 3 32"]:
        """One token of 32 out of each [planes, pixels, volume] of 96."""
        return linear(self.conv1d_reprojection, tokens)


def linear(convolution: nn.Conv1d, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch D"]:
    """A convolution of width 1, applied along the last dimension: published files call these layers conv1d."""
    return nn.functional.linear(x, convolution.weight[:, :, 0], convolution.bias)

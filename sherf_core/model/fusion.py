"""Feature fusion: a transformer over a point's three tokens (SHERF section 3.3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

TOKEN_CHANNELS = 32
HEADS = 3
HEAD_CHANNELS = 16


class Attention(nn.Module):
    """Self-attention over three tokens, written out: the library's fused kernel crawls at huge batches."""

    def __init__(self) -> None:
        super().__init__()
        inner = HEADS * HEAD_CHANNELS
        self.to_qkv = nn.Linear(TOKEN_CHANNELS, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, TOKEN_CHANNELS))

    def forward(self, x: Float[Tensor, "P 3 32"]) -> Float[Tensor, "P 3 32"]:
        query, key, value = self.to_qkv(x).unflatten(-1, (3, HEADS, HEAD_CHANNELS)).unbind(2)
        scores = torch.einsum("pthc,pshc->ptsh", query, key) * HEAD_CHANNELS**-0.5
        mixed = torch.einsum("ptsh,pshc->pthc", scores.softmax(dim=2), value)
        return self.to_out(mixed.flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self) -> None:
        super().__init__()
        # Places 1, 2 and 4 hold an activation and dropouts in published files; none of them has parameters.
        self.net = nn.ModuleDict(
            {"0": nn.Linear(TOKEN_CHANNELS, TOKEN_CHANNELS), "3": nn.Linear(TOKEN_CHANNELS, TOKEN_CHANNELS)}
        )

    def forward(self, x: Float[Tensor, "P 3 32"]) -> Float[Tensor, "P 3 32"]:
        return self.net["3"](functional.gelu(self.net["0"](x)))


class PreNorm(nn.Module):
    """A layer behind a LayerNorm."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(TOKEN_CHANNELS), fn

    def forward(self, x: Float[Tensor, "P 3 32"]) -> Float[Tensor, "P 3 32"]:
        return self.fn(self.norm(x))


class Residual(nn.Module):
    """x + fn(x); the nesting of names is that of published files."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Float[Tensor, "P 3 32"]) -> Float[Tensor, "P 3 32"]:
        return x + self.fn(x)


class FusionTransformer(nn.Module):
    """One layer: attention and feed-forward, both pre-norm and residual."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([Residual(PreNorm(Attention())), Residual(PreNorm(FeedForward()))])])

    def forward(self, tokens: Float[Tensor, "P 3 32"]) -> Float[Tensor, "P 3 32"]:
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            for step in layer:
                tokens = step(tokens)
        return tokens

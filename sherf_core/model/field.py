"""The decoder: a canonical point with its features -> density and colour (NeRF MLP, SHERF section 3.4)."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

POSITION_OCTAVES = 6
VIEW_OCTAVES = 4
WIDTH = 128
DEPTH = 8
SKIP_AFTER = 4
# Published colours reach a little beyond 0..1, so that the ends are reachable (Barron et al. 2021).
COLOUR_PADDING = 0.001


class RadianceField(nn.Module):
    """`decoder` of the published files.

    Inputs are the encoded position (39), the encoded view direction (27) and the first two fused tokens; the third
    is unused, as published.
    """

    def __init__(self) -> None:
        super().__init__()
        position, view, token = 3 * (1 + 2 * POSITION_OCTAVES), 3 * (1 + 2 * VIEW_OCTAVES), 32
        first = position + token
        widths = [first] + [WIDTH + first if index == SKIP_AFTER + 1 else WIDTH for index in range(1, DEPTH)]
        self.pts_linears = nn.ModuleList(nn.Linear(width, WIDTH) for width in widths)
        self.views_linear = nn.Linear(WIDTH + view + token, WIDTH // 2)
        self.feature_linear = nn.Linear(WIDTH, WIDTH)
        self.alpha_linear = nn.Linear(WIDTH, 1)
        self.rgb_linear = nn.Linear(WIDTH // 2, 3)

    def forward(
        self, position: Float[Tensor, "P 39"], view: Float[Tensor, "P 27"], tokens: Float[Tensor, "P 2 32"]
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """(sigma before its ReLU, colour)."""
        start = torch.cat([position, tokens[:, 0]], dim=1)
        x = start
        for index, layer in enumerate(cast("list[nn.Linear]", list(self.pts_linears))):
            x = _joined(start, x, layer.weight, layer.bias) if index == SKIP_AFTER + 1 else layer(x)
            x = functional.relu_(x)
        x = _joined(x, torch.cat([view, tokens[:, 1]], dim=1), *self._head())
        colour = self.rgb_linear(functional.relu(x[:, 1:]))
        # A sigmoid, whose rounding does not depend on the number of points as that of torch's own does on the CPU.
        return x[:, 0], torch.tanh(colour / 2) * (0.5 + COLOUR_PADDING) + 0.5

    def _head(self) -> tuple[Float[Tensor, "65 187"], Float[Tensor, "65"]]:
        """`alpha_linear` above `views_linear` behind `feature_linear`: between the two nothing bends, they are one."""
        of_features, of_rest = self.views_linear.weight.split([WIDTH, self.views_linear.in_features - WIDTH], dim=1)
        colour = torch.cat([of_features @ self.feature_linear.weight, of_rest], dim=1)
        sigma = functional.pad(self.alpha_linear.weight, (0, of_rest.shape[1]))
        bias = of_features @ self.feature_linear.bias + self.views_linear.bias
        return torch.cat([sigma, colour]), torch.cat([self.alpha_linear.bias, bias])


def _joined(
    first: Float[Tensor, "P A"], second: Float[Tensor, "P B"], weight: Float[Tensor, "C _"], bias: Float[Tensor, "C"]
) -> Float[Tensor, "P C"]:
    """A linear layer of [first, second], without putting them side by side: there is less to keep for the gradient."""
    width = first.shape[1]
    return torch.addmm(functional.linear(first, weight[:, :width], bias), second, weight[:, width:].T)

"""The decoder: a canonical point with its features -> density and colour (NeRF MLP, SHERF section 3.4)."""

from __future__ import annotations

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

    Inputs are the encoded position (39), the encoded view direction (27) and the three fused tokens; the third
    token is unused, as published.
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
        self, position: Float[Tensor, "P 39"], view: Float[Tensor, "P 27"], tokens: Float[Tensor, "P 3 32"]
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """(sigma before its ReLU, colour)."""
        start = torch.cat([position, tokens[:, 0]], dim=1)
        x = start
        for index, layer in enumerate(self.pts_linears):
            x = functional.relu(layer(x))
            if index == SKIP_AFTER:
                x = torch.cat([start, x], dim=1)
        sigma = self.alpha_linear(x)[:, 0]
        colour = torch.cat([self.feature_linear(x), view, tokens[:, 1]], dim=1)
        colour = self.rgb_linear(functional.relu(self.views_linear(colour)))
        return sigma, torch.sigmoid(colour) * (1 + 2 * COLOUR_PADDING) - COLOUR_PADDING

"""Merged tokens: the linear layers behind the feature maps are applied to the maps, once, instead of to every point.

Interpolation and linear layers commute: W · (Σ w_k f_k) + b = Σ w_k (W · f_k) + b, where weights w_k may sum to less
than 1. Planes, feature map and sparse volume have some hundred thousand entries, of 32 to 96 numbers; a frame has as
many points, each of which would take 288 numbers through two layers. What is left for a point is to add up rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.fusion import TOKEN_CHANNELS
from sherf_core.model.lookup import WeightedRows
from sherf_core.model.pixels import COLOUR_CHANNELS


@dataclass(frozen=True)
class Places:
    """Where P points lie in each table: K corners each."""

    planes: WeightedRows
    pixels: WeightedRows
    image: WeightedRows
    volume: WeightedRows


@dataclass(frozen=True)
class FeatureTables:
    """One person's feature maps, each already led through the layers up to the transformer (specification, section 5).

    Attributes:
        planes: a row for each cell of the three planes, what it adds to its token.
        pixels: a row for each cell of the feature map, what it adds to tokens 0 and 1.
        image: the observed picture's colours, which are encoded per point.
        colour: layer from encoded colours to token 2.
        volume: a row for each voxel of the three levels, what it adds to the three tokens.
        bias: what every token starts from.
    """

    planes: Float[Tensor, "N 32"]
    pixels: Float[Tensor, "L 64"]
    image: Float[Tensor, "I 3"]
    colour: Float[Tensor, "32 32"]
    volume: Float[Tensor, "S 96"]
    bias: Float[Tensor, "96"]

    def tokens(self, places: Places, encoding: PositionalEncoding) -> Float[Tensor, "P 3 32"]:
        """What `FeatureFusion.merge` makes of the points' features."""
        on_planes = places.planes.of(self.planes).unflatten(0, (-1, 3))
        colours = self.colour_tokens(places.image.of(self.image), encoding)
        on_pixels = torch.cat([places.pixels.of(self.pixels), colours], dim=1)
        rest = on_pixels + places.volume.of(self.volume) + self.bias
        return on_planes + rest.unflatten(1, (3, TOKEN_CHANNELS))

    def colour_tokens(self, colours: Float[Tensor, "P 3"], encoding: PositionalEncoding) -> Float[Tensor, "P 32"]:
        """What observed colours add to token 2."""
        return functional.linear(encoding(colours)[:, :COLOUR_CHANNELS], self.colour)


def feature_tables(
    reprojection: nn.Conv1d,
    projection: nn.Conv1d,
    planes: Float[Tensor, "3 32 N N"],
    feature_map: Float[Tensor, "64 h w"],
    image: Float[Tensor, "3 H W"],
    levels: list[Float[Tensor, "_ _"]],
) -> FeatureTables:
    """Lead one person's maps through the layers behind them.

    Args:
        reprojection: [planes, pixels, volume] of a token (96) -> token (32).
        projection: the volume's three levels (192) -> volume features of the three tokens (96).
        planes: the tri-plane.
        feature_map: pixel-aligned features.
        image: the observed picture.
        levels: features of the sparse volume's active voxels.
    """
    of_planes, of_pixels, of_volume = reprojection.weight[:, :, 0].split(TOKEN_CHANNELS, dim=1)
    from_levels, level_bias = projection.weight[:, :, 0].unflatten(0, (3, -1)), projection.bias
    assert reprojection.bias is not None
    assert level_bias is not None
    # (3 tokens, 32, 192): both layers of the volume's features in one.
    both = (of_volume @ from_levels).flatten(0, 1)
    widths = [level.shape[1] for level in levels]
    on_map = feature_map.flatten(1).T.unflatten(1, (-1, TOKEN_CHANNELS))
    return FeatureTables(
        planes=planes.permute(0, 2, 3, 1).flatten(0, 2) @ of_planes.T,
        pixels=(on_map @ of_pixels.T).flatten(1),
        image=image.flatten(1).T.contiguous(),
        colour=of_pixels,
        volume=torch.cat([level @ part.T for level, part in zip(levels, both.split(widths, dim=1), strict=True)]),
        bias=(level_bias.unflatten(0, (3, -1)) @ of_volume.T + reprojection.bias).flatten(),
    )

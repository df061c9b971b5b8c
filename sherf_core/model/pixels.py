"""Pixel-aligned features: project a point into the observation and read what is there."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.lookup import WeightedRows, corners

COLOUR_OCTAVES = 5
COLOUR_CHANNELS = 32


def project(
    points: Float[Tensor, "P 3"], K: Float[Tensor, "3 3"], R: Float[Tensor, "3 3"], T: Float[Tensor, "3"]
) -> Float[Tensor, "P 2"]:
    """World points -> pixels, p = K(Rx + T), uv = p.xy / (p.z + 1e-5)."""
    projected = (points @ R.T + T) @ K.T
    return projected[:, :2] / (projected[:, 2:] + 1e-5)


def sample_map(
    features: Float[Tensor, "C h w"], uv: Float[Tensor, "P 2"], image_size: tuple[int, int]
) -> Float[Tensor, "P C"]:
    """Bilinear, zero outside; grid = 2·uv/(W, H) - 1 with align_corners, for maps of any resolution."""
    height, width = image_size
    grid = torch.stack([2 * uv[:, 0] / width - 1, 2 * uv[:, 1] / height - 1], dim=1)
    sampled = functional.grid_sample(
        features[None], grid[None, None], mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return sampled[0, :, 0].T


def map_rows(uv: Float[Tensor, "P 2"], size: tuple[int, int], image_size: tuple[int, int]) -> WeightedRows:
    """Cells of a map of `size` (height, width) around pixels of an image, as `sample_map` reads them."""
    height, width = image_size
    # Pixels of the last column and row lie beyond the ends of the map, as published.
    row, column = uv[:, 1] * ((size[0] - 1) / height), uv[:, 0] * ((size[1] - 1) / width)
    return corners(torch.stack([row, column], dim=1), size)


def pixel_features(
    feature_map: Float[Tensor, "64 h w"],
    image: Float[Tensor, "3 H W"],
    uv: Float[Tensor, "P 2"],
    encoding: PositionalEncoding,
) -> Float[Tensor, "P 96"]:
    """Feature map (64) beside the encoded colour, of whose 33 channels the first 32 are kept."""
    size = (image.shape[1], image.shape[2])
    colour = encoding(sample_map(image, uv, size))[:, :COLOUR_CHANNELS]
    return torch.cat([sample_map(feature_map, uv, size), colour], dim=1)

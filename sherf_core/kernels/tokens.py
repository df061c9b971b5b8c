"""Merged tokens of canonical points in one kernel: all look-ups of a point, without writing down where they are.

The plain path is `FeatureTables.tokens`, as `PersonField.tokens` calls it. No gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sherf_core.kernels import launching
from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.tables import FeatureTables
from sherf_core.model.volume import BodyVolume

# 32 points of three tokens are 48 registers a thread in two warps: many programs share a multiprocessor, so that some
# compute while others wait for their rows.
CUT = {"BLOCK": 32, "num_warps": 2}


@dataclass(frozen=True)
class Projection:
    """From canonical space into the observed picture.

    Attributes:
        maps: of each canonical vertex, into the observation's posed SMPL space.
        body_R: with body_Th, from there into the world.
        R: with T, into the camera.
        K: onto the picture.
        size: of the picture, height and width.
    """

    maps: Float[Tensor, "V 3 4"]
    body_R: Float[Tensor, "3 3"]
    body_Th: Float[Tensor, "3"]
    R: Float[Tensor, "3 3"]
    T: Float[Tensor, "3"]
    K: Float[Tensor, "3 3"]
    size: tuple[int, int]


@torch.no_grad()
def tokens(
    tables: FeatureTables,
    volume: BodyVolume,
    projection: Projection,
    box: Float[Tensor, "2 3"],
    map_size: tuple[int, int],
    encoding: PositionalEncoding,
    points: Float[Tensor, "P 3"],
    vertex: Int64[Tensor, "P"],
) -> Float[Tensor, "P 3 32"]:
    """The three tokens of each point, before the transformer.

    Args:
        tables: the person's.
        volume: whose tables say where voxels are.
        projection: into the observed picture.
        box: that the planes span.
        map_size: of the feature map, height and width.
        encoding: of colours.
        points: canonical.
        vertex: of each point, the nearest canonical one.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    count = len(points)
    found = torch.empty(count, 3, 32, device=points.device)
    colours = torch.empty(count, 3, device=points.device)
    if not count:
        return found
    parts = (projection.body_R, projection.body_Th, projection.R, projection.T, projection.K)
    camera = torch.cat([part.float().flatten() for part in parts])
    side = round((len(tables.planes) / 3) ** 0.5)
    levels: list[object] = []
    for sampler, first in zip(volume.samplers, volume.first_rows, strict=True):
        levels += [sampler.table, first, sampler.count, *sampler.size]  # type: ignore[misc]
    matrices = (tables.planes, tables.pixels, tables.image, tables.volume, tables.bias)
    with launching("makes tokens", points.device):
        from sherf_core.kernels.tokens_kernel import tokens_program

        tokens_program[(-(-count // CUT["BLOCK"]),)](
            points.contiguous(), vertex, found, colours, count, 2,
            projection.maps.contiguous(), camera, box, torch.cat([volume.minimum, volume.size]),
            *(matrix.float().contiguous() for matrix in matrices),
            side, *map_size, *projection.size, *levels, **CUT,
        )  # fmt: skip
    found[:, 2] += tables.colour_tokens(colours, encoding)
    return found

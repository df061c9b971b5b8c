"""Merged tokens of canonical points in one kernel: all look-ups of a point, without writing down where they are.

The plain path is `FeatureTables.tokens`, as `PersonField.tokens` calls it. Tables get gradients, by another kernel;
places do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from sherf_core.kernels import launching
from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.tables import FeatureTables
from sherf_core.model.volume import BodyVolume

# 32 points of three tokens are 48 registers a thread in two warps: many programs share a multiprocessor, so that some
# compute while others wait for their rows.
CUT = {"BLOCK": 32, "num_warps": 2}
# Its three gradients are only read: what counts is how many programs are under way.
GRADIENT_CUT = {"BLOCK": 32, "num_warps": 4}


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


@dataclass(frozen=True)
class _Constants:
    """What programs must know to find points in tables: in their arguments' order, before and behind the tables."""

    tensors: tuple[Tensor, ...]
    numbers: tuple[Any, ...]


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
    """The three tokens of each point, before the transformer; differentiable in all tables but the image.

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
    constants = _constants(tables, volume, projection, box, map_size)
    given = (tables.planes, tables.pixels, tables.volume, tables.bias, tables.image, points, vertex)
    if torch.is_grad_enabled():
        found, colours = _Tokens.apply(*given, constants)
    else:
        found, colours = _launched(*given, constants)
    found[:, 2] += tables.colour_tokens(colours, encoding)
    return found


def _constants(
    tables: FeatureTables,
    volume: BodyVolume,
    projection: Projection,
    box: Float[Tensor, "2 3"],
    map_size: tuple[int, int],
) -> _Constants:
    parts = (projection.body_R, projection.body_Th, projection.R, projection.T, projection.K)
    camera = torch.cat([part.detach().float().flatten() for part in parts])
    maps = projection.maps.detach().contiguous()
    side = round((len(tables.planes) / 3) ** 0.5)
    levels: list[Any] = []
    for sampler, first in zip(volume.samplers, volume.first_rows, strict=True):
        levels += [sampler.table, first, sampler.count, *sampler.size]  # type: ignore[misc]
    tensors = (maps, camera, box, torch.cat([volume.minimum, volume.size]))
    return _Constants(tensors, (side, *map_size, *projection.size, *levels))


def _launched(
    planes: Float[Tensor, "N 32"],
    pixels: Float[Tensor, "L 64"],
    volume: Float[Tensor, "S 96"],
    bias: Float[Tensor, "96"],
    image: Float[Tensor, "I 3"],
    points: Float[Tensor, "P 3"],
    vertex: Int64[Tensor, "P"],
    constants: _Constants,
) -> tuple[Float[Tensor, "P 3 32"], Float[Tensor, "P 3"]]:
    """Tokens without the observed colour, and that colour."""
    count = len(points)
    found = torch.empty(count, 3, 32, device=points.device)
    colours = torch.empty(count, 3, device=points.device)
    if count:
        matrices = (planes, pixels, image, volume, bias)
        with launching("makes tokens", points.device):
            from sherf_core.kernels.tokens_kernel import tokens_program

            tokens_program[(-(-count // CUT["BLOCK"]),)](
                points.contiguous(), vertex, found, colours, count, 2, *constants.tensors,
                *(matrix.float().contiguous() for matrix in matrices), *constants.numbers, **CUT,
            )  # fmt: skip
    return found, colours


class _Tokens(torch.autograd.Function):
    """`_launched` with gradients of planes, pixels, volume and bias; points and vertices are kept for them."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        *tables, _, points, vertex, constants = given
        found, colours = _launched(*given)
        ctx.save_for_backward(points, vertex)
        ctx.constants = constants
        ctx.tables = [(table.shape, table.dtype) for table in tables]
        ctx.mark_non_differentiable(colours)
        return found, colours

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        points, vertex = ctx.saved_tensors
        gradient = gradient.float().contiguous()
        # Of planes, pixels, volume.
        sums = [torch.zeros(shape, device=points.device) for shape, _ in ctx.tables[:3]]
        count = len(points)
        if count:
            with launching("makes the gradients of tokens", points.device):
                from sherf_core.kernels.tokens_gradient_kernel import tokens_gradient_program

                tokens_gradient_program[(-(-count // GRADIENT_CUT["BLOCK"]),)](
                    points.contiguous(), vertex, gradient, count, 2, *ctx.constants.tensors,
                    *sums, *ctx.constants.numbers, **GRADIENT_CUT,
                )  # fmt: skip
        sums.append(gradient.sum(0).flatten())
        found = [one.to(dtype) for one, (_, dtype) in zip(sums, ctx.tables, strict=True)]
        return (*found, None, None, None, None)

"""From ray samples to canonical points near the body on GPUs, without waiting for the device but once.

The plain paths are `model/march.py:locate` and `VertexSearch.nearest`. Values are rounded as there: no product is fused
with a sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, Int64
from torch import Tensor

from sherf_core.kernels import launching
from sherf_core.kernels.cells import DeviceCells

# A block waits for its longest list: two warps, of which a multiprocessor holds 32.
CUT = {"BLOCK": 64, "num_warps": 2, "enable_fp_fusion": False}
# Places times three fit 32 bits.
MOST_POINTS = 1 << 29

Rays = tuple[
    Float32[Tensor, "M 3"], Float32[Tensor, "M 3"], Float32[Tensor, "M"], Float32[Tensor, "M"], Bool[Tensor, "M"]
]
"""Origins, directions, near, far, hit."""


@dataclass(frozen=True)
class Located:
    """The samples of one body near it.

    Attributes:
        slots: which of the points each sample of each ray is, -1 where it is none.
        points: in canonical space.
        directions: of their rays, in canonical space.
        vertex: the canonical vertex nearest to each point.
    """

    slots: Int32[Tensor, "M S"]
    points: Float32[Tensor, "P 3"]
    directions: Float32[Tensor, "P 3"]
    vertex: Int64[Tensor, "P"]


@torch.no_grad()
def locate(
    posed: DeviceCells,
    canonical: DeviceCells,
    maps: Float32[Tensor, "V 3 4"],
    rays: Rays,
    steps: Float32[Tensor, "S"],
    R: Float32[Tensor, "3 3"],
    Th: Float32[Tensor, "3"],
) -> Located:
    """The samples that are nearer than the radius to the posed body, led into canonical space.

    Args:
        posed: the body's vertices, in its own space.
        canonical: the canonical vertices.
        maps: of each vertex, from the posed body to the canonical one.
        rays: origins, directions, near, far, hit, in world space; rays that do not hit have no samples.
        steps: of the samples between near and far, 0..1.
        R: with Th, from the body's space to the world: world = R · body + Th.
        Th: metres.

    Raises:
        KernelError: Triton cannot compile or start the kernels here.
    """
    columns = tuple(column.contiguous() for column in rays)
    count = len(steps)
    samples = len(columns[0]) * count
    if samples > MOST_POINTS:
        raise ValueError(f"{samples:,} samples at once; render no more than {MOST_POINTS:,}")
    pose = (steps.contiguous(), R.contiguous(), Th.contiguous())
    slots = torch.empty(len(columns[0]), count, dtype=torch.int32, device=steps.device)
    beyond = squared_threshold(posed.radius)
    _launch("samples_program", samples, *columns, *pose, samples, beyond, slots, *posed.tables(), STEPS=count)
    kept = (slots.view(-1) >= 0).nonzero().squeeze(1)
    points, directions = (torch.empty(len(kept), 3, device=steps.device) for _ in range(2))
    vertex = torch.empty_like(kept)
    given = (kept, len(kept), *columns[:4], *pose, maps.contiguous(), slots, points, directions, vertex)
    listed = (*canonical.tables(), len(canonical.vertices), squared_threshold(canonical.radius))
    _launch("lead_program", len(kept), *given, *listed, STEPS=count)
    return Located(slots, points, directions, vertex)


@torch.no_grad()
def nearest(cells: DeviceCells, points: Float32[Tensor, "P 3"]) -> Int64[Tensor, "P"]:
    """The nearest vertex of each point, however far; the first one of a tie.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    points = points.contiguous()
    found = torch.empty(len(points), dtype=torch.int64, device=points.device)
    given = (points, len(points), found, *cells.tables(), len(cells.vertices), squared_threshold(cells.radius))
    _launch("points_program", len(points), *given)
    return found


@cache
def squared_threshold(radius: float) -> float:
    """The least float32 whose root, rounded to float32, is not below the radius.

    So that `squared < threshold` says what `squared.sqrt() < radius` says, without a root of which GPUs know several.
    """
    limit = np.float32(radius)
    squared = limit * limit
    while np.sqrt(squared) >= limit:
        squared = np.nextafter(squared, np.float32(0))
    while np.sqrt(squared) < limit:
        squared = np.nextafter(squared, np.float32(np.inf))
    return float(squared)


def _launch(name: str, count: int, *arguments: Any, **constants: int) -> None:
    """Start a program of `locate_kernel.py` for so many points."""
    if not count:
        return
    with launching("finds nearest vertices", arguments[0].device):
        from sherf_core.kernels import locate_kernel

        getattr(locate_kernel, name)[(-(-count // CUT["BLOCK"]),)](*arguments, **CUT, **constants)

"""Nearest vertices on GPUs: of ray samples in one kernel, and of points, from the lists of a search by cells.

The plain paths are `geometry/ray_samples.py` and `CellLists.nearest`. Values are rounded as there: no product is fused
with a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from sherf_core.geometry.cells import CellLists
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.geometry.ray_samples import posed_samples
from sherf_core.kernels import launching

# A block waits for its longest list: two warps, of which a multiprocessor holds 32.
CUT = {"BLOCK": 64, "num_warps": 2, "enable_fp_fusion": False}
# 128 MiB for the found vertices, and places times three fit 32 bits.
SAMPLES_PER_LAUNCH = 1 << 25
POINTS_PER_LAUNCH = 1 << 25


@torch.no_grad()
def samples_within(
    search: VertexSearch,
    origins: Float32[Tensor, "M 3"],
    directions: Float32[Tensor, "M 3"],
    near: Float32[Tensor, "M"],
    far: Float32[Tensor, "M"],
    steps: Float32[Tensor, "S"],
    R: Float32[Tensor, "3 3"],
    Th: Float32[Tensor, "3"],
) -> tuple[Int64[Tensor, "P"], Int64[Tensor, "P"], Float32[Tensor, "P 3"]]:
    """`ray_samples.samples_within`: (places in the flattened (M, S), their vertices, their posed positions).

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    rays = (origins, directions, near, far)
    kept, vertex = locate_samples(search, *rays, steps, R, Th)
    return kept, vertex, posed_samples(kept, *rays, steps, R, Th)


@torch.no_grad()
def locate_samples(
    search: VertexSearch,
    origins: Float32[Tensor, "M 3"],
    directions: Float32[Tensor, "M 3"],
    near: Float32[Tensor, "M"],
    far: Float32[Tensor, "M"],
    steps: Float32[Tensor, "S"],
    R: Float32[Tensor, "3 3"],
    Th: Float32[Tensor, "3"],
) -> tuple[Int64[Tensor, "P"], Int64[Tensor, "P"]]:
    """The first two of `samples_within`."""
    lists, count = _lists_of(search), len(steps)
    beyond = squared_threshold(search.radius)
    constants = (steps.contiguous(), R.contiguous(), Th.contiguous())
    kept, vertices = [], []
    rays_per_launch = max(1, SAMPLES_PER_LAUNCH // count)
    columns = (column.contiguous().split(rays_per_launch) for column in (origins, directions, near, far))
    for number, rays in enumerate(zip(*columns, strict=True)):
        samples = len(rays[0]) * count
        found = torch.empty(samples, dtype=torch.int32, device=origins.device)
        _launch("samples_program", samples, (*rays, *constants, samples, beyond, found), lists, STEPS=count)
        inside = (found >= 0).nonzero().squeeze(1)
        kept.append(inside + number * rays_per_launch * count)
        vertices.append(found[inside].long())
    return torch.cat(kept), torch.cat(vertices)


@torch.no_grad()
def nearest(search: VertexSearch, points: Float32[Tensor, "P 3"]) -> tuple[Int64[Tensor, "P"], Float32[Tensor, "P"]]:
    """`VertexSearch.nearest`: index of, and distance to, the nearest vertex, however far.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    lists, points = _lists_of(search), points.contiguous()
    found = torch.empty(len(points), dtype=torch.int32, device=points.device)
    squared = torch.empty(len(points), device=points.device)
    parts = (values.split(POINTS_PER_LAUNCH) for values in (points, found, squared))
    for piece, piece_found, piece_squared in zip(*parts, strict=True):
        _launch("points_program", len(piece), (piece, len(piece), piece_found, piece_squared), lists)
    # Where no vertex is listed the squared distance is infinite: any index will do until it is completed.
    return search.completed(points, found.long(), squared)


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


def _lists_of(search: VertexSearch) -> CellLists:
    if search.lists is None:
        raise ValueError(f"the kernels read the lists of a search by cells, this one's method is {search.method!r}")
    return search.lists


def _launch(name: str, count: int, arguments: tuple[Any, ...], lists: CellLists, **constants: int) -> None:
    """Start a program of `locate_kernel.py` for so many points."""
    if not count:
        return
    grid = lists.grid
    of_grid = (*grid.origin, grid.edge, *grid.sizes)
    tables = (lists.starts, lists.members, lists.vertices.contiguous())
    with launching("finds nearest vertices", lists.starts.device):
        from sherf_core.kernels import locate_kernel

        programs = (-(-count // CUT["BLOCK"]),)
        getattr(locate_kernel, name)[programs](*arguments, *tables, *of_grid, **CUT, **constants)

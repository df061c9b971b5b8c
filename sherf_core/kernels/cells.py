"""A body's cells and their lists of vertices, built on the device: the host never waits to know how many there are.

So a CUDA graph can record it. The plain path is `geometry/cells.py`; the rule for lists is the same, their order within
a cell is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32, Int32
from torch import Tensor

from sherf_core.geometry.cells import CELLS_PER_RADIUS, SLACK, CellLists, cell_offsets
from sherf_core.kernels import is_interpreted, launching

MOST_CELLS = 1 << 21
"""A standing body takes about a million; who stretches out farther gets larger cells."""
GROWTH = 1.25
GROWTHS = 64
"""Times that cells may grow: enough for vertices a hundred metres apart."""
CUT = {"BLOCK": 256, "num_warps": 4, "enable_fp_fusion": False}
BLOCK_INTERPRETED = 1 << 17
"""Triton's interpreter takes as long for a program of any size."""
INFINITY_BITS = 0x7F800000


@dataclass(frozen=True)
class DeviceCells:
    """Cells around vertices, as kernels read them.

    Attributes:
        layout: corner of the grid (3) and edge of a cell, metres, then cells along x, y and z.
        starts: the list of cell c is `members[starts[c] : starts[c + 1]]`.
        members: vertex indices; unused places at the end.
        vertices: metres.
        radius: beyond it of a vertex lists do not tell, metres.
    """

    layout: Float32[Tensor, "7"]
    starts: Int32[Tensor, "_"]
    members: Int32[Tensor, "_"]
    vertices: Float32[Tensor, "V 3"]
    radius: float

    @classmethod
    def of(cls, lists: CellLists, radius: float) -> DeviceCells:
        """Lists that are there already."""
        grid = lists.grid
        layout = torch.tensor([*grid.origin, grid.edge, *grid.sizes], dtype=torch.float32, device=lists.starts.device)
        return cls(layout, lists.starts, lists.members, lists.vertices.contiguous(), radius)

    def tables(self) -> tuple[Tensor, ...]:
        """As arguments of a program."""
        return self.layout, self.starts, self.members, self.vertices


@torch.no_grad()
def cells_around(vertices: Float32[Tensor, "V 3"], radius: float, *, most_cells: int = MOST_CELLS) -> DeviceCells:
    """Cells and lists around the vertices.

    Args:
        vertices: metres; at least one, contiguous.
        radius: how far from them cells matter, metres.
        most_cells: cells become larger until there are no more.

    Raises:
        KernelError: Triton cannot compile or start the kernels here.
    """
    slack = radius * SLACK
    reach = radius + slack
    edge = reach / CELLS_PER_RADIUS * 1.001
    # Larger cells need a part of these steps; what is too far falls out when distances are compared.
    offsets = cell_offsets(edge, reach)
    margin = offsets.max() + 1.5
    device = vertices.device
    steps = _constant(tuple(map(tuple, offsets.tolist())), torch.int32, device)
    edges = _constant(tuple(edge * GROWTH**power for power in range(GROWTHS)), torch.float64, device)

    low, high = vertices.double().aminmax(dim=0)
    sizes = ((high - low) / edges[:, None] + 2 * margin).floor() + 1
    fits = (sizes.prod(1) <= most_cells).int().argmax(keepdim=True)
    chosen, size = edges.index_select(0, fits), sizes.index_select(0, fits)[0]
    layout = torch.cat([low - margin * chosen, chosen, size]).float()

    pairs = len(vertices) * len(offsets)
    bounds = torch.full((most_cells,), INFINITY_BITS, dtype=torch.int32, device=device)
    counts = torch.zeros_like(bounds)
    starts = torch.zeros(most_cells + 1, dtype=torch.int32, device=device)
    members = torch.empty(pairs, dtype=torch.int32, device=device)
    given = (vertices, layout, steps, len(offsets), pairs)
    _launch("bounds_program", pairs, *given, bounds)
    _launch("lists_program", pairs, *given, bounds, counts, members, slack, reach, FILL=False)
    torch.cumsum(counts, 0, dtype=torch.int32, out=starts[1:])
    # From here on: where the next member of each cell goes.
    counts.copy_(starts[:-1])
    _launch("lists_program", pairs, *given, bounds, counts, members, slack, reach, FILL=True)
    return DeviceCells(layout, starts, members, vertices, radius)


_constants: dict[object, Tensor] = {}


def _constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copied to the device once; a CUDA graph cannot record copies from the host."""
    key = hash(values), dtype, device
    if key not in _constants:
        with torch.inference_mode(False):
            _constants[key] = torch.tensor(values, dtype=dtype).to(device)
    return _constants[key]


def _launch(name: str, count: int, *arguments: Any, **constants: bool) -> None:
    cut = {**CUT, "BLOCK": BLOCK_INTERPRETED} if is_interpreted() else CUT
    with launching("builds cells", arguments[0].device):
        from sherf_core.kernels import cells_kernel

        getattr(cells_kernel, name)[(-(-count // cut["BLOCK"]),)](*arguments, **cut, **constants)

"""A grid of cells around a body's vertices: which cells lie near a vertex, and which vertices matter in each cell.

Everything is built by tensor operations on the vertices' device. The lists are exact: whichever vertex is the nearest
of some point of a cell, and no farther than the radius, is in the cell's list.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

# Cells along the radius. Finer cells shorten the lists, which at distance D hold the vertices of a disk of about
# sqrt((D + diagonal)² - D²) around the foot point: some 20 of a body's at a quarter of 5 cm, some 12 at an eighth.
# But an eighth takes 8 times the cells (7 million for a standing person) and 5 times the pairs to build from.
CELLS_PER_RADIUS = 4
# How far, as a part of the radius, a point may be off the cell that it is looked up in: rounding of positions and of
# cell coordinates (0.1 mm at 5 cm, a hundred times what a camera 10 m away makes of it).
SLACK = 2e-3
# Vertices far apart get larger cells: memory is bounded, and the lists are right for cells of any size.
MOST_CELLS = 1 << 24
# (vertex, cell) pairs compared at once while lists are built: all of a body's, at a quarter of the radius (4.2 million;
# they take 140 MiB for a moment).
PAIRS_PER_BLOCK = 5 << 20
# (point, vertex) pairs compared at once in a query: 90 MiB for a moment.
PAIRS_PER_CHUNK = 1 << 21


class CellGrid:
    """Cubic cells around vertices, wide enough that the cells at the border are farther than the radius from them.

    A cell's number is (x · ny + y) · nz + z; points beyond the grid count as in its border.

    Args:
        vertices: (V, 3), metres; at least one.
        radius: how far from the vertices cells matter.
        edge: of a cell; by default a quarter of the radius, and a hair more so that no fifth cell is in reach.
    """

    def __init__(self, vertices: Float[Tensor, "V 3"], *, radius: float, edge: float | None = None) -> None:
        self.slack = radius * SLACK
        self.reach = radius + self.slack
        self.edge = self.reach / CELLS_PER_RADIUS * 1.001 if edge is None else edge
        low, high = torch.stack([vertices.amin(0), vertices.amax(0)]).tolist()
        while math.prod(self._sizes(low, high)) > MOST_CELLS:
            self.edge *= 1.25
        self.sizes = self._sizes(low, high)
        self.origin = [bottom - self._margin * self.edge for bottom in low]
        self.cells = math.prod(self.sizes)

    @property
    def span(self) -> int:
        """Cells between a vertex's and the farthest that it may reach, along an axis."""
        return int(self.reach / self.edge) + 1

    @property
    def _margin(self) -> float:
        return self.span + 1.5

    def _sizes(self, low: list[float], high: list[float]) -> list[int]:
        return [int((top - bottom) / self.edge + 2 * self._margin) + 1 for bottom, top in zip(low, high, strict=True)]

    def number(self, points: Float[Tensor, "P 3"]) -> Int32[Tensor, "P"]:
        """The cell of each point."""
        x, y, z = ((points[:, axis] - self.origin[axis]) / self.edge for axis in range(3))
        return self.number_at(x, y, z)

    def number_at(self, x: Float[Tensor, "*S"], y: Float[Tensor, "*S"], z: Float[Tensor, "*S"]) -> Int32[Tensor, "*S"]:
        """The cell at coordinates in cells from the origin; they are overwritten, which saves half of the time."""
        number = x.clamp_(0, self.sizes[0] - 1).int()
        for coordinate, size in ((y, self.sizes[1]), (z, self.sizes[2])):
            number = coordinate.clamp_(0, size - 1).int().add_(number, alpha=size)
        # What is not a number becomes a negative cell, or one at the border.
        return number.clamp_(min=0)

    def offsets(self, device: torch.device) -> Int64[Tensor, "O 3"]:
        """Steps from a vertex's cell to each cell that may lie in its reach."""
        return torch.from_numpy(cell_offsets(self.edge, self.reach)).to(device)

    def number_steps(self, offsets: Int64[Tensor, "O 3"]) -> Int64[Tensor, "O"]:
        """What each offset adds to a cell's number."""
        return (offsets[:, 0] * self.sizes[1] + offsets[:, 1]) * self.sizes[2] + offsets[:, 2]

    def near(self, vertices: Float[Tensor, "V 3"]) -> Bool[Tensor, "C"]:
        """Is the cell within reach of some vertex's cell?"""
        near = torch.zeros(self.cells, dtype=torch.bool, device=vertices.device)
        numbers = self.number(vertices).long().unique()
        near[(numbers[:, None] + self.number_steps(self.offsets(vertices.device))).flatten()] = True
        return near


def cell_offsets(edge: float, reach: float) -> Int64[np.ndarray, "O 3"]:
    """Steps, in cells along each axis, from a cell to those that may lie in reach of a point in it (both in metres)."""
    span = int(reach / edge) + 1
    steps = np.indices([2 * span + 1] * 3).reshape(3, -1).T - span
    gap = np.clip(np.abs(steps) - 1, 0, None) * edge
    return steps[(gap**2).sum(1) <= reach**2]


class CellLists:
    """For each cell of a grid, the vertices that may be the nearest of a point in it.

    A vertex is in a cell's list if its least distance to the cell is neither above the radius nor above the greatest
    distance of any other vertex.

    Attributes:
        starts: cell c's vertices are `members[starts[c] : starts[c + 1]]`, in ascending order.
        members: vertex indices.
    """

    def __init__(self, grid: CellGrid, vertices: Float[Tensor, "V 3"]) -> None:
        self.grid, self.vertices = grid, vertices
        blocks = self._blocks()
        bound = torch.full((grid.cells,), torch.inf, device=vertices.device)
        for block in blocks:
            numbers, least, greatest = self._distances(block)
            bound.scatter_reduce_(0, numbers.flatten(), greatest.flatten(), "amin")
        bound = (bound.sqrt() + grid.slack).clamp(max=grid.reach).square()
        cells, members = [], []
        for block in blocks:
            if len(blocks) > 1:
                numbers, least, _ = self._distances(block)
            row, column = (least <= bound[numbers]).nonzero().unbind(1)
            cells.append(numbers[row, column].int())
            members.append((row + block[0]).int())
        ordered, order = torch.cat(cells).sort(stable=True)
        self.members: Int32[Tensor, "E"] = torch.cat(members)[order]
        every = torch.arange(grid.cells + 1, dtype=torch.int32, device=vertices.device)
        self.starts: Int32[Tensor, "C+1"] = torch.searchsorted(ordered, every, out_int32=True)

    def nearest(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
        """The best of each point's list and its squared distance; vertex 0 and infinity where the list is empty."""
        cell = self.grid.number(points).long()
        first = self.starts[cell]
        counts = self.starts[cell + 1] - first
        # Sums of the lists' lengths: `ends[p]` pairs belong to the points before p.
        ends = torch.cat([counts.new_zeros(1), counts.cumsum(0, dtype=torch.int64)])
        marks = torch.arange(
            PAIRS_PER_CHUNK, max(PAIRS_PER_CHUNK, int(ends[-1])), PAIRS_PER_CHUNK, device=points.device
        )
        edges = torch.nn.functional.pad(torch.searchsorted(ends, marks), (1, 1))
        edges[-1] = len(points)
        bounds = torch.stack([edges, ends[edges]]).T.tolist()
        parts = [
            self._best(points[low:high], first[low:high], counts[low:high], pairs_high - pairs_low)
            for (low, pairs_low), (high, pairs_high) in itertools.pairwise(bounds)
        ]
        index, squared = (torch.cat(column) for column in zip(*parts, strict=True))
        return index, squared

    def _best(
        self, points: Float[Tensor, "Q 3"], first: Int32[Tensor, "Q"], counts: Int32[Tensor, "Q"], pairs: int
    ) -> tuple[Int64[Tensor, "Q"], Float[Tensor, "Q"]]:
        """Compare each point with the `counts` members from `first` on, `pairs` pairs in all."""
        owner = torch.repeat_interleave(counts, output_size=pairs).long()
        before = first - (counts.cumsum(0, dtype=torch.int32) - counts)
        place = before[owner] + torch.arange(pairs, dtype=torch.int32, device=points.device)
        vertex = self.members[place.long()].long()
        x, y, z = ((points[owner, axis] - self.vertices[vertex, axis]) ** 2 for axis in range(3))
        squared = x + y + z
        best = torch.full_like(points[:, 0], torch.inf).scatter_reduce(0, owner, squared, "amin")
        # Of equally near vertices the one with the lowest index wins, as in `nearest_brute`.
        vertex = torch.where(squared == best[owner], vertex, len(self.vertices))
        index = owner.new_full((len(points),), len(self.vertices)).scatter_reduce(0, owner, vertex, "amin")
        return torch.where(index < len(self.vertices), index, 0), best

    def _blocks(self) -> list[tuple[int, int]]:
        """Ranges of vertices that make no more than PAIRS_PER_BLOCK pairs each."""
        self._offsets = self.grid.offsets(self.vertices.device)
        step = max(1, PAIRS_PER_BLOCK // len(self._offsets))
        return [(low, min(low + step, len(self.vertices))) for low in range(0, len(self.vertices), step)]

    def _distances(
        self, block: tuple[int, int]
    ) -> tuple[Int64[Tensor, "W O"], Float[Tensor, "W O"], Float[Tensor, "W O"]]:
        """Number, squared least and squared greatest distance of each cell that a vertex of the block may reach."""
        grid, vertices = self.grid, self.vertices[slice(*block)]
        offsets = self._offsets
        numbers = grid.number(vertices).long()[:, None] + grid.number_steps(offsets)
        steps = torch.arange(-grid.span, grid.span + 1, device=vertices.device)
        least, greatest = [], []
        for axis in range(3):
            at = (vertices[:, axis, None] - grid.origin[axis]) / grid.edge
            below = (at.floor() + steps - at) * grid.edge  # the cell's lower side, seen from the vertex
            above = below + grid.edge
            columns = offsets[:, axis] + grid.span
            least.append(torch.maximum(below, -above).clamp(min=0).square()[:, columns])
            greatest.append(torch.maximum(-below, above).square()[:, columns])
        return numbers, least[0] + least[1] + least[2], greatest[0] + greatest[1] + greatest[2]

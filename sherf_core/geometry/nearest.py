"""The nearest vertex of a body to each of many points, without comparing every point with every vertex.

Points whose cell of a grid lies far from every vertex are dropped; the rest is searched with a k-d tree on the CPU, or
in their cells' lists of vertices (`cells.py`) elsewhere. Both are exact; `nearest_brute` is the reference.

Distances are differences squared and summed, never |a|² + |b|² - 2ab, whose rounding flips close calls.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from scipy.spatial import cKDTree
from torch import Tensor

from sherf_core.geometry.cells import SLACK, CellGrid, CellLists

Method = Literal["auto", "tree", "cells", "brute"]


def nearest_brute(
    points: Float[Tensor, "P 3"], vertices: Float[Tensor, "V 3"], *, pairs_per_chunk: int = 1 << 24
) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
    """Index of, and distance to, the nearest vertex (metres), comparing all pairs; the first one of a tie."""
    step = max(1, pairs_per_chunk // max(1, len(vertices)))
    index = torch.empty(len(points), dtype=torch.int64, device=points.device)
    distance = torch.empty(len(points), dtype=points.dtype, device=points.device)
    for start in range(0, len(points), step):
        chunk = points[start : start + step]
        x, y, z = ((chunk[:, axis, None] - vertices[None, :, axis]) ** 2 for axis in range(3))
        squared = x + y + z
        best, where = squared.min(dim=1)
        index[start : start + step], distance[start : start + step] = where, best.sqrt()
    return index, distance


class VertexSearch:
    """Nearest-vertex queries against one set of vertices.

    Args:
        vertices: (V, 3), metres.
        radius: farther points do not matter; `within` reports them as outside, and `nearest` is slow for them.
        method: "tree" searches with a k-d tree, on the CPU; "cells" in lists of vertices; "auto" takes the tree for
            vertices on the CPU and cells elsewhere; "brute" compares all pairs (the reference).
        cell: edge of a cell, metres; by default about a quarter of the radius.
    """

    def __init__(
        self,
        vertices: Float[Tensor, "V 3"],
        *,
        radius: float,
        method: str = "auto",
        cell: float | None = None,
    ) -> None:
        if method not in get_args(Method):
            raise ValueError(f"method is {method!r}; expected one of {', '.join(get_args(Method))}")
        if method == "auto":
            method = "tree" if vertices.device.type == "cpu" else "cells"
        self.vertices, self.radius, self.method = vertices.detach(), radius, method
        self.grid = None if method == "brute" else CellGrid(self.vertices, radius=radius, edge=cell)
        self.lists = CellLists(self.grid, self.vertices) if self.grid and method == "cells" else None
        self._tree = cKDTree(self.vertices.cpu().numpy()) if method == "tree" else None
        self.near = None
        if self.lists is not None:
            self.near = self.lists.starts.diff() > 0
        elif self.grid is not None:
            self.near = self.grid.near(self.vertices)

    def within(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "Q"], Int64[Tensor, "Q"]]:
        """Which points lie within the radius, in their order, and the nearest vertex of each of those."""
        if self.grid is None or self.near is None:
            candidates = torch.arange(len(points), device=points.device)
        else:
            candidates = self.near.index_select(0, self.grid.number(points)).nonzero().squeeze(1)
        close, index = self.close(points[candidates])
        return candidates[close], index[close]

    def close(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "Q"], Int64[Tensor, "P"]]:
        """Like `within`, but compares every point, and gives a vertex for each (any one, where none is near)."""
        points = points.detach()
        if self.lists is not None:
            index, squared = self.lists.nearest(points)
            distance = squared.sqrt()
        elif self._tree is not None:
            # A hair more than the radius: what the float32 distance puts on its inner side must be found.
            index, distance = self._in_tree(self._tree, points, self.radius * (1 + SLACK))
        else:
            index, distance = nearest_brute(points, self.vertices)
        return (distance < self.radius).nonzero().squeeze(1), index

    def nearest(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
        """Index of, and distance to, the nearest vertex, however far."""
        points = points.detach()
        if self.lists is not None:
            return self.completed(points, *self.lists.nearest(points))
        if self._tree is not None:
            return self._in_tree(self._tree, points, math.inf)
        return nearest_brute(points, self.vertices)

    def completed(
        self, points: Float[Tensor, "P 3"], index: Int64[Tensor, "P"], squared: Float[Tensor, "P"]
    ) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
        """What `nearest` gives, from what the cells' lists gave: beyond the radius they do not tell."""
        distance = squared.sqrt()
        far = (distance > self.radius).nonzero().squeeze(1)
        index[far], distance[far] = nearest_brute(points[far], self.vertices)
        return index, distance

    def _in_tree(
        self, tree: cKDTree, points: Float[Tensor, "P 3"], reach: float
    ) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
        """Index and distance of the nearest vertex; where none is within reach, of the last one."""
        _, found = tree.query(points.cpu().numpy(), distance_upper_bound=reach, workers=-1)
        index = torch.from_numpy(found).to(points.device, torch.int64).clamp_(max=len(self.vertices) - 1)
        # The tree measures in float64; the threshold belongs to float32 differences, as on every other path.
        difference = points - self.vertices[index]
        return index, (difference * difference).sum(-1).sqrt()

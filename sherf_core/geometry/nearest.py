"""The nearest vertex of a body to each of many points, without comparing every point with every vertex.

Two steps, both exact: points whose cell of a coarse grid lies far from every vertex are dropped (`Shell`), and the
rest is searched with a k-d tree on the CPU, or by brute force in chunks elsewhere. `nearest_brute` is the reference.

Distances are differences squared and summed, never |a|² + |b|² - 2ab, whose rounding flips close calls.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from scipy.spatial import cKDTree
from torch import Tensor


def nearest_brute(
    points: Float[Tensor, "P 3"], vertices: Float[Tensor, "V 3"], *, pairs_per_chunk: int = 1 << 24
) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
    """Index of, and distance to, the nearest vertex (metres), comparing all pairs."""
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
        radius: farther points do not matter; `within` reports them as outside.
        method: "grid" drops far points by grid cells and searches only the rest; "brute" compares all pairs.
    """

    def __init__(self, vertices: Float[Tensor, "V 3"], *, radius: float, method: str = "grid") -> None:
        if method not in ("grid", "brute"):
            raise ValueError(f"method is {method!r}; expected 'grid' or 'brute'")
        self.vertices, self.radius, self.method = vertices, radius, method
        self._tree = cKDTree(vertices.numpy()) if method == "grid" and vertices.device.type == "cpu" else None
        if method == "grid":
            self._build_shell()

    def within(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "Q"], Int64[Tensor, "Q"]]:
        """Which points lie within the radius, in their order, and the nearest vertex of each of those."""
        if self.method == "brute":
            index, distance = nearest_brute(points, self.vertices)
            kept = (distance < self.radius).nonzero().squeeze(1)
            return kept, index[kept]
        candidates = self._near_cells(points).nonzero().squeeze(1)
        index, distance = self.nearest(points[candidates])
        close = distance < self.radius
        return candidates[close], index[close]

    def nearest(self, points: Float[Tensor, "P 3"]) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P"]]:
        """Index of, and distance to, the nearest vertex, however far."""
        if self._tree is None:
            return nearest_brute(points, self.vertices)
        _, found = self._tree.query(points.detach().numpy(), workers=-1)
        index = torch.from_numpy(found).to(torch.int64)
        # The tree measures in float64; the threshold belongs to float32 differences, as on every other path.
        difference = points.detach() - self.vertices[index]
        return index, (difference * difference).sum(-1).sqrt()

    def _build_shell(self) -> None:
        """Mark the cells within reach of a vertex: two cells span a hair more than the radius."""
        self._cell = self.radius / 2 * 1.001
        self._origin = self.vertices.amin(0) - 3 * self._cell
        size = ((self.vertices.amax(0) - self._origin) / self._cell).long() + 4
        occupied = torch.zeros(*size.tolist(), device=self.vertices.device)
        x, y, z = ((self.vertices - self._origin) / self._cell).long().unbind(1)
        occupied[x, y, z] = 1
        self._shell = torch.nn.functional.max_pool3d(occupied[None, None], 5, stride=1, padding=2)[0, 0] > 0
        self._size = size

    def _near_cells(self, points: Float[Tensor, "P 3"]) -> Bool[Tensor, "P"]:
        cell = torch.floor((points - self._origin) / self._cell).long()
        inside = ((cell >= 0) & (cell < self._size)).all(-1)
        x, y, z = torch.where(inside[:, None], cell, 0).unbind(1)
        return inside & self._shell[x, y, z]

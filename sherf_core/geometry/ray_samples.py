"""Which samples of many rays lie within reach of a posed body, and each one's nearest vertex.

Most samples are dropped by the cell that they fall into, before anything else of them is computed: along a ray the
coordinates in the grid are linear, so that takes a few operations for each sample. Positions are then computed exactly
(in the order of operations of `render/sampling.py`) for the rest.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sherf_core.geometry.nearest import VertexSearch

# Looked up at once. On the CPU they should stay in a core's cache; on GPUs each operation should be worth its launch.
SAMPLES_PER_CHUNK = {"cpu": 1 << 17}
SAMPLES_PER_CHUNK_ELSEWHERE = 1 << 22
# Candidates searched at once.
CANDIDATES_PER_CHUNK = 1 << 20


def samples_within(
    search: VertexSearch,
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    near: Float[Tensor, "M"],
    far: Float[Tensor, "M"],
    steps: Float[Tensor, "S"],
    R: Float[Tensor, "3 3"],
    Th: Float[Tensor, "3"],
) -> tuple[Int64[Tensor, "P"], Int64[Tensor, "P"], Float[Tensor, "P 3"]]:
    """Samples at depth near + (far - near)·step whose nearest vertex is less than the search's radius away.

    Args:
        search: the posed body's vertices, in its own space.
        origins: of the rays, in world space, as are directions.
        directions: multiples of them are depths.
        near: depth of step 0.
        far: depth of step 1.
        steps: 0..1.
        R: with Th, from the body's space to the world: world = R · body + Th.
        Th: metres.

    Returns:
        kept: places in the flattened (M, S), ascending.
        vertex: the nearest one of each.
        posed: position of each in the body's space.
    """
    candidates = _candidates(search, origins, directions, near, far, steps, R, Th)
    kept, vertices, positions = [], [], []
    for chunk in candidates.split(CANDIDATES_PER_CHUNK):
        posed = posed_samples(chunk, origins, directions, near, far, steps, R, Th)
        close, vertex = search.close(posed)
        kept.append(chunk[close])
        vertices.append(vertex[close])
        positions.append(posed[close])
    return torch.cat(kept), torch.cat(vertices), torch.cat(positions)


def posed_samples(
    places: Int64[Tensor, "P"],
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    near: Float[Tensor, "M"],
    far: Float[Tensor, "M"],
    steps: Float[Tensor, "S"],
    R: Float[Tensor, "3 3"],
    Th: Float[Tensor, "3"],
) -> Float[Tensor, "P 3"]:
    """Positions in the body's space of samples, named by their places in the flattened (M, S): (world - Th) @ R.

    The product is written out, because a matrix product rounds a row differently in products of different sizes.
    """
    ray = torch.div(places, len(steps), rounding_mode="floor")
    depth = near[ray] + (far - near)[ray] * steps[places - ray * len(steps)]
    x, y, z = (origins[ray] + directions[ray] * depth[:, None] - Th).unbind(1)
    return torch.stack([x * R[0, axis] + y * R[1, axis] + z * R[2, axis] for axis in range(3)], dim=1)


def _candidates(
    search: VertexSearch,
    origins: Float[Tensor, "M 3"],
    directions: Float[Tensor, "M 3"],
    near: Float[Tensor, "M"],
    far: Float[Tensor, "M"],
    steps: Float[Tensor, "S"],
    R: Float[Tensor, "3 3"],
    Th: Float[Tensor, "3"],
) -> Int64[Tensor, "P"]:
    """The samples that fall into a cell near a vertex, all of them if the search has no cells."""
    grid, near_cells = search.grid, search.near
    if grid is None or near_cells is None or not len(origins):
        return torch.arange(len(origins) * len(steps), device=origins.device)
    # Coordinates of step 0, and how they grow until step 1, in cells. In float64, as an origin may be far away.
    corner = torch.tensor(grid.origin, dtype=torch.float64, device=origins.device)
    along = directions.double() @ R.double() / grid.edge
    start = ((origins.double() - Th.double()) @ R.double() - corner) / grid.edge + along * near.double()[:, None]
    along = along * (far.double() - near.double())[:, None]
    rays_per_chunk = max(1, SAMPLES_PER_CHUNK.get(origins.device.type, SAMPLES_PER_CHUNK_ELSEWHERE) // len(steps))
    found, first = [], 0
    for starts, growths in zip(start.float().split(rays_per_chunk), along.float().split(rays_per_chunk), strict=True):
        x, y, z = (torch.addcmul(starts[:, axis, None], growths[:, axis, None], steps) for axis in range(3))
        hits = near_cells.index_select(0, grid.number_at(x, y, z).flatten())
        found.append(hits.nonzero().squeeze(1) + first)
        first += len(starts) * len(steps)
    return torch.cat(found)

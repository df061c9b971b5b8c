"""The samples of rays near a body are those that comparing all of them with all vertices finds."""

from __future__ import annotations

import pytest
import torch

from sherf_core.geometry import ray_samples
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.geometry.ray_samples import samples_within
from sherf_core.geometry.rotations import axis_angle_to_matrix
from sherf_core.render.sampling import ray_steps, sample_depths

Th = torch.tensor([0.3, -0.2, 0.1])
R = axis_angle_to_matrix(torch.tensor([[0.4, -1.1, 0.3]]))[0]


def scene(rays: int, distance: float = 3.0) -> tuple[torch.Tensor, ...]:
    """A cloud of vertices in the body's space, and rays that pass it: (vertices, origins, directions, near, far)."""
    generator = torch.Generator().manual_seed(rays)
    vertices = torch.randn(500, 3, generator=generator) * torch.tensor([0.1, 0.4, 0.1])
    origins = torch.tensor([[0.2, 0.4, distance]]).expand(rays, 3).contiguous()
    targets = (vertices @ R.T + Th)[torch.randint(500, (rays,), generator=generator)]
    directions = targets + 0.1 * torch.randn(rays, 3, generator=generator) - origins
    near = 1 - 0.6 / distance + 0.02 * torch.rand(rays, generator=generator)
    return vertices, origins, directions, near, near + 1.2 / distance


@pytest.mark.parametrize("method", ["tree", "cells", "brute"])
@pytest.mark.parametrize("distance", [3.0, 40.0])
def test_equals_all_samples_against_all_vertices(method, distance):
    vertices, origins, directions, near, far = scene(300, distance)
    steps = ray_steps(48, near)
    depths = sample_depths(near, far, steps)
    posed = ((origins[:, None] + directions[:, None] * depths[..., None]).flatten(0, 1) - Th) @ R
    expected, nearest = VertexSearch(vertices, radius=0.05, method="brute").within(posed)
    search = VertexSearch(vertices, radius=0.05, method=method)
    kept, vertex, positions = samples_within(search, origins, directions, near, far, steps, R, Th)
    assert 500 < len(kept) < len(posed) / 2
    assert torch.equal(kept, expected)
    assert torch.equal(vertex, nearest)
    torch.testing.assert_close(positions, posed[kept], rtol=0, atol=1e-6 * distance)


def test_chunks_change_nothing(monkeypatch):
    vertices, *rays = scene(200)
    search = VertexSearch(vertices, radius=0.05)
    whole = samples_within(search, *rays, ray_steps(48, rays[2]), R, Th)
    monkeypatch.setattr(ray_samples, "SAMPLES_PER_CHUNK", {"cpu": 500})
    monkeypatch.setattr(ray_samples, "CANDIDATES_PER_CHUNK", 77)
    for found, expected in zip(samples_within(search, *rays, ray_steps(48, rays[2]), R, Th), whole, strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("method", ["tree", "cells", "brute"])
@pytest.mark.parametrize("rays", [0, 5])
def test_nothing_is_near(method, rays):
    vertices, *columns = scene(5)
    columns[0] = columns[0] + 100
    search = VertexSearch(vertices, radius=0.05, method=method)
    answer = samples_within(search, *(column[:rays] for column in columns), ray_steps(8, columns[2]), R, Th)
    assert [len(column) for column in answer] == [0, 0, 0]

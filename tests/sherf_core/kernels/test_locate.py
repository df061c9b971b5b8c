"""The kernels find the vertices that the plain searches find, bit for bit.

Triton must be imported with its interpreter switched on, so they run in a process of their own, once for all tests.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.geometry.nearest import VertexSearch, nearest_brute
from sherf_core.geometry.ray_samples import samples_within
from sherf_core.geometry.rotations import axis_angle_to_matrix
from sherf_core.kernels.cells import DeviceCells, cells_around
from sherf_core.kernels.locate import Located, locate, nearest, squared_threshold
from sherf_core.model.deform import VertexMaps
from sherf_core.render.sampling import ray_steps

RADIUS = 0.05
R = axis_angle_to_matrix(torch.tensor([[0.4, -1.1, 0.3]]))[0]
Th = torch.tensor([0.3, -0.2, 0.1])

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")


def body() -> torch.Tensor:
    """A body's vertices with some of them doubled, so that distances tie."""
    model = BodyModel(load_body())
    vertices = model.vertices(torch.full((1, 72), 0.1), torch.zeros(1, 10))[0]
    return torch.cat([vertices, vertices[::7]])


def rays(vertices: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """64 rays at the body, some of them beside it: (origins, directions, near, far)."""
    generator = torch.Generator().manual_seed(1)
    origins = torch.tensor([[0.2, 0.4, 3.0]]).expand(64, 3).contiguous()
    targets = (vertices @ R.T + Th)[torch.randint(len(vertices), (64,), generator=generator)]
    directions = targets + 0.05 * torch.randn(64, 3, generator=generator) - origins
    near = 0.8 + 0.02 * torch.rand(64, generator=generator)
    return origins, directions, near, near + 0.4


def points(vertices: torch.Tensor) -> torch.Tensor:
    """On vertices, around them, far away, and nowhere."""
    generator = torch.Generator().manual_seed(2)
    around = vertices[::20] + 0.04 * torch.randn(len(vertices[::20]), 3, generator=generator)
    return torch.cat([vertices[::50], around, torch.tensor([[9.0, 9.0, 9.0], [torch.inf, 0, 0]])])


def maps(vertices: torch.Tensor) -> torch.Tensor:
    """A small affine map of each vertex: (V, 3, 4)."""
    generator = torch.Generator().manual_seed(3)
    linear = torch.eye(3) + 0.01 * torch.randn(len(vertices), 3, 3, generator=generator)
    return torch.cat([linear, 0.01 * torch.randn(len(vertices), 3, 1, generator=generator)], dim=2)


def hits() -> torch.Tensor:
    """Every fifth ray does not hit."""
    return torch.arange(64) % 5 > 0


def located(cells: DeviceCells, device: str = "cpu") -> Located:
    """What the kernels make of the rays at the body; the canonical vertices are the posed ones here."""
    vertices = body()
    columns = tuple(column.to(device) for column in (*rays(vertices), hits()))
    # So wide that every point has a list: without one, all vertices are compared, which an interpreter cannot often do.
    lists = VertexSearch(vertices.to(device), radius=2 * RADIUS, method="cells").lists
    assert lists is not None
    canonical = DeviceCells.of(lists, 2 * RADIUS)
    steps = ray_steps(48, vertices).to(device)
    return locate(cells, canonical, maps(vertices).to(device), columns, steps, R.to(device), Th.to(device))


def run_kernels(path: Path) -> None:
    """What the process of its own does."""
    vertices = body()
    cells = cells_around(vertices, RADIUS)
    samples = located(cells)
    few = cells_around(vertices, RADIUS, most_cells=20_000)
    assert few.layout[3] > 2 * cells.layout[3]
    assert few.layout[4:].prod() <= 20_000
    assert torch.equal(located(few).slots, samples.slots)
    # Larger than the radius are these cells: a list may hold a vertex beyond it, and not a nearer one beyond it.
    some = points(vertices)
    assert torch.equal(nearest(few, some), nearest_brute(some, vertices)[0])
    no_rays = tuple(column[:0] for column in (*rays(vertices), hits()))
    empty = locate(cells, cells, maps(vertices), no_rays, ray_steps(48, vertices), R, Th)
    assert [len(column) for column in (empty.slots, empty.points, nearest(cells, vertices[:0]))] == [0, 0, 0]
    columns = {"index": nearest(cells, points(vertices)), **vars(samples)}
    np.savez(path, **{name: column.numpy() for name, column in columns.items()})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, torch.Tensor]:
    path = tmp_path_factory.mktemp("kernels") / "found.npz"
    folders = [str(repository), *sys.path]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, __file__, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert not done.returncode, done.stderr
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def expect_samples(found: dict[str, torch.Tensor]) -> None:
    """The plain path's samples, of the rays that hit, and where the maps lead them."""
    vertices = body()
    lead = VertexMaps(maps(vertices)[None])
    every = rays(vertices)
    for method in ("cells", "brute"):
        search = VertexSearch(vertices, radius=RADIUS, method=method)
        hit = hits().nonzero()[:, 0]
        columns = tuple(column[hit] for column in every)
        kept, vertex, posed = samples_within(search, *columns, ray_steps(48, vertices), R, Th)
        assert 200 < len(kept) < 64 * 48 / 2
        slots = torch.full((64 * 48,), -1, dtype=torch.int32)
        slots[hit[kept // 48] * 48 + kept % 48] = torch.arange(len(kept), dtype=torch.int32)
        assert torch.equal(found["slots"].flatten(), slots)
        canonical = lead.points(0, vertex, posed)
        torch.testing.assert_close(found["points"], canonical, atol=1e-6, rtol=0)
        view = lead.directions(0, vertex, (columns[1] @ R)[kept // 48])
        torch.testing.assert_close(found["directions"], view, atol=1e-6, rtol=1e-6)
        assert torch.equal(found["vertex"], nearest_brute(found["points"], vertices)[0])


@needs_triton
def test_samples_are_those_of_the_plain_path(found):
    expect_samples(found)


@needs_triton
def test_points_get_the_vertices_that_all_pairs_give(found):
    vertices = body()
    assert torch.equal(found["index"], nearest_brute(points(vertices), vertices)[0])


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_too():
    vertices = body().cuda()
    for cells in (cells_around(vertices, RADIUS), cells_around(vertices, RADIUS, most_cells=20_000)):
        samples = located(cells, "cuda")
        expect_samples({name: column.cpu() for name, column in vars(samples).items()})
        some = points(body())
        # On the CPU, where the first of equally near vertices is given.
        assert torch.equal(nearest(cells, some.cuda()).cpu(), nearest_brute(some, vertices.cpu())[0])


@pytest.mark.parametrize("radius", [0.05, 0.1, 0.08, 1.0, 0.3])
def test_the_squared_threshold_parts_what_the_root_parts(radius):
    threshold = torch.tensor(squared_threshold(radius))
    below = torch.nextafter(threshold, torch.tensor(0.0))
    assert not threshold.sqrt() < radius
    assert below.sqrt() < radius


if __name__ == "__main__":
    run_kernels(Path(sys.argv[1]))

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
from sherf_core.kernels.locate import locate_samples, nearest, squared_threshold
from sherf_core.kernels.locate import samples_within as kernel_samples_within
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


def run_kernels(path: Path) -> None:
    """What the process of its own does."""
    vertices = body()
    search = VertexSearch(vertices, radius=RADIUS, method="cells")
    steps = ray_steps(48, vertices)
    kept, vertex, posed = kernel_samples_within(search, *rays(vertices), steps, R, Th)
    index, distance = nearest(search, points(vertices))
    no_rays = locate_samples(search, *(column[:0] for column in rays(vertices)), steps, R, Th)
    no_points = nearest(search, vertices[:0])
    assert [len(column) for column in (*no_rays, *no_points)] == [0, 0, 0, 0]
    columns = {"kept": kept, "vertex": vertex, "posed": posed, "index": index, "distance": distance}
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


@needs_triton
def test_samples_are_those_of_the_plain_path(found):
    vertices = body()
    for method in ("cells", "brute"):
        search = VertexSearch(vertices, radius=RADIUS, method=method)
        kept, vertex, posed = samples_within(search, *rays(vertices), ray_steps(48, vertices), R, Th)
        assert 200 < len(kept) < 64 * 48 / 2
        assert torch.equal(found["kept"], kept)
        assert torch.equal(found["vertex"], vertex)
        assert torch.equal(found["posed"], posed)


@needs_triton
def test_points_get_the_vertices_that_all_pairs_give(found):
    vertices = body()
    index, distance = nearest_brute(points(vertices), vertices)
    assert torch.equal(found["index"], index)
    assert torch.equal(found["distance"], distance)


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_too():
    vertices = body().cuda()
    ray_columns = [column.cuda() for column in rays(body())]
    rest = (ray_steps(48, vertices), R.cuda(), Th.cuda())
    search = VertexSearch(vertices, radius=RADIUS, method="cells")
    expected = samples_within(VertexSearch(vertices, radius=RADIUS, method="brute"), *ray_columns, *rest)
    for answer in (samples_within(search, *ray_columns, *rest), kernel_samples_within(search, *ray_columns, *rest)):
        for column, right in zip(answer, expected, strict=True):
            assert torch.equal(column, right)
    right = nearest_brute(points(body()).cuda(), vertices)
    for answer in (search.nearest(points(body()).cuda()), nearest(search, points(body()).cuda())):
        assert torch.equal(answer[0], right[0])
        assert torch.equal(answer[1], right[1])


@pytest.mark.parametrize("radius", [0.05, 0.1, 0.08, 1.0, 0.3])
def test_the_squared_threshold_parts_what_the_root_parts(radius):
    threshold = torch.tensor(squared_threshold(radius))
    below = torch.nextafter(threshold, torch.tensor(0.0))
    assert not threshold.sqrt() < radius
    assert below.sqrt() < radius


def test_only_lists_can_be_read():
    search = VertexSearch(torch.zeros(1, 3), radius=RADIUS, method="tree")
    with pytest.raises(ValueError, match="this one's method is 'tree'"):
        nearest(search, torch.zeros(1, 3))


if __name__ == "__main__":
    run_kernels(Path(sys.argv[1]))

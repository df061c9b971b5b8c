"""Every search finds what comparing all pairs finds."""

from __future__ import annotations

import pytest
import torch

from sherf_core.geometry import cells
from sherf_core.geometry.cells import CellGrid, CellLists
from sherf_core.geometry.nearest import VertexSearch, nearest_brute

METHODS = ("tree", "cells")
RADIUS = 0.05


def _cloud(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(300, 3, generator=generator) * 0.3
    return vertices, torch.randn(4000, 3, generator=generator) * 0.5


def _hand(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices 3 mm apart on a small sheet, others far away, and points all around them."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    sheet = torch.stack([rows, columns, torch.sin(rows)], -1).flatten(0, 1) * 0.003
    vertices = torch.cat([sheet + 0.0004 * torch.randn(400, 3, generator=generator), sheet[::40] + 0.4])
    return vertices, vertices[torch.randint(410, (3000,), generator=generator)] + 0.03 * torch.randn(
        3000, 3, generator=generator
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [_cloud, _hand])
@pytest.mark.parametrize("seed", range(3))
def test_searches_equal_brute_force(method, make, seed):
    vertices, points = make(seed)
    search, brute = (VertexSearch(vertices, radius=RADIUS, method=name) for name in (method, "brute"))
    for found, expected in zip(search.within(points), brute.within(points), strict=True):
        assert len(expected) > 20
        assert torch.equal(found, expected)
    for found, expected in zip(search.nearest(points), brute.nearest(points), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_points_just_within_the_radius_are_kept(method):
    vertices, _ = _cloud(1)
    directions = torch.nn.functional.normalize(torch.randn(300, 3, generator=torch.Generator().manual_seed(2)), dim=1)
    kept, _ = VertexSearch(vertices, radius=RADIUS, method=method).within(vertices + 0.0499 * directions)
    assert len(kept) == 300


@pytest.mark.parametrize("method", METHODS)
def test_a_vertex_is_its_own_nearest(method):
    vertices, _ = _hand(3)
    index, distance = VertexSearch(vertices, radius=RADIUS, method=method).nearest(vertices)
    assert index.tolist() == list(range(len(vertices)))
    assert not distance.any()


@pytest.mark.parametrize("method", ["cells", "brute"])
def test_the_lowest_of_equally_near_vertices_wins(method):
    vertices = torch.tensor([[0.5, 0, 0], [0.0, 0, 0.015625], [0.015625, 0, 0], [0, -0.015625, 0], [0.0, 0, 0.015625]])
    points = torch.tensor([[0.0, 0, 0], [0.0, 0, 0.02]])
    index, _ = VertexSearch(vertices, radius=RADIUS, method=method).nearest(points)
    assert index.tolist() == [1, 1]


def test_a_vertex_may_be_nearest_from_outside_of_the_reach_of_nearer_ones():
    # 4.9 cm from the first and 5.1 cm from the second vertex: the second one is not within the radius, but counts.
    vertices = torch.tensor([[0.0, 0, 0], [0.1, 0, 0]])
    points = torch.tensor([[0.049, 0, 0], [0.051, 0, 0], [0.05, 0.2, 0], [3.0, 0, 0]])
    index, distance = VertexSearch(vertices, radius=RADIUS, method="cells").nearest(points)
    assert index.tolist() == nearest_brute(points, vertices)[0].tolist()
    assert index.tolist()[:2] == [0, 1]
    assert distance[3].item() == pytest.approx(2.9)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_nowhere_is_not_within(method):
    vertices, points = _cloud(4)
    strange = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30, 0.0])
    strange = torch.cartesian_prod(strange, strange, strange)[:-1]
    search = VertexSearch(vertices, radius=RADIUS, method=method)
    kept, _ = search.within(torch.cat([strange, points]))
    assert torch.equal(kept, search.within(points)[0] + len(strange))


@pytest.mark.parametrize("edge", [0.004, 0.0125, 0.03, 0.2])
def test_cells_of_any_size_give_the_same(edge):
    vertices, points = _hand(5)
    search = VertexSearch(vertices, radius=RADIUS, method="cells", cell=edge)
    expected = VertexSearch(vertices, radius=RADIUS, method="brute").within(points)
    for found, right in zip(search.within(points), expected, strict=True):
        assert torch.equal(found, right)


def test_vertices_far_apart_get_larger_cells():
    vertices = torch.tensor([[0.0, 0, 0], [500.0, 400, 300]])
    search = VertexSearch(vertices, radius=RADIUS, method="cells")
    assert search.grid.cells <= cells.MOST_CELLS
    kept, index = search.within(torch.tensor([[500.0, 400, 300.04], [0.06, 0, 0], [0, 0.04, 0]]))
    assert (kept.tolist(), index.tolist()) == ([0, 2], [1, 0])


def test_blocks_and_chunks_do_not_change_anything(monkeypatch):
    vertices, points = _hand(6)
    whole = CellLists(CellGrid(vertices, radius=RADIUS), vertices)
    expected = whole.nearest(points)
    monkeypatch.setattr(cells, "PAIRS_PER_BLOCK", 5000)
    monkeypatch.setattr(cells, "PAIRS_PER_CHUNK", 700)
    in_parts = CellLists(CellGrid(vertices, radius=RADIUS), vertices)
    assert torch.equal(in_parts.starts, whole.starts)
    assert torch.equal(in_parts.members, whole.members)
    for found, right in zip(in_parts.nearest(points), expected, strict=True):
        assert torch.equal(found, right)


def test_lists_hold_what_may_be_nearest_and_leave_out_what_cannot():
    # A point 2 cm beyond the first vertex is 5 cm from the second: nowhere in its cell, 1.25 cm wide, does that change.
    vertices = torch.tensor([[0.0, 0, 0], [0.03, 0, 0], [0.3, 0, 0]])
    lists = CellLists(CellGrid(vertices, radius=RADIUS), vertices)
    points = torch.tensor([[-0.02, 0.0, 0], [0.015, 0, 0], [0.05, 0, 0], [0.3, 0, 0], [0.15, 0, 0]])
    cell = lists.grid.number(points).tolist()
    members = [lists.members[lists.starts[c] : lists.starts[c + 1]].tolist() for c in cell]
    assert members == [[0], [0, 1], [1], [2], []]


def test_chunks_do_not_change_brute_force():
    vertices, points = _cloud(4)
    whole, in_parts = nearest_brute(points, vertices), nearest_brute(points, vertices, pairs_per_chunk=1000)
    assert torch.equal(whole[0], in_parts[0])
    assert torch.equal(whole[1], in_parts[1])


@pytest.mark.parametrize("method", [*METHODS, "brute"])
def test_no_points(method):
    search = VertexSearch(_cloud(5)[0], radius=RADIUS, method=method)
    for answer in (search.within(torch.zeros(0, 3)), search.nearest(torch.zeros(0, 3))):
        assert [len(column) for column in answer] == [0, 0]


def test_the_method_suits_the_device_or_is_named():
    vertices, _ = _cloud(5)
    assert VertexSearch(vertices, radius=RADIUS).method == "tree"
    with pytest.raises(ValueError, match="expected one of auto, tree, cells, brute"):
        VertexSearch(vertices, radius=RADIUS, method="magic")

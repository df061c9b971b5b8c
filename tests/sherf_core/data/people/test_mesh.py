from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse

from sherf_core.data.people.mesh import Surface, boundary_edges, midpoint_matrix, vertex_normals


def grid(steps: int = 11) -> Surface:
    """A unit square of right triangles in the plane z = 0, seen from +z."""
    y, x = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps), indexing="ij")
    position = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1)
    i, j = np.meshgrid(np.arange(steps - 1), np.arange(steps - 1), indexing="ij")
    a = (i * steps + j).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + steps], 1), np.stack([a + 1, a + steps + 1, a + steps], 1)])
    return Surface(faces, position, sparse.identity(len(position), format="csr"))


def area(surface: Surface) -> float:
    corner = surface.position[surface.faces]
    return float(0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum())


def test_clipping_keeps_exactly_the_part_above_the_level():
    square = grid()
    cut = square.clipped(square.position[:, 0] + 0.5 * square.position[:, 1] - 0.637)
    # The rest is the trapezium left of x = 0.637 - y / 2.
    assert area(cut) == pytest.approx(1 - (0.637 + 0.137) / 2, abs=1e-9)
    assert (cut.position[:, 0] + 0.5 * cut.position[:, 1]).min() == pytest.approx(0.637, abs=1e-9)


def test_cut_vertices_come_from_the_source():
    square = grid()
    cut = square.clipped(0.33 - square.position[:, 1])
    np.testing.assert_allclose(cut.origin @ square.position, cut.position, atol=1e-12)
    np.testing.assert_allclose(np.asarray(cut.origin.sum(1)).ravel(), 1)


def test_faces_keep_their_orientation():
    square = grid()
    cut = square.clipped(square.position[:, 0] - 0.234).rimmed(0.1)
    flat = np.abs(cut.position[cut.faces][:, :, 2]).max(1) == 0
    corner = cut.position[cut.faces[flat]]
    assert (np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2] > 0).all()


def test_a_rim_is_folded_inwards_around_the_border():
    square = grid(4)
    rimmed = square.rimmed(0.05)
    assert rimmed.position[:, 2].min() == pytest.approx(-0.05)
    assert len(rimmed.faces) == len(square.faces) + 2 * len(boundary_edges(square.faces))


def test_subdivision_keeps_area_and_border_of_a_plane():
    fine = grid(5).subdivided(2)
    assert len(fine.faces) == 16 * len(grid(5).faces)
    assert area(fine) == pytest.approx(1)
    np.testing.assert_allclose(np.asarray(fine.origin.sum(1)).ravel(), 1)


def test_midpoints_lie_halfway():
    faces, matrix = midpoint_matrix(np.array([[0, 1, 2]]), 3)
    points = matrix @ np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    assert sorted(map(tuple, points[3:].tolist())) == [(0, 1, 0), (1, 0, 0), (1, 1, 0)]
    assert len(faces) == 4


def test_normals_of_a_plane():
    square = grid(3)
    np.testing.assert_allclose(vertex_normals(square.position, square.faces), np.tile([0, 0, 1.0], (9, 1)))


def test_smooth_borders_stay_straight_where_they_are():
    square = grid(21)  # five steps do not carry the rounding of the corners to the middles
    smoothed = square.with_smooth_border(5).position
    sides = (square.position[:, 0] == 0) & (square.position[:, 1] > 0.3) & (square.position[:, 1] < 0.7)
    np.testing.assert_allclose(smoothed[sides, 0], 0, atol=1e-12)

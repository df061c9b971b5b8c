from __future__ import annotations

import numpy as np
import pytest

from sherf_core.data.people.rasterizer import project, rasterise, silhouette, supersampled

K = np.array([[100.0, 0, 32], [0, 100, 32], [0, 0, 1]])


def test_a_right_triangle_covers_its_lattice_points():
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    fragments = rasterise(corners, np.ones(3), np.array([[0, 1, 2]]), 8, 8)
    assert sorted(fragments.pixel.tolist()) == sorted(y * 8 + x for y in range(5) for x in range(5 - y))


def test_winding_does_not_matter():
    corners = np.array([[0.3, 0.2], [6.1, 1.4], [2.2, 6.7]])
    forth = rasterise(corners, np.ones(3), np.array([[0, 1, 2]]), 8, 8)
    back = rasterise(corners, np.ones(3), np.array([[0, 2, 1]]), 8, 8)
    assert forth.pixel.tolist() == back.pixel.tolist()
    np.testing.assert_allclose(forth.barycentric, back.barycentric[:, [0, 2, 1]], atol=1e-12)


def test_the_nearer_triangle_wins():
    corners = np.array([[0.0, 0], [7, 0], [0, 7]] * 2)
    depth = np.array([2.0, 2, 2, 1, 1, 1])
    fragments = rasterise(corners, depth, np.array([[0, 1, 2], [3, 4, 5]]), 8, 8)
    assert set(fragments.face.tolist()) == {1}
    np.testing.assert_allclose(fragments.depth, 1)


def test_barycentric_weights_are_perspective_correct():
    """Interpolating positions in space with the weights gives points that project onto the pixel again."""
    vertices = np.array([[-0.2, -0.2, 1.0], [0.5, -0.1, 3.0], [0.0, 0.4, 2.0]])
    pixels, depth = project(vertices, K, np.eye(3), np.zeros(3))
    fragments = rasterise(pixels, depth, np.array([[0, 1, 2]]), 64, 64)
    points = fragments.barycentric @ vertices
    again, again_depth = project(points, K, np.eye(3), np.zeros(3))
    rows, columns = np.divmod(fragments.pixel, 64)
    np.testing.assert_allclose(again, np.stack([columns, rows], 1), atol=1e-9)
    np.testing.assert_allclose(again_depth, fragments.depth, atol=1e-9)


def test_depth_of_a_plane_seen_orthographically():
    corners = np.array([[0.0, 0], [10, 0], [0, 10]])
    fragments = rasterise(corners, np.array([1.0, 2, 3]), np.array([[0, 1, 2]]), 12, 12, perspective=False)
    rows, columns = np.divmod(fragments.pixel, 12)
    np.testing.assert_allclose(fragments.depth, 1 + columns / 10 + 2 * rows / 10, atol=1e-12)


def test_a_sphere_has_the_silhouette_of_its_cone():
    """A ball of radius r at distance d is seen under the angle asin(r / d)."""
    steps = 96
    theta, phi = np.meshgrid(np.linspace(0, np.pi, steps), np.linspace(0, 2 * np.pi, steps), indexing="ij")
    ball = 0.5 * np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(steps - 1), np.arange(steps - 1), indexing="ij")
    a = (i * steps + j).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + steps], 1), np.stack([a + 1, a + steps + 1, a + steps], 1)])
    camera = np.array([[200.0, 0, 100], [0, 200, 100], [0, 0, 1]])
    seen = silhouette(ball, faces, camera, np.eye(3), np.array([0, 0, 3.0]), 201, 201)
    radius = 200 * np.tan(np.arcsin(0.5 / 3))
    assert seen.sum() == pytest.approx(np.pi * radius**2, rel=0.01)


def test_triangles_behind_the_camera_or_edge_on_are_not_drawn():
    corners = np.array([[0.0, 0], [7, 0], [0, 7], [7, 7]])
    behind = rasterise(corners, np.array([-1.0, -1, -1, -1]), np.array([[0, 1, 2]]), 8, 8)
    line = rasterise(np.array([[0.0, 0], [3, 3], [6, 6]]), np.ones(3), np.array([[0, 1, 2]]), 8, 8)
    assert len(behind.pixel) == len(line.pixel) == 0


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    generator = np.random.default_rng(3)
    corners, depth = generator.uniform(-5, 45, (90, 2)), generator.uniform(1, 2, 90)
    faces = np.arange(90).reshape(30, 3)
    whole = rasterise(corners, depth, faces, 40, 40)
    monkeypatch.setattr("sherf_core.data.people.rasterizer.CANDIDATES_PER_CHUNK", 500)
    parts = rasterise(corners, depth, faces, 40, 40)
    assert whole.face.tolist() == parts.face.tolist()
    np.testing.assert_array_equal(whole.barycentric, parts.barycentric)


def test_supersampled_pixels_lie_evenly_in_the_old_one():
    """Old pixel 0 spans -0.5 to 0.5: its two samples per axis are at -0.25 and 0.25."""
    fine = supersampled(K, 2)
    for old, new in ((-0.25, 0.0), (0.25, 1.0)):
        x = (old - K[0, 2]) / K[0, 0]
        assert fine[0, 0] * x + fine[0, 2] == pytest.approx(new)

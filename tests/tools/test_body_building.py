"""The geometry behind the build-time tools, on shapes whose answers are known."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from sherf_core.data.people.skeleton import joint_transforms


@pytest.fixture
def tool(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "tools"))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"body_building.{name}")

    return load


def _sphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A triangulated unit sphere with outward faces."""
    i = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    points = np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1)
    faces = ConvexHull(points).simplices.astype(np.int64)
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = np.einsum("fa,fa->f", a, np.cross(b, c)) < 0
    faces[inward] = faces[inward][:, ::-1]
    return points, faces


def test_decimation_keeps_a_sphere_closed_and_round(tool) -> None:
    decimation = tool("decimation")
    points, faces = _sphere(500)
    kept, left = decimation.decimate(points, faces, 200)
    assert len(kept) == 200
    assert len(left) == 2 * 200 - 4
    assert decimation.is_closed_manifold(left, 200)
    a, b, c = (points[kept][left[:, k]] for k in range(3))
    volume = np.einsum("fa,fa->", a, np.cross(b, c)) / 6
    assert 0.93 * 4 / 3 * np.pi < volume < 4 / 3 * np.pi


def test_an_open_surface_is_not_a_closed_manifold(tool) -> None:
    points, faces = _sphere(50)
    assert not tool("decimation").is_closed_manifold(faces[1:], len(points))


def test_four_weights_sum_to_one_even_in_half_precision(tool) -> None:
    weights = np.random.default_rng(0).dirichlet([0.2] * 24, 300)
    few = tool("skinning").four_weights(weights)
    assert (few > 0).sum(axis=1).max() <= 4
    assert np.all(few.astype(np.float16).astype(np.float64).sum(axis=1) == 1)


def test_four_weights_keep_what_is_already_four(tool) -> None:
    weights = np.zeros((1, 24))
    weights[0, [3, 6, 9, 12]] = 0.1, 0.2, 0.3, 0.4
    np.testing.assert_allclose(tool("skinning").four_weights(weights), weights, atol=1 / 2048)


def test_both_ways_of_skinning_are_rigid_under_one_joint(tool) -> None:
    skinning = tool("skinning")
    rng = np.random.default_rng(1)
    joints, points = rng.normal(size=(24, 3)), rng.normal(size=(5, 3))
    rotations = np.tile(np.eye(3), (24, 1, 1))
    rotations[18] = Rotation.from_rotvec([0, -1.2, 0.4]).as_matrix()
    weights = np.zeros((5, 24))
    weights[:, 20] = 1  # the wrist follows the elbow
    transforms = joint_transforms(rotations, joints)
    expected = (points - joints[18]) @ rotations[18].T + joints[18]
    np.testing.assert_allclose(skinning.apply(skinning.blend(transforms, weights), points), expected, atol=1e-12)
    np.testing.assert_allclose(skinning.dual_quaternion_skin(transforms, weights, points), expected, atol=1e-12)


def test_dual_quaternions_keep_the_radius_where_linear_skinning_collapses(tool) -> None:
    skinning = tool("skinning")
    rotations = np.tile(np.eye(3), (24, 1, 1))
    rotations[1] = Rotation.from_rotvec([np.pi * 0.9, 0, 0]).as_matrix()
    transforms = joint_transforms(rotations, np.zeros((24, 3)))
    weights = np.zeros((1, 24))
    weights[0, [0, 1]] = 0.5
    point = np.array([[0.0, 1.0, 0.0]])
    assert np.linalg.norm(skinning.apply(skinning.blend(transforms, weights), point)) < 0.2
    rigid = skinning.dual_quaternion_skin(transforms, weights, point)
    np.testing.assert_allclose(rigid, [[0, np.cos(0.45 * np.pi), np.sin(0.45 * np.pi)]], atol=1e-12)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ([0.25, 0.25, 3.0], [0.5, 0.25, 0.25]),  # over the face
        ([0.5, -2.0, 1.0], [0.5, 0.5, 0.0]),  # beside an edge
        ([-1.0, -1.0, 0.0], [1.0, 0.0, 0.0]),  # beyond a corner
        ([2.0, 2.0, 0.0], [0.0, 0.5, 0.5]),  # beside the long edge
    ],
)
def test_closest_point_of_a_triangle(tool, point: list[float], expected: list[float]) -> None:
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]]], dtype=float)
    found = tool("surface").closest_barycentrics(np.array([point]), corners)
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_rays_hit_within_their_range_only(tool) -> None:
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]]], dtype=float)
    origins = np.array([[0.2, 0.2, -0.5], [0.2, 0.2, 0.5], [0.9, 0.9, -0.5], [0.2, 0.2, -2]])
    upwards = np.tile([0.0, 0.0, 1.0], (4, 1))
    assert tool("surface").ray_hits(origins, upwards, corners, -0.1, 1).tolist() == [True, False, False, False]


def test_inpainting_fills_a_hole_with_its_surroundings(tool) -> None:
    picture = np.full((64, 64), 0.8, dtype=np.float32)
    valid = np.ones((64, 64), dtype=bool)
    picture[20:30, 20:30], valid[20:30, 20:30] = 0, False
    np.testing.assert_allclose(tool("textures").inpaint(picture, valid, spread=6), 0.8, atol=1e-5)

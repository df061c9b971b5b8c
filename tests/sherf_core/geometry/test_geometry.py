import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sherf_core.geometry.boxes import padded_box, projected_box_mask
from sherf_core.geometry.rays import box_interval, camera_rays
from sherf_core.geometry.rotations import axis_angle_to_matrix

K = np.array([[100.0, 0, 31.5], [0, 100.0, 31.5], [0, 0, 1]], np.float32)
R, T = np.eye(3, dtype=np.float32), np.array([0, 0, 3], np.float32)


def test_rotations_agree_with_scipy():
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    ours = axis_angle_to_matrix(torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(ours, Rotation.from_rotvec(vectors).as_matrix(), atol=2e-7)


def test_the_zero_vector_is_the_identity():
    assert torch.allclose(axis_angle_to_matrix(torch.zeros(2, 3)), torch.eye(3).expand(2, 3, 3), atol=1e-7)


def test_a_ray_through_a_projected_point_meets_it():
    rotation = Rotation.from_rotvec([0.2, -0.4, 0.1]).as_matrix()
    translation, point = np.array([0.1, -0.2, 3.0]), np.array([0.3, 0.2, 0.5])
    projected = K @ (rotation @ point + translation)
    u, v = projected[:2] / projected[2]
    intrinsics = K.copy()
    intrinsics[:2, 2] += np.round([u, v]) - [u, v]  # now the point lies on a pixel's centre
    origins, directions = camera_rays(
        *(torch.from_numpy(np.asarray(value, np.float32)) for value in (intrinsics, rotation, translation)), 64, 64
    )
    index = round(float(v)) * 64 + round(float(u))
    origin, direction = origins[index].numpy(), directions[index].numpy()
    along = (point - origin) @ direction / (direction @ direction)
    np.testing.assert_allclose(origin + along * direction, point, atol=1e-5)
    # A direction ends at depth 1, so the multiple that reaches the point is the point's depth.
    assert along == pytest.approx(projected[2], abs=1e-5)


def test_near_and_far_of_a_box_seen_straight_on():
    origins = torch.tensor([[0.0, 0, -3], [0, 0, -3], [5, 0, -3]])
    directions = torch.tensor([[0.0, 0, 2], [0.05, 0, 1], [0, 0, 1]])
    near, far, hit = box_interval(origins, directions, torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
    assert hit.tolist() == [True, True, False]
    # The box is grown by 1 cm; the first direction has length 2.
    assert near.tolist() == pytest.approx([0.995, 1.99, 0.0])
    assert far.tolist() == pytest.approx([2.005, 4.01, 1.0])


def test_padded_box_of_a_batch():
    vertices = torch.tensor([[[0.0, 0, 0], [1, 2, 3]], [[1, 1, 1], [1, 1, 1]]])
    box = padded_box(vertices, 0.5)
    assert box[0].tolist() == [[-0.5, -0.5, -0.5], [1.5, 2.5, 3.5]]
    assert box[1].tolist() == [[0.5] * 3, [1.5] * 3]


def test_projected_box_covers_its_outline_and_nothing_else():
    box = np.array([[-0.5, -0.25, 0.0], [0.5, 0.25, 0.001]], np.float32)
    mask = projected_box_mask(box, K, R, T, 64, 64)
    rows, columns = np.nonzero(mask)
    # 100 px · 0.5 m / 3 m = 16.7 px to each side of 31.5, rounded.
    assert (columns.min(), columns.max()) == (15, 48)
    assert (rows.min(), rows.max()) == (23, 40)
    assert mask.sum() == (48 - 15 + 1) * (40 - 23 + 1)


def test_projected_box_contains_every_point_of_the_box():
    rng = np.random.default_rng(1)
    box = np.array([[-0.3, -0.6, -0.2], [0.4, 0.5, 0.3]], np.float32)
    rotation = Rotation.from_rotvec([0.3, 0.8, -0.2]).as_matrix().astype(np.float32)
    mask = projected_box_mask(box, K, rotation, T, 64, 64)
    points = rng.uniform(box[0] + 0.02, box[1] - 0.02, (500, 3))
    projected = (points @ rotation.T + T) @ K.T
    pixels = np.round(projected[:, :2] / projected[:, 2:]).astype(int)
    assert mask[pixels[:, 1], pixels[:, 0]].all()


def test_a_box_around_the_camera_covers_everything():
    assert projected_box_mask(np.array([[-1, -1, -5], [1, 1, 5]], np.float32), K, R, T, 8, 8).all()

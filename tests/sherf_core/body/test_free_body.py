"""The embedded body on its own: a closed surface in SMPL's layout whose numbers mean what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import FREE_BODY, load_body


@pytest.fixture(scope="module")
def body() -> BodyArrays:
    return load_body()


def test_it_says_whose_vertices_these_are() -> None:
    with np.load(FREE_BODY, allow_pickle=False) as file:
        assert str(file["name"]) == "makehuman-hm08-smpl24"
        assert "CC0" in str(file["license"])


def test_the_surface_is_closed_and_has_no_handles(body: BodyArrays) -> None:
    assert body.v_template.shape == (6890, 3)
    assert body.faces.shape == (13776, 3)
    directed = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    edges = {tuple(edge) for edge in directed.tolist()}
    assert len(edges) == len(directed)
    assert all((end, start) in edges for start, end in edges)
    assert len(np.unique(body.faces)) - len(edges) // 2 + len(body.faces) == 2


def test_faces_look_outwards(body: BodyArrays) -> None:
    a, b, c = (body.v_template[body.faces[:, k]].astype(np.float64) for k in range(3))
    litres = np.einsum("fa,fa->", a, np.cross(b, c)) / 6 * 1000
    assert 45 < litres < 80


def test_the_mean_body_is_an_adult_in_a_t_pose(body: BodyArrays) -> None:
    size = np.ptp(body.v_template, axis=0)
    assert 1.68 <= size[1] <= 1.72
    joints = body.J_regressor @ body.v_template
    left_arm = joints[[16, 18, 20, 22]]
    assert np.all(np.diff(left_arm[:, 0]) > 0.05)
    assert np.ptp(left_arm[:, 1:], axis=0).max() < 0.02
    assert joints[10, 2] > joints[7, 2] + 0.05  # toes before ankles: it looks along +z
    assert joints[15, 1] > joints[12, 1] > joints[0, 1] > joints[4, 1] > joints[7, 1]


def test_weights_are_convex_and_few(body: BodyArrays) -> None:
    assert np.all(body.weights >= 0)
    assert np.all(body.weights.astype(np.float64).sum(axis=1) == 1)
    assert (body.weights > 0).sum(axis=1).max() <= 4


def test_joints_are_convex_mixtures_of_vertices(body: BodyArrays) -> None:
    assert np.all(body.J_regressor >= 0)
    np.testing.assert_allclose(body.J_regressor.sum(axis=1), 1, atol=1e-6)


def test_left_and_right_mirror_each_other(body: BodyArrays) -> None:
    joints = body.J_regressor @ body.v_template
    for left in (1, 4, 7, 10, 13, 16, 18, 20, 22):
        np.testing.assert_allclose(joints[left] * [-1, 1, 1], joints[left + 1], atol=0.006)


def test_the_first_shape_direction_changes_the_stature_most(body: BodyArrays) -> None:
    top, bottom = body.v_template[:, 1].argmax(), body.v_template[:, 1].argmin()
    growth = body.shapedirs[top, 1] - body.shapedirs[bottom, 1]
    assert growth[0] == growth.max()
    assert 0.04 < growth[0] < 0.12


def test_a_vertex_is_corrected_only_by_joints_that_move_it(body: BodyArrays) -> None:
    by_joint = np.abs(body.posedirs).reshape(len(body.weights), 3, 23, 9).max(axis=(1, 3))
    assert by_joint[body.weights[:, 1:] <= 0.01].max() == 0
    assert by_joint.max() > 0

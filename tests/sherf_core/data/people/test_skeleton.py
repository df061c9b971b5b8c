"""The generator's own skinning is that of the body model, by which everything else poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.people.skeleton import (
    PARENTS,
    joint_rotations,
    joint_transforms,
    mirrored,
    pose_feature,
    skin,
)
from sherf_core.data.people.wardrobe import load_wardrobe


def test_the_joint_tree_is_the_body_files_own():
    np.testing.assert_array_equal(PARENTS, load_body().parents)


@pytest.mark.parametrize("seed", range(6))
def test_bodies_are_posed_as_the_body_model_poses_them(seed: int):
    """The wardrobe's mesh, which the pictures show, at the free body's vertices: random poses (any root) and shapes."""
    generator = np.random.default_rng(seed)
    poses, shapes = generator.normal(0, 0.5, (24, 3)), generator.normal(0, 1.5, 10)
    poses[0] = generator.normal(0, 2, 3)
    wardrobe = load_wardrobe()
    shaped, rotations = wardrobe.shaped(shapes), joint_rotations(poses)
    rest = shaped + wardrobe.pose_offsets(pose_feature(rotations))
    posed = skin(rest, wardrobe.weights, joint_transforms(rotations, wardrobe.joints(shaped)))[wardrobe.keep]
    model = BodyModel(wardrobe.body)
    expected = model.vertices(torch.from_numpy(poses).reshape(1, 72).float(), torch.from_numpy(shapes)[None].float())
    np.testing.assert_allclose(posed, expected[0].numpy(), rtol=0, atol=1e-5)


def test_mirrored_poses_pose_the_mirrored_joints():
    """A pose with left and right exchanged bends the mirror image of a symmetric skeleton into the mirror image."""
    generator = np.random.default_rng(7)
    mirror = np.array([-1.0, 1, 1])
    joints = generator.normal(size=(24, 3))
    partner = mirrored(np.repeat(np.arange(24.0)[:, None], 3, axis=1))[:, 0].astype(int)
    joints = (joints + joints[partner] * mirror) / 2
    poses = generator.normal(size=(24, 3))

    def places(angles: np.ndarray) -> np.ndarray:
        transforms = joint_transforms(joint_rotations(angles), joints)
        return np.einsum("jab,jb->ja", transforms[:, :3, :3], joints) + transforms[:, :3, 3]

    np.testing.assert_allclose(places(mirrored(poses)), places(poses)[partner] * mirror, atol=1e-12)

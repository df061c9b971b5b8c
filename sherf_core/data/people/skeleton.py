"""Linear blend skinning in numpy: how the generator poses body, cloth and hair alike.

The same equations as `sherf_core.body.model`, on vertices that need not be the body's own, so that pictures can be
made without torch; the tools that build the body use them too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

PARENTS = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21])
"""The SMPL joint tree: pelvis, hips, spine, knees, spine, ankles, spine, feet, neck, collars, head, shoulders,
elbows, wrists, hands (left before right)."""


def joint_rotations(poses: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "24 3 3"]:
    """Rotation matrices of axis-angle joints (radians)."""
    return Rotation.from_rotvec(np.asarray(poses, np.float64).reshape(24, 3)).as_matrix()


def joint_transforms(
    rotations: Float[np.ndarray, "24 3 3"], joints: Float[np.ndarray, "24 3"]
) -> Float[np.ndarray, "24 4 4"]:
    """Matrices from the rest pose to the posed one (rest joints removed)."""
    world = np.zeros((24, 4, 4))
    world[:, 3, 3] = 1
    world[0, :3, :3], world[0, :3, 3] = rotations[0], joints[0]
    for joint in range(1, 24):
        parent = PARENTS[joint]
        world[joint, :3, :3] = world[parent, :3, :3] @ rotations[joint]
        offset = joints[joint] - joints[parent]
        world[joint, :3, 3] = world[parent, :3, :3] @ offset + world[parent, :3, 3]
    world[:, :3, 3] -= np.einsum("jab,jb->ja", world[:, :3, :3], joints)
    return world


def skin(
    rest: Float[np.ndarray, "V 3"], weights: Float[np.ndarray, "V 24"], transforms: Float[np.ndarray, "24 4 4"]
) -> Float[np.ndarray, "V 3"]:
    """Vertices moved by the weighted mean of their joints' transforms."""
    blended = np.einsum("vj,jab->vab", weights, transforms[:, :3])
    return np.einsum("vab,vb->va", blended[:, :, :3], rest) + blended[:, :, 3]


def pose_feature(rotations: Float[np.ndarray, "24 3 3"]) -> Float[np.ndarray, "207"]:
    """What the pose blend shapes are multiplied with: rotations of joints 1 to 23 minus the identity."""
    return (rotations[1:] - np.eye(3)).reshape(207)


def mirrored(poses: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "24 3"]:
    """The pose with left and right exchanged."""
    partner: Int[np.ndarray, "24"] = np.array(
        [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    )
    return poses[partner] * np.array([1.0, -1, -1])

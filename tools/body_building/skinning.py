"""Linear and dual-quaternion skinning in float64 numpy, and the way from MakeHuman's A pose to the T pose."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from body_building.skeleton import ELBOW, HAND, JOINTS, SHOULDER, WRIST, Array
from sherf_core.data.people.skeleton import PARENTS

WEIGHT_UNIT = 2048  # every multiple of 1/2048 up to 1 is exact in float16, so stored weights sum to exactly 1


def four_weights(weights: Array) -> Array:
    """Skin weights (V, 24) cut to the four largest a vertex, as multiples of 1/2048 that sum to exactly 1."""
    kept = np.where(weights < 0.005, 0.0, weights)
    order = np.argsort(-kept, axis=1, kind="stable")[:, :4]
    largest = np.take_along_axis(kept, order, axis=1)
    scaled = largest / largest.sum(axis=1, keepdims=True) * WEIGHT_UNIT
    whole = np.floor(scaled)
    # Largest remainder: hand the missing units to the weights that lost most by rounding down.
    missing = (WEIGHT_UNIT - whole.sum(axis=1)).astype(int)
    ranks = np.argsort(np.argsort(-(scaled - whole), axis=1, kind="stable"), axis=1)
    whole += ranks < missing[:, None]
    result = np.zeros_like(weights)
    np.put_along_axis(result, order, whole / WEIGHT_UNIT, axis=1)
    return result


def blend(transforms: Array, weights: Array) -> Array:
    """One transform a vertex, (V, 4, 4), from (24, 4, 4) and weights (V, 24)."""
    return np.einsum("vj,jab->vab", weights, transforms)


def apply(transforms: Array, points: Array) -> Array:
    """Transforms (V, 4, 4) applied to points (V, 3)."""
    return np.einsum("vab,vb->va", transforms[:, :3, :3], points) + transforms[:, :3, 3]


def undo(transforms: Array, points: Array) -> Array:
    """The points that `apply` would take to `points`."""
    offset = (points - transforms[:, :3, 3])[..., None]
    return np.linalg.solve(transforms[:, :3, :3], offset)[..., 0].astype(np.float64)


def _quaternion_product(a: Array, b: Array) -> Array:
    """Hamilton product of scalar-first quaternions (..., 4)."""
    scalar = a[..., :1] * b[..., :1] - np.sum(a[..., 1:] * b[..., 1:], axis=-1, keepdims=True)
    vector = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([scalar, vector], axis=-1)


def dual_quaternion_skin(transforms: Array, weights: Array, points: Array) -> Array:
    """Points (V, 3) skinned by blended dual quaternions, which keep the volume at bent joints."""
    real = Rotation.from_matrix(transforms[:, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    for joint in range(1, JOINTS):  # blend on the near side of the double cover
        if real[joint] @ real[PARENTS[joint]] < 0:
            real[joint] *= -1
    translation = np.concatenate([np.zeros((JOINTS, 1)), transforms[:, :3, 3]], axis=1)
    dual = 0.5 * _quaternion_product(translation, real)
    real_blend, dual_blend = weights @ real, weights @ dual
    length = np.linalg.norm(real_blend, axis=1, keepdims=True)
    real_blend, dual_blend = real_blend / length, dual_blend / length
    shift = 2 * _quaternion_product(dual_blend, real_blend * [1, -1, -1, -1])[:, 1:]
    return Rotation.from_quat(real_blend[:, [1, 2, 3, 0]]).apply(points) + shift


def _rotation_between(source: Array, target: Array) -> Array:
    """The smallest rotation (3, 3) that turns the direction of `source` into that of `target`."""
    source, target = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(source, target)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, source @ target)).as_matrix()


def _turn_about_x(angle: float) -> Array:
    return Rotation.from_rotvec([angle, 0, 0]).as_matrix()


def t_pose_rotations(joints: Array, knuckles: Array) -> Array:
    """Global rotations (24, 3, 3) that level both arms of one A-posed body and turn its palms down.

    Args:
        joints: (24, 3) joint centres in the A pose.
        knuckles: (2, 3) index-to-little-finger vectors, left first.
    """
    rotations = np.tile(np.eye(3), (JOINTS, 1, 1))
    for side in (0, 1):
        shoulder, elbow, wrist, hand = SHOULDER + side, ELBOW + side, WRIST + side, HAND + side
        outward = np.array([1.0 - 2.0 * side, 0, 0])
        upper = _rotation_between(joints[elbow] - joints[shoulder], outward)
        lower = _rotation_between(upper @ (joints[wrist] - joints[elbow]), outward) @ upper
        palm = _rotation_between(lower @ (joints[hand] - joints[wrist]), outward) @ lower
        line = palm @ knuckles[side]
        # With the palm down the little finger is behind the index finger: its direction becomes -z.
        twist = (-np.pi / 2 - np.arctan2(line[2], line[1]) + np.pi) % (2 * np.pi) - np.pi
        rotations[shoulder] = upper
        rotations[elbow] = _turn_about_x(0.5 * twist) @ lower  # forearms share the twist
        rotations[wrist] = rotations[hand] = _turn_about_x(twist) @ palm
    return rotations


def t_to_a_transforms(joints: Array, knuckles: Array) -> tuple[Array, Array]:
    """Transforms (24, 4, 4) from the T pose to one body's A pose, and its joints (24, 3) in the T pose.

    Args:
        joints: (24, 3) joint centres in the A pose.
        knuckles: (2, 3) index-to-little-finger vectors, left first.
    """
    rotations = t_pose_rotations(joints, knuckles)
    straight = joints.copy()
    for joint in range(1, JOINTS):
        parent = PARENTS[joint]
        straight[joint] = rotations[parent] @ (joints[joint] - joints[parent]) + straight[parent]
    back = np.tile(np.eye(4), (JOINTS, 1, 1))
    back[:, :3, :3] = rotations.transpose(0, 2, 1)
    back[:, :3, 3] = joints - np.einsum("jab,jb->ja", back[:, :3, :3], straight)
    return back, straight


def a_to_t_pose(vertices: Array, joints: Array, weights: Array, knuckles: Array) -> tuple[Array, Array]:
    """One body from MakeHuman's A pose to the T pose by inverse skinning, so that skinning back is exact."""
    back, straight = t_to_a_transforms(joints, knuckles)
    return undo(blend(back, weights), vertices), straight

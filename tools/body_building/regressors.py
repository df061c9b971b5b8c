"""What is fitted: the joint regressor, the pose blend shapes and the way from phenotypes to betas."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from body_building.skeleton import ELBOW, JOINTS, KNEE, Array
from body_building.skinning import apply, blend, dual_quaternion_skin, undo
from sherf_core.data.people.skeleton import joint_transforms

POSE_FEATURES = 9 * (JOINTS - 1)
# Mean and standard deviation (radians) of each left or central joint's axis-angle components in the poses that the
# blend shapes learn from: people who stand, walk, reach and sit, arms mostly down.
_POSES = {
    1: ((-0.25, 0, 0), (0.55, 0.25, 0.25)), 3: ((0.05, 0, 0), (0.2, 0.15, 0.12)), 4: ((0.4, 0, 0), (0.6, 0.05, 0.05)),
    6: ((0.05, 0, 0), (0.12, 0.12, 0.1)), 7: ((0, 0, 0), (0.3, 0.15, 0.15)), 9: ((0, 0, 0), (0.12, 0.12, 0.1)),
    10: ((0, 0, 0), (0.2, 0.1, 0.1)), 12: ((0, 0, 0), (0.2, 0.3, 0.15)), 13: ((0, 0, 0), (0.08, 0.1, 0.12)),
    15: ((0, 0, 0), (0.2, 0.3, 0.15)), 16: ((0, -0.2, -0.5), (0.4, 0.5, 0.7)), 18: ((0, -0.5, 0), (0.3, 0.6, 0.15)),
    20: ((0, 0, 0), (0.4, 0.25, 0.35)), 22: ((0, 0, 0), (0.15, 0.15, 0.4)),
}  # fmt: skip
_CENTRAL = (3, 6, 9, 12, 15)
_MIRROR = np.array([1.0, -1.0, -1.0])  # axis-angle of the left side seen in the mirror


def fit_joint_regressor(vertices: Array, joints: Array, mean: Array, candidates: int = 4000) -> sparse.csc_matrix:
    """Sparse convex weights (24, V) that give the joints of every sampled shape.

    Args:
        vertices: (S, V, 3) sampled bodies.
        joints: (S, 24, 3) their joints.
        mean: (V, 3) mean body; a joint may use the `candidates` vertices nearest to it.
    """
    regressor = sparse.lil_matrix((JOINTS, len(mean)))
    for joint in range(JOINTS):
        near = np.argsort(np.sum((mean - joints[:, joint].mean(axis=0)) ** 2, axis=1), kind="stable")[:candidates]
        rows = vertices[:, near].transpose(0, 2, 1).reshape(-1, len(near))
        weight_of_sum = np.sqrt(len(vertices)) * 10  # a row that asks the weights to sum to 1
        system = np.concatenate([rows, np.full((1, len(near)), weight_of_sum)])
        target = np.append(joints[:, joint].reshape(-1), weight_of_sum)
        weights, _ = nnls(system, target, maxiter=20000)
        weights[weights < 1e-4] = 0
        regressor[joint, near] = weights / weights.sum()
    return regressor.tocsc()


def random_pose(rng: np.random.Generator) -> Array:
    """A plausible pose (24, 3) in axis-angle; the root stays, knees and elbows bend one way."""
    pose = np.zeros((JOINTS, 3))
    for joint, (mean, spread) in _POSES.items():
        for side in (0,) if joint in _CENTRAL else (0, 1):
            drawn = rng.normal(mean, spread)
            if joint == KNEE:
                drawn[0] = abs(drawn[0])
            if joint == ELBOW:
                drawn[1] = -abs(drawn[1])
            pose[joint + side] = drawn * _MIRROR if side else drawn
    return pose


def fit_pose_blend_shapes(
    points: Array, joints: Array, weights: Array, poses: int = 400, ridge: float = 1.0, strength: float = 0.85
) -> tuple[Array, float, float]:
    """Pose blend shapes (V, 3, 207) that bring linear skinning near dual-quaternion skinning.

    Only the joints that move a vertex may correct it. `strength` below 1 tempers the bulge that dual quaternions
    make at strong bends.

    Returns:
        The blend shapes, and the rms distance (metres) to be corrected before and after the fit.
    """
    rng = np.random.default_rng(1)
    features, targets = np.empty((poses, POSE_FEATURES)), np.empty((poses, len(points), 3))
    trust = np.empty((poses, len(points)))
    for i in range(poses):
        rotations = Rotation.from_rotvec(random_pose(rng)).as_matrix()
        transforms = joint_transforms(rotations, joints)
        blended = blend(transforms, weights)
        linear, rigid = apply(blended, points), dual_quaternion_skin(transforms, weights, points)
        features[i] = (rotations[1:] - np.eye(3)).reshape(-1)
        targets[i] = undo(blended, linear + strength * (rigid - linear)) - points
        # Where blended rotations nearly cancel, an offset in the rest pose hardly shows in the posed one.
        trust[i] = np.clip(np.linalg.det(blended[:, :3, :3]), 0, 1) ** (2 / 3)
    shapes = np.zeros((len(points), 3, POSE_FEATURES))
    for vertex, movers in enumerate(weights[:, 1:] > 0.01):
        columns = (9 * np.flatnonzero(movers)[:, None] + np.arange(9)).reshape(-1)
        chosen = features[:, columns]
        weighted = chosen.T * trust[:, vertex]
        normal = weighted @ chosen + ridge * np.eye(len(columns))
        shapes[vertex][:, columns] = np.linalg.solve(normal, weighted @ targets[:, vertex]).T
    residual = targets - np.einsum("vkc,nc->nvk", shapes, features, optimize=True)
    before, after = (float(np.sqrt((trust * np.sum(x**2, axis=-1)).mean())) for x in (targets, residual))
    return shapes, before, after


def phenotype_features(values: Array, centre: Array) -> Array:
    """Rows [1, x, all products x_i x_j with i <= j] of x = values - centre, for values (N, P)."""
    offset = np.atleast_2d(values) - centre
    count = offset.shape[1]
    products = [offset[:, i] * offset[:, j] for i in range(count) for j in range(i, count)]
    return np.concatenate([np.ones((len(offset), 1)), offset, np.stack(products, axis=1)], axis=1)

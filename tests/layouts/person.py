"""People for data sets on disk: the embedded body in a few poses, in each data set's way of writing them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body
from sherf_core.data.people.poses import pose_sequence
from sherf_core.data.people.skeleton import joint_rotations, joint_transforms, pose_feature, skin


@lru_cache(maxsize=1)
def body() -> BodyArrays:
    """The embedded body's arrays."""
    return load_body()


@dataclass(frozen=True)
class Person:
    """Someone in F poses: world = smpl @ R.T + Th, with the root unturned in `poses`.

    Attributes:
        shapes: (10,).
        poses: (F, 72), axis-angles; the root's are zero, `R` turns the whole body.
        R: (F, 3, 3).
        Th: (F, 3), metres.
    """

    shapes: np.ndarray
    poses: np.ndarray
    R: np.ndarray
    Th: np.ndarray

    @property
    def rest_joints(self) -> np.ndarray:
        """Joints (24, 3) of the shaped body."""
        return body().J_regressor @ (body().v_template + body().shapedirs @ self.shapes)

    def stored_shapes(self, components: int = 10) -> np.ndarray:
        """(components,), as a body with so many directions has it; those after the tenth count for nothing."""
        return np.concatenate([self.shapes, np.linspace(1, 2, components - len(self.shapes))])

    def vertices(self, pose: int) -> np.ndarray:
        """The body (6890, 3) in the world."""
        arrays = body()
        rotations = joint_rotations(self.poses[pose].reshape(24, 3))
        shaped = arrays.v_template + arrays.shapedirs @ self.shapes
        rest = shaped + arrays.posedirs @ pose_feature(rotations)
        posed = skin(rest, arrays.weights, joint_transforms(rotations, self.rest_joints))
        return posed @ self.R[pose].T + self.Th[pose]

    def global_orient(self) -> np.ndarray:
        """(F, 3): `R` as the root's axis-angle, for files that turn the body about its root."""
        return Rotation.from_matrix(self.R).as_rotvec()

    def transl(self) -> np.ndarray:
        """(F, 3): what moves a body that `global_orient` has turned about its root joint."""
        root = self.rest_joints[0]
        return self.Th - root + self.R @ root


def make_person(seed: int, frames: int) -> Person:
    """A person with a shape, poses and a heading of their own, standing at the origin."""
    generator = np.random.default_rng(seed)
    poses = pose_sequence(frames, generator).reshape(frames, 72).copy()
    poses[:, :3] = 0
    headings = np.stack([0.1 * generator.normal(size=frames), generator.uniform(-3, 3, frames), np.zeros(frames)], 1)
    return Person(
        shapes=generator.normal(scale=0.7, size=10),
        poses=poses,
        R=Rotation.from_rotvec(headings).as_matrix(),
        Th=generator.normal(scale=0.05, size=(frames, 3)),
    )

"""The body model: shapes and poses to vertices, joints and per-joint transforms (SMPL, Loper et al. 2015)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sherf_core.body.arrays import BodyArrays
from sherf_core.geometry.rotations import axis_angle_to_matrix

JOINTS = 24


class BodyModel(nn.Module):
    """Linear blend skinning with shape and pose blend shapes, for any batch size.

    Everything is in the body's own space (SMPL space); `world = smpl @ R.T + Th` is the caller's. Arithmetic is
    float64, because nearest-vertex decisions hang on the last bits; results are float32.

    Args:
        arrays: the body's arrays, as `sherf_core.body.files.load_body` returns them.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    weights: Tensor
    faces: Tensor
    joint_template: Tensor
    joint_directions: Tensor
    ancestors: Tensor
    identity: Tensor

    def __init__(self, arrays: BodyArrays) -> None:
        super().__init__()
        joint_template = arrays.J_regressor.astype(np.float64) @ arrays.v_template.astype(np.float64)
        joint_directions = np.einsum("jv,vck->jck", arrays.J_regressor.astype(np.float64), arrays.shapedirs)
        constants = {
            "v_template": arrays.v_template,
            "shapedirs": arrays.shapedirs,
            "posedirs": arrays.posedirs,
            "weights": arrays.weights,
            "joint_template": joint_template,
            "joint_directions": joint_directions,
        }
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float64)), persistent=False)
        self.register_buffer("ancestors", _ancestors(arrays.parents), persistent=False)
        self.register_buffer("identity", torch.eye(4, dtype=torch.float64), persistent=False)
        self.register_buffer("faces", torch.from_numpy(np.asarray(arrays.faces, np.int64)), persistent=False)

    @property
    def vertex_count(self) -> int:
        return len(self.v_template)

    def joints(self, shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B 24 3"]:
        """Rest-pose joints of the shaped body: J_regressor · (v_template + shapedirs · shapes)."""
        return self._joints64(shapes.double()).float()

    def transforms(self, poses: Float[Tensor, "B 72"], shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B 24 4 4"]:
        """Rigid transform of each joint with the rest-pose joint removed: A_j of the specification, section 4."""
        return self.transforms64(poses, shapes).float()

    def shape_offsets64(self, shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B V 3"]:
        return torch.einsum("vck,bk->bvc", self.shapedirs, shapes.double())

    def pose_offsets64(self, poses: Float[Tensor, "B 72"]) -> Float[Tensor, "B V 3"]:
        """posedirs · (Rot(poses[3:]) - I), the nine entries of each joint's rotation in row-major order."""
        rotations = axis_angle_to_matrix(poses.double().unflatten(-1, (JOINTS, 3)))[:, 1:]
        feature = (rotations - torch.eye(3, dtype=torch.float64, device=poses.device)).flatten(1)
        return (feature @ self.posedirs.flatten(0, 1).T).unflatten(1, (-1, 3))

    def transforms64(self, poses: Float[Tensor, "B 72"], shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B 24 4 4"]:
        rotations = axis_angle_to_matrix(poses.double().unflatten(-1, (JOINTS, 3)))
        joints = self._joints64(shapes.double())
        bones = torch.cat([joints[:, :1], joints[:, 1:] - joints.index_select(1, self.ancestors[0, 1:])], dim=1)
        world = _rigid(rotations, bones)
        # Each round leads every joint past twice as many of its ancestors.
        for ancestors in self.ancestors:
            above = torch.cat([world, self.identity.expand(len(world), 1, 4, 4)], dim=1)
            world = above.index_select(1, ancestors) @ world
        rotation, translation = world[..., :3, :3], world[..., :3, 3]
        return _rigid(rotation, translation - (rotation * joints[..., None, :]).sum(-1))

    def vertex_transforms64(
        self, poses: Float[Tensor, "B 72"], shapes: Float[Tensor, "B 10"]
    ) -> Float[Tensor, "B V 4 4"]:
        """Each vertex's blended transform, sum over joints of W[v, j] A_j."""
        return torch.einsum("vj,bjik->bvik", self.weights, self.transforms64(poses, shapes))

    def vertices(self, poses: Float[Tensor, "B 72"], shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B V 3"]:
        """Posed vertices in SMPL space, metres."""
        rest = self.v_template + self.shape_offsets64(shapes) + self.pose_offsets64(poses)
        blended = self.vertex_transforms64(poses, shapes)
        posed = torch.einsum("bvik,bvk->bvi", blended[..., :3, :3], rest) + blended[..., :3, 3]
        return posed.float()

    def _joints64(self, shapes: Float[Tensor, "B 10"]) -> Float[Tensor, "B 24 3"]:
        return self.joint_template + torch.einsum("jck,bk->bjc", self.joint_directions, shapes)


def _ancestors(parents: Int64[np.ndarray, "24"]) -> Int64[Tensor, "R 24"]:
    """Each joint's ancestor 1, 2, 4 … joints above it, or JOINTS where there is none; rounds until all are past it."""
    above = np.append(np.where(parents < 0, JOINTS, parents), JOINTS)
    rounds = []
    while (above < JOINTS).any():
        rounds.append(torch.from_numpy(above[:JOINTS].copy()))
        above = above[above]
    return torch.stack(rounds)


def _rigid(rotation: Float[Tensor, "B J 3 3"], translation: Float[Tensor, "B J 3"]) -> Float[Tensor, "B J 4 4"]:
    # A number written into a tensor would be a copy from the host, which a CUDA graph cannot record.
    last = torch.eye(4, dtype=rotation.dtype, device=rotation.device)[3]
    upper = torch.cat([rotation, translation[..., None]], dim=-1)
    return torch.cat([upper, last.expand(*rotation.shape[:2], 1, 4)], dim=-2)

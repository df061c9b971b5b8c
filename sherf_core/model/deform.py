"""Between a posed body and the canonical one, by inverse and forward linear blend skinning (SHERF section 3.1).

A point follows the skinning of its nearest vertex, so the whole way from one pose to another is one affine map per
vertex: made once a body in float64, gathered per point. Specification, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sherf_core.body.model import BodyModel
from sherf_core.model.inputs import Bodies


@dataclass(frozen=True)
class VertexMaps:
    """x -> linear @ x + offset, one for each vertex of each of B bodies."""

    linear: Float[Tensor, "B V 3 3"]
    offset: Float[Tensor, "B V 3"]

    def points(self, sample: int, vertex: Int64[Tensor, "P"], x: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        return self.directions(sample, vertex, x) + self.offset[sample, vertex]

    def directions(self, sample: int, vertex: Int64[Tensor, "P"], x: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        return (self.linear[sample, vertex] @ x[:, :, None])[:, :, 0]


def big_pose(device: torch.device | str = "cpu") -> Float[Tensor, "1 72"]:
    """The canonical pose: legs apart by 45°, arms lowered by 30° (specification, section 1)."""
    poses = torch.zeros(1, 72, device=device)
    quarter, sixth = torch.pi / 4, torch.pi / 6
    poses[0, 5], poses[0, 8], poses[0, 23], poses[0, 26] = quarter, -quarter, -sixth, sixth
    return poses


def canonical_vertices(body_model: BodyModel) -> Float[Tensor, "V 3"]:
    """Vertices of the mean shape in the big pose."""
    poses = big_pose(body_model.v_template.device)
    return body_model.vertices(poses, poses.new_zeros(1, 10))[0]


def canonical_box(vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "2 3"]:
    """The box that the tri-plane spans: padded by 0.05 m, and by a further 0.1 m along z."""
    padding = vertices.new_tensor([0.05, 0.05, 0.15])
    return torch.stack([vertices.amin(0) - padding, vertices.amax(0) + padding])


def to_canonical(body_model: BodyModel, bodies: Bodies) -> VertexMaps:
    """Posed SMPL space -> big pose: undo skinning, pose and shape offsets; add the big pose's."""
    return _between(_posed(body_model, bodies), _big(body_model))


def to_posed(body_model: BodyModel, bodies: Bodies) -> VertexMaps:
    """Big pose -> posed SMPL space of `bodies`: the inverse of `to_canonical`, with the same vertex's weights."""
    return _between(_big(body_model), _posed(body_model, bodies))


@dataclass(frozen=True)
class _Pose:
    """What skinning does to each vertex: add the offset, then turn and move."""

    linear: Float[Tensor, "B V 3 3"]
    translation: Float[Tensor, "B V 3"]
    offsets: Float[Tensor, "B V 3"]


def _posed(body_model: BodyModel, bodies: Bodies) -> _Pose:
    transforms = body_model.vertex_transforms64(bodies.poses, bodies.shapes)
    offsets = body_model.pose_offsets64(bodies.poses) + body_model.shape_offsets64(bodies.shapes)
    return _Pose(transforms[..., :3, :3], transforms[..., :3, 3], offsets)


def _big(body_model: BodyModel) -> _Pose:
    poses = big_pose(body_model.v_template.device)
    identity, zero = torch.eye(3, device=poses.device)[None], poses.new_zeros(1, 3)
    return _posed(body_model, Bodies(poses, poses.new_zeros(1, 10), identity, zero))


def _between(source: _Pose, target: _Pose) -> VertexMaps:
    """x -> target.linear · (source.linear⁻¹ · (x - source.translation) - source.offsets + target.offsets) + …."""
    linear = target.linear @ torch.linalg.inv(source.linear)
    offset = target.translation - _apply(linear, source.translation)
    return VertexMaps(linear.float(), (offset + _apply(target.linear, target.offsets - source.offsets)).float())


def _apply(linear: Float[Tensor, "#B V 3 3"], x: Float[Tensor, "#B V 3"]) -> Float[Tensor, "B V 3"]:
    return (linear @ x[..., None])[..., 0]

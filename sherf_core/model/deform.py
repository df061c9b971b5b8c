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
    """x -> linear @ x + offset, one for each vertex of each of B bodies; `rows` is [linear | offset]."""

    rows: Float[Tensor, "B V 3 4"]

    def points(self, sample: int, vertex: Int64[Tensor, "P"], x: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        rows = self.rows[sample].index_select(0, vertex)
        return _apply(rows[..., :3], x) + rows[..., 3]

    def directions(self, sample: int, vertex: Int64[Tensor, "P"], x: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        return _apply(self.rows[sample].index_select(0, vertex)[..., :3], x)


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


@dataclass(frozen=True)
class Skinning:
    """What a pose does to each vertex, in float64: add the offset, then turn and move."""

    linear: Float[Tensor, "B V 3 3"]
    translation: Float[Tensor, "B V 3"]
    offsets: Float[Tensor, "B V 3"]

    @classmethod
    def of(cls, body_model: BodyModel, bodies: Bodies) -> Skinning:
        """The skinning of posed bodies."""
        transforms = body_model.vertex_transforms64(bodies.poses, bodies.shapes)
        offsets = body_model.pose_offsets64(bodies.poses) + body_model.shape_offsets64(bodies.shapes)
        return cls(transforms[..., :3, :3], transforms[..., :3, 3], offsets)

    @classmethod
    def canonical(cls, body_model: BodyModel) -> Skinning:
        """The skinning of the big pose."""
        poses = big_pose(body_model.v_template.device)
        identity, zero = torch.eye(3, device=poses.device)[None], poses.new_zeros(1, 3)
        return cls.of(body_model, Bodies(poses, poses.new_zeros(1, 10), identity, zero))

    def vertices(self, body_model: BodyModel) -> Float[Tensor, "B V 3"]:
        """Posed vertices in SMPL space, metres."""
        return (_apply(self.linear, body_model.v_template + self.offsets) + self.translation).float()

    def to(self, target: Skinning) -> VertexMaps:
        """Undo this one, do the other: target.linear · (linear⁻¹ · (x - translation) - offsets + target.offsets) + …"""
        linear = target.linear @ _inverse(self.linear)
        offset = target.translation - _apply(linear, self.translation)
        offset = offset + _apply(target.linear, target.offsets - self.offsets)
        return VertexMaps(torch.cat([linear, offset[..., None]], dim=-1).float())


def _apply(linear: Float[Tensor, "*#batch 3 3"], x: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*batch 3"]:
    """linear @ x, written out: libraries are slow at products this small."""
    return (linear * x[..., None, :]).sum(-1)


def _inverse(matrices: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """By cofactors: rows crossed, over the determinant."""
    a, b, c = matrices.unbind(-2)
    columns = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=-1)
    return columns / (a * columns[..., 0]).sum(-1)[..., None, None]

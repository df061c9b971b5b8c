"""Which vertices of a posed body face the camera."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional


def last_faces(faces: Int64[Tensor, "F 3"], vertex_count: int) -> Int64[Tensor, "V 3"]:
    """For each vertex and corner slot the last face that lists the vertex there, or -1.

    The published normals write instead of adding, so the last writer of a slot wins; trained weights know no other.
    """
    order = torch.arange(len(faces), device=faces.device)
    table = torch.full((vertex_count, 3), -1, dtype=torch.int64, device=faces.device)
    for slot in range(3):
        table[:, slot].scatter_reduce_(0, faces[:, slot], order, reduce="amax")
    return table


def vertex_normals(
    vertices: Float[Tensor, "B V 3"], faces: Int64[Tensor, "F 3"], table: Int64[Tensor, "V 3"]
) -> Float[Tensor, "B V 3"]:
    """Unit normals: the sum of up to three unit face normals, as `last_faces` pins them."""
    a, b, c = (vertices[:, faces[:, slot]] for slot in range(3))
    normals = functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
    picked = normals[:, table.clamp(min=0)] * (table >= 0)[None, :, :, None]
    return functional.normalize(picked.sum(dim=2), dim=-1)


def faces_camera(
    normals: Float[Tensor, "B V 3"],
    vertices: Float[Tensor, "B V 3"],
    R: Float[Tensor, "B 3 3"],
    T: Float[Tensor, "B 3"],
) -> Bool[Tensor, "B V"]:
    """Visible where (R·n)·x_cam < 0; there is no occlusion test (specification, section 5)."""
    in_camera = vertices @ R.transpose(1, 2) + T[:, None]
    return ((normals @ R.transpose(1, 2)) * in_camera).sum(-1) < 0

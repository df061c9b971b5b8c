"""Rays through pixels, and where they cross a box."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Grown once more for the intersection test, so that a ray along a face of the box still counts (metres).
INTERSECTION_PADDING = 0.01


def camera_rays(
    K: Float[Tensor, "3 3"], R: Float[Tensor, "3 3"], T: Float[Tensor, "3"], height: int, width: int
) -> tuple[Float[Tensor, "M 3"], Float[Tensor, "M 3"]]:
    """Origin and direction of the ray through every pixel, row by row (x fastest), in world space.

    Pixel centres are whole numbers. A direction ends on the plane at depth 1, so it is *not* of unit length
    (specification, section 1). Computed in float64, returned in K's type.
    """
    K64, R64, T64 = K.double(), R.double(), T.double().reshape(3)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64, device=K.device),
        torch.arange(width, dtype=torch.float64, device=K.device),
        indexing="ij",
    )
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3)
    directions = pixels @ torch.linalg.inv(K64).T @ R64
    origin = -(R64.T @ T64)
    return origin.expand_as(directions).to(K.dtype).contiguous(), directions.to(K.dtype)


def box_interval(
    origins: Float[Tensor, "M 3"], directions: Float[Tensor, "M 3"], box: Float[Tensor, "2 3"]
) -> tuple[Float[Tensor, "M"], Float[Tensor, "M"], Bool[Tensor, "M"]]:
    """Where rays enter and leave a box, in multiples of the direction: (near, far, hit).

    A ray hits when it meets exactly two faces; the others get near 0 and far 1 (specification, section 1).
    """
    grown = box.double() + INTERSECTION_PADDING * torch.tensor([[-1.0], [1.0]], device=box.device, dtype=torch.float64)
    origins64, directions64 = origins.double(), directions.double()
    # A component of zero never crosses its two faces; a tiny one crosses them far outside the box.
    safe = torch.where(directions64.abs() < 1e-12, 1e-12, directions64)
    distance = ((grown[None] - origins64[:, None]) / safe[:, None]).flatten(1)  # (M, 6)
    crossing = origins64[:, None] + distance[..., None] * directions64[:, None]  # (M, 6, 3)
    inside = ((crossing >= grown[0] - 1e-6) & (crossing <= grown[1] + 1e-6)).all(-1)
    hit = inside.sum(-1) == 2
    near = torch.where(inside, distance, torch.inf).amin(-1)
    far = torch.where(inside, distance, -torch.inf).amax(-1)
    near, far = torch.where(hit, near, 0.0), torch.where(hit, far, 1.0)
    return near.to(origins.dtype), far.to(origins.dtype), hit

"""Rays through pixels, and where they cross a body's box, in one kernel.

The plain path is `geometry/rays.py`. Computed in float64, as there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sherf_core.data.records import Camera
from sherf_core.geometry.rays import INTERSECTION_PADDING
from sherf_core.kernels import launching
from sherf_core.model.inputs import RayBundle

CUT = {"BLOCK": 128, "num_warps": 4, "enable_fp_fusion": False}


@torch.no_grad()
def rays_through(cameras: Sequence[Camera], boxes: Float[Tensor, "B 2 3"], height: int, width: int) -> RayBundle:
    """`inputs.rays_of` for boxes that are there already: padded, around the posed bodies, in world space.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    device, count = boxes.device, height * width
    # Directions are (x, y, 1) @ turned; the origin is the same for all.
    turned = np.stack(
        [np.linalg.inv(camera.K.astype(np.float64)).T @ camera.R.astype(np.float64) for camera in cameras]
    )
    origin = np.stack([-camera.R.astype(np.float64).T @ camera.T.astype(np.float64).reshape(3) for camera in cameras])
    constants = torch.from_numpy(np.concatenate([turned.reshape(-1, 9), origin], axis=1)).to(device)
    # A number of float64 in the kernel's source would be rounded to float32.
    low, high = boxes.double().unbind(1)
    grown = torch.stack([low - INTERSECTION_PADDING, high + INTERSECTION_PADDING], dim=1)
    origins, directions = (torch.empty(len(cameras), count, 3, device=device) for _ in range(2))
    near, far = (torch.empty(len(cameras), count, device=device) for _ in range(2))
    hit = torch.empty(len(cameras), count, dtype=torch.bool, device=device)
    with launching("casts rays", device):
        from sherf_core.kernels.rays_kernel import rays_program

        programs = (-(-count // CUT["BLOCK"]), len(cameras))
        rays_program[programs](constants, grown, origins, directions, near, far, hit, count, width, **CUT)
    return RayBundle(origins, directions, near, far, hit)

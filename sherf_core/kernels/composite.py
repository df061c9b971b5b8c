"""Compositing on GPUs: densities and colours of points near the body back to their rays, in one kernel.

The plain path is `model/march.py:composite_near`. No gradients.
"""

from __future__ import annotations

import torch
from jaxtyping import Float32, Int32
from torch import Tensor

from sherf_core.kernels import launching

CUT = {"BLOCK": 64, "num_warps": 2}


@torch.no_grad()
def composite_slots(
    slots: Int32[Tensor, "M S"],
    steps: Float32[Tensor, "S"],
    directions: Float32[Tensor, "M 3"],
    near: Float32[Tensor, "M"],
    far: Float32[Tensor, "M"],
    sigma: Float32[Tensor, "P"],
    colour: Float32[Tensor, "P 3"],
) -> tuple[Float32[Tensor, "M 3"], Float32[Tensor, "M"], Float32[Tensor, "M"]]:
    """(rgb, depth, alpha) of all rays, on black; depth is +∞ where a ray meets nothing.

    Args:
        slots: which point each sample of each ray is, -1 where it is none and nothing is.
        steps: of the samples between near and far, 0..1.
        directions: of the rays; their lengths count.
        near: depth of step 0.
        far: depth of step 1.
        sigma: of the points, before its ReLU.
        colour: of the points.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    count = len(slots)
    rgb = torch.empty(count, 3, device=sigma.device)
    depth, alpha = (torch.empty(count, device=sigma.device) for _ in range(2))
    if not count:
        return rgb, depth, alpha
    with launching("composites", sigma.device):
        from sherf_core.kernels.composite_kernel import composite_program

        composite_program[(-(-count // CUT["BLOCK"]),)](
            slots, steps.contiguous(), directions.contiguous(), near.contiguous(), far.contiguous(),
            sigma.contiguous(), colour.contiguous(),
            rgb, depth, alpha, count, STEPS=slots.shape[1], **CUT,
        )  # fmt: skip
    return rgb, depth, alpha

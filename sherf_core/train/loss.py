"""The published loss of one sample: 100·MSE + 10·acc + (1 - SSIM) + LPIPS(VGG) (specification, section 7)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sherf_core.metrics.lpips import SMALLEST_SIDE, Lpips
from sherf_core.train.config import LossWeights
from sherf_core.train.ssim import WINDOW, gaussian_ssim

PARTS = ("loss", "mse", "acc", "ssim", "lpips")
"""Order of the numbers that `ReconstructionLoss` returns; `ssim` is 1 - SSIM."""


class ReconstructionLoss(nn.Module):
    """How far a rendering is from the picture.

    Args:
        weights: of the parts.
        lpips: the perceptual distance, which is constant here; None leaves it out.
    """

    def __init__(self, weights: LossWeights, lpips: Lpips | None = None) -> None:
        super().__init__()
        self.weights = weights
        self.lpips = lpips.requires_grad_(False) if lpips is not None and weights.lpips > 0 else None

    def forward(
        self,
        colour: Float[Tensor, "R 3"],
        coverage: Float[Tensor, "R"],
        truth: Float[Tensor, "R 3"],
        mask: Bool[Tensor, "R"],
        hit: Bool[Tensor, "R"],
        patch: tuple[int, int],
    ) -> Float[Tensor, "5"]:
        """The loss and its parts before their weights, as in `PARTS`.

        MSE and acc are means over the rays that hit the body's box. SSIM and LPIPS look at the patch, black where rays
        miss; a patch too small for them (11 and 16 pixels) counts 0, as does a sample without a hit.

        Args:
            colour: rendered, in 0..1 up to a thousandth.
            coverage: Σw of each ray.
            truth: the picture's colours, in 0..1 and black outside of the person.
            mask: the person.
            hit: rays that meet the body's box.
            patch: height and width of the picture that the first rays make, row by row.
        """
        nothing = colour.sum() * 0
        if not hit.any():
            return torch.stack([nothing] * len(PARTS))
        mse = (colour[hit] - truth[hit]).square().mean()
        acc = (coverage[hit] - mask[hit].to(coverage)).square().mean()
        pictures = [self._picture(values, hit, patch) for values in (colour, truth)]
        ssim = lpips = nothing
        if self.weights.ssim > 0 and min(patch) >= WINDOW:
            ssim = 1 - gaussian_ssim(*pictures)
        if self.lpips is not None and min(patch) >= SMALLEST_SIDE:
            # In 0..1 as they are, as the published evaluation gives them to the network.
            lpips = self.lpips(pictures[0][None], pictures[1][None])[0]
        w = self.weights
        total = w.mse * mse + w.acc * acc + w.ssim * ssim + w.lpips * lpips
        return torch.stack([total, mse, acc, ssim, lpips])

    @staticmethod
    def _picture(
        values: Float[Tensor, "R 3"], hit: Bool[Tensor, "R"], patch: tuple[int, int]
    ) -> Float[Tensor, "3 h w"]:
        count = patch[0] * patch[1]
        shown = torch.where(hit[:count, None], values[:count], 0.0)
        return shown.unflatten(0, patch).permute(2, 0, 1)

"""LPIPS with VGG16: the weighted distance of normalised features (Zhang et al., CVPR 2018, version 0.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from sherf_core.metrics.measurement import Measurement, Protocol, measured
from sherf_core.metrics.region import Crop, Image, Mask, masked_rectangle, reason_not_to_measure
from sherf_core.metrics.vgg import CHANNELS, Vgg16Features, load_vgg

HEADS = Path(__file__).with_name("lpips_vgg_heads.safetensors")
"""The learned weight of each VGG channel, from the `lpips` package (BSD-2-Clause; see NOTICE)."""

SMALLEST_SIDE = 16
"""VGG16 halves the image four times on the way to its last stage."""
TOO_SMALL = f"the mask's rectangle is smaller than LPIPS needs ({SMALLEST_SIDE} pixels)"


class Lpips(nn.Module):
    """Distance of two images with values in -1..1: sum over VGG's stages of the weighted feature difference.

    d(a, b) = sum_l mean_pixels sum_c w_lc (a_lc / |a_l| - b_lc / |b_l|)^2, with a_l the features of stage l.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, features: Vgg16Features) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        heads = load_file(HEADS)
        for stage in range(len(CHANNELS)):
            self.register_buffer(f"head{stage}", heads[f"linear{stage}"].view(1, -1, 1, 1))

    @classmethod
    def from_file(cls, path: Path, device: torch.device | str = "cpu") -> Lpips:
        """LPIPS with the VGG16 weights of a file in torchvision's format."""
        return cls(load_vgg(path)).to(device).eval()

    def forward(self, a: Float[Tensor, "B 3 H W"], b: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """Distance of each pair of images (values in -1..1; sides of at least 16 pixels)."""
        features_a = self.features((a - self.shift) / self.scale)
        features_b = self.features((b - self.shift) / self.scale)
        distance = a.new_zeros(a.shape[0])
        for stage, (stage_a, stage_b) in enumerate(zip(features_a, features_b, strict=True)):
            difference = (_unit_length(stage_a) - _unit_length(stage_b)) ** 2
            distance = distance + (difference * getattr(self, f"head{stage}")).sum(dim=1).mean(dim=(1, 2))
        return distance

    @torch.no_grad()
    def measure(self, prediction: Image, truth: Image, mask: Mask, protocol: Protocol) -> Measurement:
        """LPIPS of the masked, cropped images in 0..1; the paper gave them to the network as they are."""
        if reason := reason_not_to_measure(prediction, truth, mask):
            return Measurement(None, reason)
        predicted, true = masked_rectangle(prediction, mask), masked_rectangle(truth, mask)
        if min(predicted.shape[:2]) < SMALLEST_SIDE:
            return Measurement(None, TOO_SMALL)
        pair = [network_input(self._tensor(crop), protocol) for crop in (predicted, true)]
        return measured(float(self(*pair)[0]))

    def _tensor(self, crop: Crop) -> Float[Tensor, "1 3 h w"]:
        tensor = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1), dtype=np.float32))[None]
        return tensor.to(self.shift.device)


def network_input(images: Float[Tensor, "B 3 h w"], protocol: Protocol) -> Float[Tensor, "B 3 h w"]:
    """Images in 0..1 with the values that a protocol gives to the network."""
    return images if protocol is Protocol.PAPER else 2.0 * images - 1.0


def _unit_length(features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Each pixel's feature vector divided by its length; the gradient of a length of 0 is 0, not NaN."""
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + 1e-10)

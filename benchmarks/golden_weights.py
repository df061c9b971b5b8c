"""The weights of the golden runs: every tensor follows from its name and shape.

rng = default_rng(crc32(name)); value = standard_normal(shape)·scale + offset, with scale and offset by the kind of
tensor. The rules are those that the golden numbers were made with; they are no sensible initialisation.
"""

from __future__ import annotations

import zlib
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor, nn

CONSTANTS = ("resample_filter", "_freqs", "_phases", "num_batches_tracked")
AFTER_RELU = ("encoder_2d.", "encoder_2d_feature.", "decoder.pts_linears.", "decoder.views_linear.")


def scale_and_offset(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """The first rule that fits."""
    if name.endswith("noise_strength"):
        return 0.0, 0.0
    if name.endswith("noise_const"):
        return 1.0, 0.0
    if name.endswith((".w_avg", ".running_mean")):
        return 0.1, 0.0
    if name.endswith((".running_var", ".affine.bias")):
        return 0.1, 1.0
    if name.endswith("alpha_linear.bias"):
        return 0.0, 6.0
    if name.endswith(".bias"):
        return 0.1, 0.0
    if len(shape) == 1:
        return 0.1, 1.0
    if name.startswith("backbone.mapping."):
        return 100.0, 0.0
    if name.startswith("backbone.synthesis."):
        return 1.0, 0.0
    if name.startswith("renderer.encoder_3d."):
        return sqrt(2 / (16 * shape[-1])), 0.0
    fan_in = prod(shape[1:])
    if name.endswith("alpha_linear.weight"):
        return 12 * fan_in**-0.5, 0.0
    return sqrt((2.0 if name.startswith(AFTER_RELU) else 1.0) / fan_in), 0.0


def golden_weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if name.endswith(".running_var"):
        normal = np.abs(normal)
    scale, offset = scale_and_offset(name, shape)
    return np.asarray(normal * np.float32(scale) + np.float32(offset), dtype=np.float32)


@torch.no_grad()
def fill(module: nn.Module) -> None:
    """Give every parameter and buffer of `module` its golden value."""
    for name, tensor in module.state_dict().items():
        if not name.endswith(CONSTANTS):
            value: Tensor = torch.from_numpy(golden_weight(name, tuple(tensor.shape)))
            tensor.copy_(value.reshape(tensor.shape))

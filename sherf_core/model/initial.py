"""Weights to start from: each follows from its name and a seed, on every machine and torch version alike.

Training may start from these, and the demo weights lean on them: only what the demo fit changed is shipped.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor

from sherf_core.model.triplane import MAPPING_LEARNING_RATE

# Buffers that the modules compute themselves.
COMPUTED = ("resample_filter", "_freqs", "_phases", "num_batches_tracked")


def initial_weights(like: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Initial values for every tensor of a state dict.

    Args:
        like: a model's `state_dict()`; names and shapes are taken from it, and the buffers that modules compute.
        seed: another seed, other random values.
    """
    weights = {}
    for name, tensor in like.items():
        shape = tuple(tensor.shape)
        if name.endswith(COMPUTED):
            weights[name] = tensor.clone()
        elif (constant := _constant(name, shape)) is not None:
            weights[name] = torch.full(shape, constant)
        else:
            generator = np.random.default_rng([zlib.crc32(name.encode()), seed])
            values = generator.standard_normal(shape, dtype=np.float32) * np.float32(_deviation(name, shape))
            weights[name] = torch.from_numpy(np.asarray(values))
    return weights


def _constant(name: str, shape: tuple[int, ...]) -> float | None:
    if name.endswith((".affine.bias", ".running_var")):
        return 1.0
    if name.endswith((".bias", ".noise_strength", ".running_mean", ".w_avg")):
        return 0.0
    return 1.0 if len(shape) == 1 else None


def _deviation(name: str, shape: tuple[int, ...]) -> float:
    """StyleGAN2 layers scale at run time (Karras et al. 2018, section 4.1); ResNets as He et al. 2015; else torch's."""
    if name.startswith("backbone.mapping."):
        return 1 / MAPPING_LEARNING_RATE
    if name.startswith("backbone."):
        return 1.0
    if name.startswith("encoder_2d") and len(shape) == 4:
        return sqrt(2 / (shape[0] * prod(shape[2:])))
    return sqrt(1 / (3 * prod(shape[1:])))

"""The exponential average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sherf_core.train.config import TrainConfig


class Average:
    """Averages of the trained parameters with a half-life counted in images.

    `values` are float32 tensors by the parameters' names; running statistics and constants are the model's own.
    """

    def __init__(self, model: nn.Module) -> None:
        self.values: dict[str, Tensor] = {
            name: parameter.detach().float().clone()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def update(self, model: nn.Module, *, images: int, batch: int, config: TrainConfig) -> None:
        """Move towards the model's parameters: half the way in one half-life.

        Args:
            model: the model after a step.
            images: images seen so far, this step's among them.
            batch: images of this step.
            config: the half-life and its ramp-up.
        """
        kept = decay(images, batch, config)
        parameters = dict(model.named_parameters())
        torch._foreach_lerp_(list(self.values.values()), [parameters[name].detach() for name in self.values], 1 - kept)


def decay(images: int, batch: int, config: TrainConfig) -> float:
    """What is left of the average after a step of `batch` images: 0.5^(batch / half-life)."""
    half_life = config.average_half_life * 1000
    if config.average_ramp_up > 0:
        half_life = min(half_life, images * config.average_ramp_up)
    return 0.5 ** (batch / half_life) if half_life > 0 else 0.0

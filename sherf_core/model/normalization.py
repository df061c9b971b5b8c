"""Batch normalisation with the statistics of each sample on its own.

The published SHERF trains with one sample a GPU and evaluates in training mode, so its statistics are always those of
a single sample (specification, section 7). Statistics shared by two samples change an image by 5 to 12 %; that is why
these layers never mix samples, whatever the batch size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Statistics = Literal["sample", "running"]


class SampleBatchNorm(nn.Module):
    """BatchNorm over every dimension but the channel, of each sample alone; parameter names as in torch's BatchNorm.

    Args:
        channels: size of dimension 1.
        eps: added to the variance.
        momentum: running = (1 - momentum) · running + momentum · batch, with the unbiased variance.

    `statistics` chooses what normalises: "sample" (the published evaluation) or "running". The running statistics
    move in training mode only, once a sample, in order; under `recorded_statistics` they stay, and are noted down.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.statistics: Statistics = "sample"
        self.record: list[Float[Tensor, "B 2 C"]] | None = None
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Float[Tensor, "B C *space"]) -> Float[Tensor, "B C *space"]:
        # Under autocast the input may have 16 bits, whose range is too small for sums of squares.
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        if self.training:
            self._track(x.detach())
        if self.statistics == "running":
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, use_input_stats=True, eps=self.eps)

    @torch.no_grad()
    def _track(self, x: Float[Tensor, "B C *space"]) -> None:
        variance, mean = torch.var_mean(x.flatten(2), dim=2, unbiased=True)
        self.note(torch.stack([mean, variance], dim=1))

    def note(self, statistics: Float[Tensor, "B 2 C"]) -> None:
        """Move the running statistics, or write these down where they are recorded."""
        if self.record is not None:
            self.record.append(statistics)
        else:
            self.move(statistics)

    @torch.no_grad()
    def move(self, statistics: Float[Tensor, "B 2 C"]) -> None:
        """Move the running statistics towards each sample's mean and unbiased variance, one after the other."""
        for mean, variance in statistics:
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
            self.num_batches_tracked += 1


def set_statistics(module: nn.Module, statistics: Statistics) -> None:
    """Choose the statistics of every `SampleBatchNorm` below `module`."""
    for child in module.modules():
        if isinstance(child, SampleBatchNorm):
            child.statistics = statistics


Recorded = dict[str, list[Float[Tensor, "B 2 C"]]]
"""By layer's name, each forward pass's means and unbiased variances of its samples."""


@contextmanager
def recorded_statistics(module: nn.Module) -> Iterator[Recorded]:
    """Note each layer's statistics in place of moving its running ones; layers that did not run are not in it.

    Running statistics depend on the samples' order. Where samples are spread over processes, the notes are gathered
    and applied by `move_statistics` in one order.
    """
    layers = {name: child for name, child in module.named_modules() if isinstance(child, SampleBatchNorm)}
    for layer in layers.values():
        layer.record = []
    recorded: Recorded = {}
    try:
        yield recorded
        recorded.update({name: layer.record for name, layer in layers.items() if layer.record})
    finally:
        for layer in layers.values():
            layer.record = None


def move_statistics(module: nn.Module, statistics: Mapping[str, Float[Tensor, "B 2 C"]]) -> None:
    """Apply gathered statistics: samples in their order, by layer's name."""
    layers = dict(module.named_modules())
    for name, values in statistics.items():
        layer = layers[name]
        assert isinstance(layer, SampleBatchNorm)
        layer.move(values)

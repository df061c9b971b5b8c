"""One step's gradients and statistics: the mean over the effective batch, however that is spread.

Every sample stands alone (BatchNorm, noise, rays), and each is computed alone, forward and backward: convolutions of
several pictures at once round differently, and the tri-plane's image encoder makes much of it (at 64² up to 4e-4 of a
gradient). It costs little, since rendering takes most of the time and goes sample by sample anyway, and a process needs
memory for one sample only. A process adds up its samples' gradients, and torch's DistributedDataParallel takes the mean
over the processes at the end. Until then processes do not talk, so that one that runs out of memory may begin its step
again without the others noticing.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sherf_core.model.normalization import Recorded, move_statistics, recorded_statistics
from sherf_core.model.sherf import Sherf
from sherf_core.train.batches import TrainingPair, choose_rays
from sherf_core.train.loss import PARTS, ReconstructionLoss
from sherf_core.train.world import World

UNUSED = (
    "encoder_2d.backbone.fc.",
    *(f"encoder_2d_feature.backbone.{name}." for name in ("layer2", "layer3", "layer4", "fc")),
    "renderer.encoder_3d.down3.",
    "renderer.encoder_3d.conv4.",
    "noise_strength",
)
"""Parameters that published files hold and nothing uses (specification, sections 2, 3 and 5): they are not trained."""


def freeze_unused(model: Sherf) -> None:
    """Leave out of the training what has no part in the picture."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not (name.startswith(UNUSED) or name.endswith(UNUSED)))


class SampleLoss(nn.Module):
    """The model with its loss, so that DistributedDataParallel may wrap both."""

    def __init__(self, model: Sherf, loss: ReconstructionLoss, rays_per_sample: int | None) -> None:
        super().__init__()
        self.model, self.loss, self.rays_per_sample = model, loss, rays_per_sample

    def forward(self, pair: TrainingPair | None) -> Float[Tensor, "5"]:
        """Loss and parts of a sample; without one, zeros to which every trained parameter leads."""
        if pair is None:
            leads = [parameter.sum() for parameter in self.model.parameters() if parameter.requires_grad]
            return (torch.stack(leads).sum() * 0).expand(len(PARTS))
        chosen = choose_rays(pair, self.model.body_model, self.rays_per_sample)
        rendering = self.model(pair.observation, pair.bodies, chosen.rays, [pair.sample.noise_seed])
        return self.loss(
            rendering.rgb[0],
            rendering.alpha[0],
            pair.truth.flatten(0, 1)[chosen.pixels],
            pair.mask.flatten()[chosen.pixels],
            chosen.rays.hit[0],
            chosen.patch,
        )


@dataclass(frozen=True)
class StepResult:
    """What a process found in its part of a step.

    Attributes:
        losses: loss and parts of each of its samples, in their order.
        recorded: statistics of its BatchNorm layers, in the same order.
    """

    losses: Float[Tensor, "N 5"]
    recorded: Recorded


class GradientStep:
    """Gradients of steps, on one process or several.

    Args:
        loss: the model with its loss, on this process's device.
        world: the processes.
    """

    def __init__(self, loss: SampleLoss, world: World) -> None:
        self.loss, self.world = loss, world
        self._spread: DistributedDataParallel | None = None
        if world.size > 1:
            devices = [world.device] if world.device.type == "cuda" else None
            options: dict[str, Any] = {_buffers_option(): False}
            self._spread = DistributedDataParallel(loss, device_ids=devices, **options)

    def accumulate(
        self, pairs: Sequence[TrainingPair], points_per_chunk: int, scaler: torch.amp.GradScaler | None = None
    ) -> StepResult:
        """This process's share of the gradients, in place of whatever the parameters had.

        Args:
            pairs: this process's samples, on any device.
            points_per_chunk: points near the body that go through the model at once; bounds memory only.
            scaler: multiplies the loss, for float16.
        """
        model = self.loss.model
        model.config = replace(model.config, points_per_chunk=points_per_chunk)
        model.zero_grad(set_to_none=True)
        found = []
        with recorded_statistics(model) as recorded, self._apart():
            for pair in pairs:
                losses = self._module()(pair.to(self.world.device))
                loss = losses[0] / len(pairs)
                (loss if scaler is None else scaler.scale(loss)).backward()
                found.append(losses.detach())
        return StepResult(torch.stack(found), recorded)

    def join(self) -> None:
        """Take the mean of all processes' gradients."""
        if self._spread is not None:
            # A backward pass that adds nothing, outside of no_sync: it sends what was added up before.
            self._spread(None).sum().backward()

    def move_statistics(self, result: StepResult) -> None:
        """Move the running statistics by all processes' samples, in the samples' order: the same on each."""
        layers = {name: torch.cat(values) for name, values in result.recorded.items()}
        widths = [values[0].numel() for values in layers.values()]
        rows = torch.cat([values.flatten(1) for values in layers.values()], dim=1)
        everyone = self.world.gather(rows).flatten(0, 1)
        columns = everyone.split(widths, dim=1)
        named = {
            name: column.unflatten(1, values.shape[1:])
            for (name, values), column in zip(layers.items(), columns, strict=True)
        }
        move_statistics(self.loss.model, named)

    def mean_losses(self, result: StepResult) -> dict[str, float]:
        """Loss and parts, the mean over all processes' samples."""
        mean = self.world.gather(result.losses).flatten(0, 1).mean(dim=0)
        return dict(zip(PARTS, mean.tolist(), strict=True))

    def _module(self) -> nn.Module:
        return self.loss if self._spread is None else self._spread

    def _apart(self) -> AbstractContextManager[object]:
        return nullcontext() if self._spread is None else self._spread.no_sync()


def _buffers_option() -> str:
    """Keeps running statistics from being copied between processes; newer versions of torch renamed it."""
    names = inspect.signature(DistributedDataParallel.__init__).parameters
    return "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"


@torch.no_grad()
def clean_gradients(model: nn.Module, limit: float) -> None:
    """NaN becomes 0 and infinities plus or minus `limit`, as published."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            torch.nan_to_num(parameter.grad, nan=0.0, posinf=limit, neginf=-limit, out=parameter.grad)

"""One step's gradients, statistics and losses on the shipped people, by one process or several; rank 0 writes them.

python spread_gradients.py OUT.safetensors SAMPLES ACCUMULATION [SETTING …]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.records import Frame
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.model.normalization import SampleBatchNorm
from sherf_core.train.batches import TrainingPair, training_pair
from sherf_core.train.config import TrainConfig
from sherf_core.train.prepare import new_loss, new_state
from sherf_core.train.samples import own_indices, sample
from sherf_core.train.step import GradientStep, SampleLoss
from sherf_core.train.world import World


class DemoPairs:
    """Pairs of the shipped people; the observation may be any frame of the person."""

    def __init__(self, resolution: int) -> None:
        self.reader = RenderPeople(Path(renderpeople.__file__).parent / "demo", resolution=resolution)
        self.frames = [
            (subject, pose, view)
            for subject in self.reader.subjects()[:2]
            for pose in self.reader.poses(subject)[:2]
            for view in self.reader.views(subject)[:4]
        ]

    def __len__(self) -> int:
        return len(self.frames)

    def pair(self, index: int, seed: int, /) -> tuple[Frame, Frame]:
        target = self.frames[index]
        others = [frame for frame in self.frames if frame[0] == target[0]]
        return self.reader.frame(*others[seed % len(others)]), self.reader.frame(*target)


def prepare(config: TrainConfig, world: World, first: int) -> tuple[SampleLoss, list[TrainingPair]]:
    """The model with its loss, and this process's samples of the step that begins with sample `first`."""
    source = DemoPairs(config.resolution)
    model = new_state(config, BodyModel(load_body()), world.device).model
    # Random weights are nearly transparent: make the body visible, so that colours have gradients worth comparing.
    torch.nn.init.constant_(model.decoder.alpha_linear.bias, 5.0)
    indices = own_indices(first, rank=world.rank, count=config.samples_per_gpu * config.accumulation)
    samples = [sample(config.seed, index, len(source)) for index in indices]
    pairs = [training_pair(one, source.pair(one.target, one.choice)) for one in samples]
    return SampleLoss(model, new_loss(config, None, world.device), config.rays_per_sample), pairs


def step(config: TrainConfig, world: World, first: int = 0) -> dict[str, torch.Tensor]:
    """`gradient.NAME`, `statistic.NAME` and `loss` after one step, the same on every process."""
    loss, pairs = prepare(config, world, first)
    gradients = GradientStep(loss, world)
    result = gradients.accumulate(pairs, config.points_per_chunk)
    gradients.join()
    gradients.move_statistics(result)
    found = {}
    for name, layer in loss.model.named_modules():
        if isinstance(layer, SampleBatchNorm):
            for buffer in ("running_mean", "running_var", "num_batches_tracked"):
                found[f"statistic.{name}.{buffer}"] = getattr(layer, buffer).clone()
    total = torch.tensor(gradients.mean_losses(result)["loss"], dtype=torch.float64)
    return {**found, **gradients_of(loss), "loss": total}


def step_in_one_graph(config: TrainConfig) -> dict[str, torch.Tensor]:
    """`gradient.NAME` and `loss` of the mean loss over all samples, by one backward pass."""
    loss, pairs = prepare(config, World(), 0)
    total = torch.stack([loss(pair)[0] for pair in pairs]).mean()
    total.backward()
    return {**gradients_of(loss), "loss": total.detach().double()}


def gradients_of(loss: SampleLoss) -> dict[str, torch.Tensor]:
    """`gradient.NAME` of every parameter that has one."""
    return {
        f"gradient.{name}": parameter.grad.clone()
        for name, parameter in loss.model.named_parameters()
        if parameter.grad is not None
    }


def relative_error(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], prefix: str) -> float:
    """The largest |a - b| / |b| over the tensors with this prefix."""
    errors = [
        float((found[name].double() - value.double()).norm() / value.double().norm().clamp(min=1e-30))
        for name, value in expected.items()
        if name.startswith(prefix)
    ]
    return max(errors)


def main() -> None:
    out, samples, accumulation, *settings = sys.argv[1:]
    config = TrainConfig.from_settings(
        ["resolution=64", f"samples_per_gpu={samples}", f"accumulation={accumulation}", *settings]
    )
    world = World.from_environment("cpu")
    found = step(config, world)
    if world.is_main:
        save_file(found, out)
    world.close()


if __name__ == "__main__":
    main()

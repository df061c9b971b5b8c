"""Kill a training (kill -9) at random moments until it has finished all the same; compare it with an undisturbed one.

    python benchmarks/kill_training.py --kills 60              # a small generator of planes: about a second a step
    python benchmarks/kill_training.py --kills 10 --full       # the whole model: a checkpoint has 800 MB

The loss curve (log.jsonl, without times and memory) and every tensor of the last checkpoint must be bit-identical.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.splits import DEMO
from sherf_core.data.training import TrainingPairs
from sherf_core.model import sherf
from sherf_core.train.checkpoints import CheckpointStore
from sherf_core.train.config import TrainConfig
from sherf_core.train.engine import train
from sherf_core.train.journal import Journal
from sherf_core.train.signals import Signals
from sherf_core.train.world import World

CHECKPOINTS = "checkpoints"
DIFFERS_ANYWAY = ("seconds", "total_seconds", "memory")
STEPS_BETWEEN_KILLS = 2.5
"""At most, so that kills come in every phase of a step, and yet the training comes to its end."""
LONGEST_START = 5.0
LONGEST_SAVE = 0.3


class SmallPlanes(nn.Module):
    """Stands for the generator of planes, 35 of 56 million parameters: coarse planes that z mixes."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.Parameter(0.1 * torch.randn(4, 96, 4, 4))
        self.mix = nn.Linear(512, 4)

    def forward(self, z: Tensor) -> Tensor:
        coarse = torch.einsum("bk,kchw->bchw", self.mix(z), self.coarse)
        return nn.functional.interpolate(coarse, size=(256, 256)).unflatten(1, (3, 32))


class SmallEncoder(nn.Module):
    """Stands for the global ResNet: mean colours of a coarse grid."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(48, 512)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(nn.functional.adaptive_avg_pool2d(image, 4).flatten(1))


def use_small_parts() -> None:
    """From here on models of this process have them."""
    vars(sherf).update(TriPlaneGenerator=SmallPlanes, GlobalEncoder=SmallEncoder)


def small_config(steps: int, **changes: Any) -> TrainConfig:
    """A training on the demo's people that saves after every step."""
    values = {"steps": steps, "resolution": 64, "accumulation": 1, "rays_per_sample": 512, "images_every": 0}
    saving = {"save_every_steps": 1, "keep_last": 2, "schedule": "published", "halving_images": 3}
    return TrainConfig(**{**values, **saving, **changes})


def train_here(folder: Path, config: TrainConfig) -> int:
    """Train in this process, going on from what there is; returns the exit status."""
    pairs = TrainingPairs(RenderPeople(DEMO_ROOT, resolution=config.resolution), DEMO)
    store = CheckpointStore(folder / CHECKPOINTS, config.keep_last)
    with Signals() as signals:
        train(
            config,
            pairs,
            folder=folder,
            world=World(),
            store=store,
            journal=Journal(folder, tensorboard=False),
            signals=signals,
            resume="auto",
        )
    return signals.exit_status


def in_a_process(folder: Path, config: TrainConfig) -> Any:
    """Start it in a forked process, which has imported everything already."""

    def work() -> None:
        os._exit(train_here(folder, config))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def loss_curve(folder: Path) -> list[dict[str, Any]]:
    """The log without what no two runs share."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in one.items() if name not in DIFFERS_ANYWAY} for one in records]


def last_tensors(folder: Path) -> tuple[int, dict[str, Tensor]]:
    """Step and tensors of the last checkpoint: weights, average, optimiser."""
    store = CheckpointStore(folder / CHECKPOINTS)
    saved = store.load_latest()
    assert saved is not None, f"no checkpoint in {folder}"
    assert not store.skipped, f"broken checkpoints: {store.skipped}"
    return saved.step, saved.tensors


def differences(folder: Path, expected: Path) -> list[str]:
    """What is not bit-identical in two trainings."""
    found = [] if loss_curve(folder) == loss_curve(expected) else ["log.jsonl"]
    (step, tensors), (expected_step, wanted) = last_tensors(folder), last_tensors(expected)
    if step != expected_step or tensors.keys() != wanted.keys():
        return [*found, f"step {step} instead of {expected_step}, or other tensors"]
    return [*found, *[name for name, tensor in wanted.items() if not torch.equal(tensor, tensors[name])]]


@dataclass
class Outcome:
    """What came of the kills.

    Attributes:
        kills: processes that were killed.
        in_a_save: of those, while a checkpoint was being written.
        before_a_step: of those, before the first step of their own was saved.
        trainings: that came to their end.
        differences: in all of them, to the undisturbed one.
    """

    kills: int = 0
    in_a_save: int = 0
    before_a_step: int = 0
    trainings: int = 0
    differences: list[str] = field(default_factory=list)


def kill_until(folder: Path, expected: Path, config: TrainConfig, outcome: Outcome, moments: random.Random) -> None:
    """One training, killed again and again until a process of it lives to its end."""
    log = expected / "log.jsonl"
    per_step = sorted(json.loads(line)["seconds"] for line in log.read_text().splitlines())[-1] + 0.3
    while True:
        newest = latest(folder)
        process = in_a_process(folder, config)
        wait(process, folder, per_step, moments)
        if process.exitcode is not None:
            if process.exitcode != 0:
                outcome.differences.append(f"a process ended with status {process.exitcode}")
            break
        process.kill()
        process.join()
        outcome.kills += 1
        outcome.in_a_save += any((folder / CHECKPOINTS).glob(".saving-*"))
        outcome.before_a_step += latest(folder) == newest
    outcome.trainings += 1
    outcome.differences += differences(folder, expected)


def wait(process: Any, folder: Path, per_step: float, moments: random.Random) -> None:
    """Let a process live for a while: into its start, anywhere into its first steps, or into one of its saves."""
    where = moments.choices(("start", "steps", "save"), (1, 4, 4))[0]
    if where == "start":
        process.join(moments.uniform(0.0, LONGEST_START))
        return
    before = len(lines(folder / "events.jsonl"))
    while process.exitcode is None and len(lines(folder / "events.jsonl")) == before:
        process.join(0.01)
    if where == "steps":
        process.join(moments.uniform(0.0, STEPS_BETWEEN_KILLS * per_step))
        return
    for _ in range(moments.choice((1, 2))):
        while process.exitcode is None and any((folder / CHECKPOINTS).glob(".saving-*")):
            process.join(0.001)
        while process.exitcode is None and not any((folder / CHECKPOINTS).glob(".saving-*")):
            process.join(0.001)
    process.join(moments.uniform(0.0, LONGEST_SAVE))


def lines(path: Path) -> list[str]:
    """Of a file that may not be there yet."""
    return path.read_text().splitlines() if path.exists() else []


def latest(folder: Path) -> str:
    """The newest checkpoint's name, or ""."""
    return max((path.name for path in (folder / CHECKPOINTS).glob("checkpoint-*")), default="")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="at least so many")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no training after so long")
    parser.add_argument("--steps", type=int, default=6, help="of a training")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--full", action="store_true", help="the whole model")
    parser.add_argument("--folder", type=Path, default=None, help="for the runs; default: a temporary one")
    options = parser.parse_args()
    if not options.full:
        use_small_parts()
    torch.set_num_threads(1)
    root = options.folder or Path(tempfile.mkdtemp(prefix="kill-training-"))
    config, moments, outcome = small_config(options.steps), random.Random(options.seed), Outcome()
    started = time.monotonic()
    try:
        undisturbed = in_a_process(root / "undisturbed", config)
        undisturbed.join()
        if undisturbed.exitcode != 0:
            return 1
        print(f"undisturbed: {options.steps} steps in {time.monotonic() - started:.1f} s", file=sys.stderr)
        while outcome.kills < options.kills and time.monotonic() - started < options.seconds:
            folder = root / f"killed-{outcome.trainings}"
            kill_until(folder, root / "undisturbed", config, outcome, moments)
            shutil.rmtree(folder)
            print(outcome, file=sys.stderr)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(json.dumps({**vars(outcome), "seconds": round(time.monotonic() - started, 1)}))
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())

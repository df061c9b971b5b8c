"""The loop of a training, on every process alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
import psutil
import torch
from jaxtyping import Float
from torch import Tensor

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import Frame
from sherf_core.errors import TrainingError
from sherf_core.evaluate.renderer import SherfRenderer
from sherf_core.train import mishaps
from sherf_core.train.batches import TrainingPair, training_pair
from sherf_core.train.checkpoint_files import Saved
from sherf_core.train.checkpoints import CheckpointStore
from sherf_core.train.config import TrainConfig
from sherf_core.train.journal import Journal
from sherf_core.train.loss import PARTS
from sherf_core.train.prepare import left_out, matrix_arithmetic, new_loss, new_state
from sherf_core.train.reading import read_ahead
from sherf_core.train.samples import PairSource, Sample, own_indices, sample
from sherf_core.train.saving import SaveInterval
from sherf_core.train.schedule import learning_rate
from sherf_core.train.signals import Signals
from sherf_core.train.state import Position, TrainingState
from sherf_core.train.step import GradientStep, SampleLoss, StepResult, clean_gradients
from sherf_core.train.world import World

PICTURES = 2
"""Pairs that are rendered for the log every so often: the first samples of the training."""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step, for the log and the progress.

    Attributes:
        position: after it.
        losses: loss and parts, the mean over the effective batch.
        learning_rate: it was made with.
        seconds: it took, reading included.
        memory: peak of the tensors on the GPU so far, or main memory of this process, in bytes.
        points_per_chunk: it was made with.
        skipped: its loss was no number, so that nothing was changed.
    """

    position: Position
    losses: Mapping[str, float]
    learning_rate: float
    seconds: float
    memory: int
    points_per_chunk: int
    skipped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A line of the log."""
        values = asdict(replace(self, losses=dict(self.losses)))
        position = values.pop("position")
        return {"step": position["step"], "images": position["images"], **values, "total_seconds": position["seconds"]}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a training, or the part of it that this call did, ended.

    Attributes:
        steps: done in all, earlier runs included.
        images: used in all.
        seconds: spent in steps in all.
        bad_steps: whose loss was no number.
        losses: loss and parts of the last step of this call; empty if it did none.
        left_out: what of the published recipe it went without, in sentences.
        resumed_from: the checkpoint that it went on from.
        unusable: checkpoints that were passed over, and why.
        checkpoint: the last one that was saved by this call.
        stopped_by: number of the signal that ended it early, or 0.
    """

    steps: int
    images: int
    seconds: float
    bad_steps: int
    losses: Mapping[str, float]
    left_out: tuple[str, ...]
    resumed_from: Path | None
    unusable: tuple[str, ...]
    checkpoint: Path | None
    stopped_by: int


def train(
    config: TrainConfig,
    source: PairSource,
    *,
    folder: Path,
    world: World,
    store: CheckpointStore,
    journal: Journal,
    signals: Signals,
    on_step: Callable[[StepRecord], None] | None = None,
    resume: Literal["auto", "no"] | Path = "auto",
    body_model: BodyModel | None = None,
    vgg: Path | None = None,
    resnet: Path | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> Summary:
    """Train until `config.steps` are done or a signal comes; every process of `world` calls this alike.

    All randomness follows from (seed, counters): neither the number of processes nor workers, resumption or what ran
    before in this interpreter changes the result, up to the rounding of sums in another order.

    Args:
        config: every constant.
        source: the pictures.
        folder: of the run; batches of bad steps go there.
        world: the processes.
        store: checkpoints; read by every process, written by the main one.
        journal: the log.
        signals: says when to stop.
        on_step: is called after every step.
        resume: "auto" goes on from the latest checkpoint if there is one, "no" begins anew, a path is a checkpoint.
        body_model: default: the embedded free body.
        vgg: torchvision's VGG16 file, for LPIPS in the loss.
        resnet: torchvision's ResNet-18 file, which the image encoders start from.
        weights: of a model to begin with, in place of those and of random ones.

    Raises:
        TrainingError: it cannot go on: bad losses, no memory, no disk.
    """
    with matrix_arithmetic(config):
        body_model = body_model or BodyModel(load_body())
        state = new_state(config, body_model, world.device, resnet=resnet, weights=weights)
        saved = _resume(state, store, resume, world)
        journal.begin(state.position.step)
        journal.event(
            "started",
            {
                "step": state.position.step,
                "resumed_from": saved.path.name if saved else None,
                "unusable": [str(skipped) for skipped in store.skipped],
                "processes": world.size,
            },
        )
        if world.is_main:
            store.begin(state.position.step)
        loss = new_loss(config, vgg, world.device)
        training = _Training(state, SampleLoss(state.model, loss, config.rays_per_sample), world, journal, folder)
        stopped_by, checkpoint = training.run(source, store, signals, on_step)
    position = state.position
    return Summary(
        steps=position.step,
        images=position.images,
        seconds=position.seconds,
        bad_steps=position.bad_steps,
        losses=training.losses,
        left_out=left_out(config, vgg, resnet),
        resumed_from=saved.path if saved else None,
        unusable=tuple(map(str, store.skipped)),
        checkpoint=checkpoint,
        stopped_by=stopped_by,
    )


def _resume(
    state: TrainingState, store: CheckpointStore, resume: Literal["auto", "no"] | Path, world: World
) -> Saved | None:
    saved = None
    if isinstance(resume, Path):
        saved = store.load(resume)
    elif resume == "auto":
        saved = store.load_latest()
    if saved is not None:
        state.restore(saved.tensors, saved.plain)
    steps = world.gather(torch.tensor([state.position.step], device=world.device)).flatten().tolist()
    if len(set(steps)) > 1:
        raise TrainingError(
            f"the processes go on from different steps: {', '.join(map(str, steps))}",
            expected="one folder of checkpoints that all of them see",
            fix="name a folder on a file system that all computers share: --out DIR",
            path=store.folder,
        )
    return saved


class _Training:
    """The state with everything that moves it on."""

    def __init__(self, state: TrainingState, loss: SampleLoss, world: World, journal: Journal, folder: Path) -> None:
        self.state, self.world, self.journal = state, world, journal
        self.config = state.config
        self.batch = self.config.effective_batch(world.size)
        self.gradients = GradientStep(loss, world)
        self.memory = mishaps.MemoryGuard(state.model, self.config.points_per_chunk, journal)
        self.bad = mishaps.BadSteps(folder, self.config.max_bad_steps, journal, world, state.position.bad_steps)
        self.losses: dict[str, float] = {}
        self.since_saved: list[float] = []

    def run(
        self,
        source: PairSource,
        store: CheckpointStore,
        signals: Signals,
        on_step: Callable[[StepRecord], None] | None,
    ) -> tuple[int, Path | None]:
        """All steps that are left; returns the signal that ended them early, or 0, and the last checkpoint."""
        interval = SaveInterval(self.config.save_every_steps, self.config.save_every_minutes)
        stopped_by, checkpoint, saved_step = 0, None, self.state.position.step
        with closing(read_ahead(source, self._samples(len(source)), self.config.workers)) as pairs:
            while self.state.position.step < self.config.steps and not stopped_by:
                try:
                    record = self._timed_step(pairs)
                except TrainingError:
                    # Nothing has moved in this step; the steps since the last save are not to be lost.
                    if self.world.is_main and self.state.position.step != saved_step:
                        self._save(store, final=True)
                    raise
                step = record.position.step
                if step % self.config.log_every == 0 or step == self.config.steps or record.skipped:
                    self.journal.step(record.as_dict())
                if self.config.images_every and step % self.config.images_every == 0 and self.world.is_main:
                    self.journal.images(step, self._pictures(source))
                if on_step is not None:
                    on_step(record)
                own = torch.tensor([signals.stop], device=self.world.device)
                stopped_by = int(self.world.gather(own).max())
                final = bool(stopped_by) or step == self.config.steps
                due = final or interval.due(step)
                if due and self.world.is_main and step != saved_step:
                    checkpoint, saved_step = self._save(store, final=final) or checkpoint, step
                    interval.saved()
        return stopped_by, checkpoint

    def _samples(self, targets: int) -> Iterator[Sample]:
        """This process's samples of all steps that are left."""
        position = self.state.position
        for number in range(self.config.steps - position.step):
            first = position.images + number * self.batch
            for index in own_indices(first, rank=self.world.rank, count=self.batch // self.world.size):
                yield sample(self.config.seed, index, targets)

    def _timed_step(self, read: Iterator[tuple[Sample, tuple[Frame, Frame]]]) -> StepRecord:
        started, before = time.perf_counter(), self.state.position
        pairs = [training_pair(*one) for one in islice(read, self.batch // self.world.size)]
        rate = learning_rate(self.config, step=before.step, images=before.images, batch=self.batch)
        result = self.memory.run(
            before.step + 1, lambda points: self.gradients.accumulate(pairs, points, self.state.scaler)
        )
        skipped = self.bad.skip(before.step + 1, result.losses[:, 0], lambda: _inspected(pairs, result))
        self.losses = self.gradients.mean_losses(result)
        images = before.images + self.batch
        if not skipped:
            self._apply(result, rate, images)
            self.since_saved.append(self.losses["loss"])
        seconds = time.perf_counter() - started
        self.state.position = Position(
            step=before.step + 1, images=images, bad_steps=self.bad.count, seconds=before.seconds + seconds
        )
        return StepRecord(
            position=self.state.position,
            losses=self.losses,
            learning_rate=rate,
            seconds=seconds,
            memory=_memory(self.world.device),
            points_per_chunk=self.memory.points_per_chunk,
            skipped=skipped,
        )

    def _apply(self, result: StepResult, rate: float, images: int) -> None:
        """Move everything by a step whose gradients this process has its share of."""
        model, optimizer, scaler = self.state.model, self.state.optimizer, self.state.scaler
        self.gradients.join()
        self.gradients.move_statistics(result)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if scaler is None:
            clean_gradients(model, self.config.gradient_limit)
            optimizer.step()
        else:
            # float16 that overflowed: the scaler leaves the step out, and scales less from then on.
            scaler.unscale_(optimizer)
            clean_gradients(model, self.config.gradient_limit)
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad(set_to_none=True)
        self.state.average.update(model, images=images, batch=self.batch, config=self.config)

    def _save(self, store: CheckpointStore, *, final: bool) -> Path | None:
        self.journal.flush()
        step = self.state.position.step
        # Checkpoints are compared by the loss on the way to them: a single step's says little.
        metric = fmean(self.since_saved) if self.since_saved else None
        path = store.save(self.state.tensors(), self.state.plain(), step=step, metric=metric, final=final)
        self.since_saved.clear()
        if path is None:
            self.journal.event("not_saved", {"step": step, "why": store.failures[-1]})
        else:
            self.journal.event("saved", {"step": step, "path": path.name})
        return path

    def _pictures(self, source: PairSource) -> Float[np.ndarray, "H W 3"]:
        """Observation, rendering and truth of the first samples, one below the other."""
        model = self.state.model
        rows = []
        try:
            renderer = SherfRenderer(model)
            for index in range(min(PICTURES, len(source))):
                one = sample(self.config.seed, index, len(source))
                observation, target = source.pair(one.target, one.choice)
                picture = renderer.render(renderer.encode(observation), target)
                rows.append(np.concatenate([observation.image, np.clip(picture.image, 0, 1), target.image], axis=1))
        finally:
            model.train()
        return np.concatenate(rows)


def _inspected(pairs: list[TrainingPair], result: StepResult) -> mishaps.BadBatch:
    """What is saved of a step whose loss is no number."""
    tensors: dict[str, Tensor] = {}
    for number, pair in enumerate(pairs):
        parts = {"observation": pair.observation.image, "truth": pair.truth, "mask": pair.mask}
        parts |= {"observed_poses": pair.observation.body.poses, "poses": pair.bodies.poses}
        parts |= {"shapes": pair.bodies.shapes, "R": pair.bodies.R, "Th": pair.bodies.Th}
        tensors |= {f"{number}.{name}": value for name, value in parts.items()}
    losses = {
        f"{index}.{name}": value
        for index, row in enumerate(result.losses.tolist())
        for name, value in zip(PARTS, row, strict=True)
    }
    return mishaps.BadBatch(keys=[pair.key for pair in pairs], tensors=tensors, losses=losses)


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)

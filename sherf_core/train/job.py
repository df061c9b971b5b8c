"""A training from its options to its end: finds the files, settles the configuration, runs on one process or many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import FREE_BODY, load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import locations
from sherf_core.data.discover import UNTRAINED, Sources, find_sources, user_files
from sherf_core.data.reader import Reader
from sherf_core.data.readers import open_reader
from sherf_core.data.splits import DEMO
from sherf_core.data.training import TrainingPairs
from sherf_core.io.atomic import write_json
from sherf_core.io.digest import sha256
from sherf_core.metrics.vgg_files import find_vgg_weights
from sherf_core.train.checkpoints import CheckpointStore
from sherf_core.train.claim import claimed
from sherf_core.train.config import TrainConfig
from sherf_core.train.journal import Journal
from sherf_core.train.launch import Event, Launch, Stopped
from sherf_core.train.pretrained import find_resnet_weights
from sherf_core.train.signals import Signals
from sherf_core.train.world import World

if TYPE_CHECKING:
    from sherf_core.train.engine import StepRecord

RANKS, RUN, CHECKPOINTS = "ranks", "run.json", "checkpoints"
PATHS = ("folder", "data", "out", "runs")

PUBLISHED_IMAGES = 800_000
DEMO_IMAGES = 400
"""Of a training on the two people that ship, unless the user says how long: it shows that everything runs."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What to train on and how; None means "decide by what is there".

    Attributes:
        config: the training's constants.
        folder: the current folder, where `runs/` is made.
        roots: folders in which the user's `assets/`, `data/` and `models/` are looked for; None: the usual ones.
        dataset: its name on the command line.
        data: its folder.
        body: a file, or "embedded".
        out: output folder, default runs/train-DATASET.
        runs: folder in place of `runs/` for that default.
        resume: "auto" goes on from the newest whole checkpoint in the output folder if there is one, "no" begins
            anew, anything else is a checkpoint's folder.
        device: "cpu" or "cuda".
        profile: the launch profile's name, for the record.
        program: name and version of the program that runs this, for the record.
        forced: ids of findings that the user went on past; None where nothing was forced; for the record.
    """

    config: TrainConfig
    folder: Path = field(default_factory=Path.cwd)
    roots: tuple[Path, ...] | None = None
    dataset: str | None = None
    data: Path | None = None
    body: str | None = None
    out: Path | None = None
    runs: Path | None = None
    resume: str = "auto"
    device: str = "cpu"
    profile: str = ""
    program: Mapping[str, str] = field(default_factory=dict)
    forced: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; paths are absolute."""
        values = asdict(replace(self, program=dict(self.program)))
        for name in PATHS:
            values[name] = None if values[name] is None else str(Path(values[name]).absolute())
        roots = locations.search_roots() if self.roots is None else self.roots
        return {**values, "roots": [str(root.absolute()) for root in roots]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainOptions:
        """What `as_dict` wrote."""
        read = {**values, "config": TrainConfig.from_dict(values["config"])}
        for name in PATHS:
            read[name] = None if read[name] is None else Path(read[name])
        read["roots"] = tuple(map(Path, read["roots"]))
        read["forced"] = None if read["forced"] is None else tuple(read["forced"])
        return cls(**read)


@dataclass(frozen=True)
class TrainJob:
    """A settled training: every file found and looked into, nothing computed yet."""

    options: TrainOptions
    sources: Sources
    reader: Reader
    pairs: TrainingPairs
    body: BodyArrays
    vgg: Path | None
    encoders: Path | None
    path: Path

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.sources.split.dataset

    def describe(self) -> dict[str, Any]:
        """What would be done, as plain JSON values."""
        return {
            "dataset": self.dataset,
            "data": str(self.sources.data),
            "subjects": len(self.pairs.subjects),
            "frames": len(self.pairs),
            "missing_frames": self.pairs.missing,
            "body": str(self.sources.body) if self.sources.body else "embedded free body",
            "body_sha256": sha256(self.sources.body or FREE_BODY),
            "lpips": str(self.vgg) if self.vgg else None,
            "encoders": str(self.encoders) if self.encoders else None,
            "out": str(self.path),
            "resume": self.options.resume,
            "device": self.options.device,
            "profile": self.options.profile,
            "config": self.options.config.as_dict(),
            "versions": dict(self.options.program),
            "forced_past": None if self.options.forced is None else list(self.options.forced),
            "notes": self.notes(),
        }

    @staticmethod
    def summary_line(summary: Mapping[str, Any]) -> str:
        """What a training came to, in one line."""
        losses = summary["losses"]
        parts = ", ".join(f"{name} {value:.4f}" for name, value in losses.items() if name != "loss")
        loss = f"loss {losses['loss']:.3f} ({parts})" if losses else "nothing was left to do"
        bad = f", {summary['bad_steps']} steps left out" if summary["bad_steps"] else ""
        return f"{summary['steps']:,} steps, {summary['images']:,} pictures{bad}: {loss}"

    def notes(self) -> list[str]:
        """What a user has to know of the files, in words."""
        from sherf_core.train.prepare import left_out

        notes = [*self.sources.notes, *left_out(self.options.config, self.vgg, self.encoders)]
        if self.pairs.missing:
            notes.append(f"{self.pairs.missing} frames are missing on disk and are left out")
        return notes

    def run(self, launch: Launch, on_event: Callable[[Event], None]) -> dict[str, Any]:
        """Train (or go on training); returns the summary as JSON values.

        Args:
            launch: processes of this computer, and computers.
            on_event: called for each report; `kind` is step, resumed, note or warning.

        Raises:
            SherfError: the training cannot go on.
            Stopped: Ctrl-C or SIGTERM came; a checkpoint was saved.
        """
        with Signals() as signals:
            if launch.world_size == 1:
                summary = _train(self, World(device=_first(self.options.device)), signals, on_event)
            else:
                summary = self._run_ranks(launch, signals, on_event)
            if signals.stop or summary.get("stopped_by"):
                raise Stopped(signals.stop or summary["stopped_by"])
        return summary

    def _run_ranks(self, launch: Launch, signals: Signals, on_event: Callable[[Event], None]) -> dict[str, Any]:
        summary: dict[str, Any] = {}

        def note(event: Event) -> None:
            if event["kind"] == "summary":
                # The main process's knows of checkpoints; on other computers there is none of it.
                if event["rank"] == 0 or not summary:
                    summary.update(event["summary"])
            else:
                on_event(event)

        options = self.options.as_dict()
        launch.run("train", {"options": options}, self.path / RANKS, on_event=note, stop=lambda: signals.stop)
        return summary


def prepare(options: TrainOptions) -> TrainJob:
    """Find the files, check the options and list the pictures to train on.

    Raises:
        SherfError: something is missing, broken or contradictory; the message says what to do.
    """
    roots = locations.search_roots() if options.roots is None else options.roots
    sources = find_sources(
        user_files(roots), dataset=options.dataset, data=options.data, body=options.body, checkpoint=UNTRAINED
    )
    body = load_body(sources.body)
    dataset = sources.split.dataset
    reader = open_reader(dataset, sources.data, resolution=options.config.resolution, body=body)
    pairs = TrainingPairs(reader, sources.split)
    pairs.pair(0)  # tells whether the stored pictures are large enough for the resolution
    out = options.out or (options.runs or options.folder / "runs") / f"train-{dataset}"
    return TrainJob(
        options, sources, reader, pairs, body, find_vgg_weights(roots), find_resnet_weights(roots), out.absolute()
    )


def usual_images(dataset: str) -> int:
    """How many images a training takes unless the user says so."""
    return DEMO_IMAGES if dataset == DEMO.dataset else PUBLISHED_IMAGES


def train_as_rank(arguments: Mapping[str, Any], report: Callable[[Event], None]) -> None:
    """This process's part of a training that torchrun started."""
    options = TrainOptions.from_dict(arguments["options"])
    job = prepare(options)
    world = World.from_environment(options.device)
    with Signals() as signals:
        # One process of each computer speaks; the others' reports would say the same.
        summary = _train(job, world, signals, report if world.local_rank == 0 else lambda event: None)
        world.barrier()  # nobody leaves while the last checkpoint is being written
    report({"kind": "summary", "summary": summary})
    world.close()


def _train(job: TrainJob, world: World, signals: Signals, report: Callable[[Event], None]) -> dict[str, Any]:
    """Train as one of the world's processes; returns the summary as JSON values."""
    from sherf_core.train.engine import train

    config, resume = job.options.config, job.options.resume
    with claimed(job.path) if world.is_main else nullcontext():
        if world.is_main:
            write_json(job.path / RUN, job.describe())
        store = CheckpointStore(job.path / CHECKPOINTS, keep_last=config.keep_last, best_of="lowest")
        with closing(Journal(job.path, world.is_main)) as journal:
            summary = train(
                config,
                job.pairs,
                folder=job.path,
                world=world,
                store=store,
                journal=journal,
                signals=signals,
                on_step=_StepReports(config, store, report),
                resume="auto" if resume == "auto" else "no" if resume == "no" else Path(resume),
                body_model=BodyModel(job.body),
                vgg=job.vgg,
                resnet=job.encoders,
            )
    values = asdict(summary)
    for name in ("checkpoint", "resumed_from"):
        values[name] = None if values[name] is None else str(values[name])
    return {**values, "left_out": list(summary.left_out), "unusable": list(summary.unusable)}


class _StepReports:
    """Turns what the engine says of each step into reports."""

    def __init__(self, config: TrainConfig, store: CheckpointStore, report: Callable[[Event], None]) -> None:
        self.store, self.report = store, report
        self._points = config.points_per_chunk
        self._first = True

    def __call__(self, record: StepRecord) -> None:
        step = record.position.step
        if self._first:
            self._first = False
            for skipped in self.store.skipped:
                self.report({"kind": "warning", "words": str(skipped)})
            if step > 1:
                self.report({"kind": "resumed", "step": step - 1, "words": f"going on after step {step - 1:,}"})
        if record.points_per_chunk < self._points:
            self._points = record.points_per_chunk
            words = f"memory was used up in step {step:,}: from now on chunks of {self._points:,} points (same result)"
            self.report({"kind": "warning", "words": words})
        if record.skipped:
            self.report({"kind": "warning", "words": f"the loss of step {step:,} is no number: the step was left out"})
        loss = record.losses["loss"]
        self.report(
            {
                "kind": "step",
                "step": step,
                "images": record.position.images,
                "loss": loss if math.isfinite(loss) else None,
                "seconds": record.seconds,
                "memory": record.memory,
            }
        )


def _first(device: str) -> torch.device:
    return torch.device("cuda", 0) if device == "cuda" else torch.device(device)

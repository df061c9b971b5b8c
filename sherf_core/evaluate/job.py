"""An evaluation from its options to its report: finds the files, builds the model, runs, writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import FREE_BODY, load_body
from sherf_core.data import locations
from sherf_core.data.discover import EMBEDDED, UNTRAINED, Sources, WeightKind, find_sources, user_files
from sherf_core.data.reader import Reader
from sherf_core.data.readers import open_reader
from sherf_core.errors import ConfigurationError, SherfError
from sherf_core.evaluate.protocol import Plan, plan
from sherf_core.evaluate.store import RunFolder
from sherf_core.io.digest import sha256
from sherf_core.metrics.vgg_files import HOW_TO_GET, find_vgg_weights
from sherf_core.precision import Precision

if TYPE_CHECKING:
    from sherf_core.evaluate.renderer import SherfRenderer
    from sherf_core.evaluate.runner import Evaluation, OnItem
    from sherf_core.metrics.suite import MetricSuite
    from sherf_core.model.sherf import Sherf

# Settings count as changed when one of these programs did: each can change the figures.
PACKAGES = ("torch", "numpy", "scikit-image", "pillow")

SMALLEST_RESOLUTION = 64
"""The image encoder halves a picture five times, and statistics need more than one pixel at the end."""
SMALLEST_HEIGHT = 33
"""For the same reason; HuMMan's pictures are 36 high where they are 64 wide."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to evaluate and how; None means "decide by what is there".

    Attributes:
        folder: the current folder, where `runs/` is made.
        roots: folders in which the user's `assets/`, `data/` and `models/` are looked for; None: the usual ones.
        dataset: a split's name or "own".
        data: the data set's folder.
        body: a file, or "embedded".
        checkpoint: a file, "embedded" or "untrained".
        subjects: names or places in the list, in place of the test subjects.
        resolution: width of the pictures in pixels.
        resolution_limit: without `resolution`, the split's own but at most this (the launch profile's).
        statistics: BatchNorm statistics of each sample on its own (the published evaluation), or running ones.
        out: output folder, default runs/eval-DATASET, or runs/eval-DATASET-partial for a part of the pictures.
        runs: folder in place of `runs/` for that default.
        limit: at most so many pictures.
        device: a torch device.
        precision: arithmetic of the networks; only float32 gives the published figures.
        points_per_chunk: points near the body that go through the model at once; None leaves the model's default.
        profile: the launch profile's name, for the record.
        program: name and version of the program that runs this, for the record.
        forced: ids of findings that the user went on past; None where nothing was forced; for the record.
    """

    folder: Path = field(default_factory=Path.cwd)
    roots: tuple[Path, ...] | None = None
    dataset: str | None = None
    data: Path | None = None
    body: str | None = None
    checkpoint: str | None = None
    subjects: tuple[str, ...] = ()
    resolution: int | None = None
    resolution_limit: int | None = None
    statistics: Literal["sample", "running"] = "sample"
    out: Path | None = None
    runs: Path | None = None
    limit: int | None = None
    device: str = "cpu"
    precision: Precision = "float32"
    points_per_chunk: int | None = None
    profile: str = ""
    program: Mapping[str, str] = field(default_factory=dict)
    forced: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Job:
    """A settled evaluation: every file found and looked into, every picture listed, nothing computed yet."""

    options: Options
    sources: Sources
    weights: WeightKind
    reader: Reader
    plan: Plan
    body: BodyArrays
    vgg: Path | None
    folder: RunFolder
    files: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the first picture to make; own pictures may be of several heights."""
        height, width = self.reader.frame(*self.plan.items[0].target).mask.shape
        return width, height

    def describe(self) -> dict[str, Any]:
        """What would be done, as plain JSON values."""
        from sherf_core.evaluate.document import notes_of

        return {
            "dataset": self.plan.dataset,
            "subjects": list(self.plan.subjects),
            "pictures": len(self.plan.items),
            "missing_frames": self.plan.missing,
            "out": str(self.folder.path),
            "weights": self.weights.value,
            "sources": dict(self.files),
            "lpips": f"VGG16 weights {self.vgg}" if self.vgg else f"not measured: {HOW_TO_GET}",
            "device": self.options.device,
            "profile": self.options.profile,
            "settings": dict(self.folder.settings),
            "notes": [*self.sources.notes, *notes_of(self.plan, self.weights)],
        }

    def run(
        self,
        on_item: OnItem = lambda result, resumed: None,
        on_open: Callable[[RunFolder], None] = lambda folder: None,
    ) -> dict[str, Any]:
        """Run (or go on with) the evaluation, write metrics.json and report.html, return metrics.json's content.

        Args:
            on_item: called after each picture.
            on_open: called once the output folder is ready, and an earlier run in it was set aside where need be.
        """
        from sherf_core.evaluate.runner import evaluate

        # Whatever can fail on a user's file comes first: the folder may hold a good run, which opening moves aside.
        renderer, metrics = self.means()
        self.folder.open(self.plan.items)
        on_open(self.folder)
        return self.write(evaluate(self.plan, self.reader, renderer, metrics, self.folder, on_item))

    def means(self, device: str | None = None) -> tuple[SherfRenderer, MetricSuite]:
        """The model and the metrics, on the evaluation's device or another.

        Raises:
            SherfError: a file of weights is broken.
        """
        from sherf_core.evaluate.renderer import SherfRenderer
        from sherf_core.metrics.lpips import Lpips
        from sherf_core.metrics.suite import MetricSuite

        device = self.options.device if device is None else device
        lpips = Lpips.from_file(self.vgg, device) if self.vgg else None
        return SherfRenderer(self._model().to(device)), MetricSuite(lpips, f"not measured: {HOW_TO_GET}")

    def write(self, evaluation: Evaluation, *, processes: int = 1) -> dict[str, Any]:
        """Write metrics.json and report.html of a finished evaluation, and return metrics.json's content."""
        from sherf_core.evaluate.document import Circumstances
        from sherf_core.evaluate.output import write_output

        machine: dict[str, Any] = {"profile": self.options.profile, "device": device_name(self.options.device)}
        if processes > 1:
            machine["processes"] = processes
        if self.options.forced is not None:
            machine["forced_past"] = list(self.options.forced)
        circumstances = Circumstances(self.weights, self.files, machine, self.versions)
        return write_output(evaluation, self.folder, circumstances)

    def _model(self) -> Sherf:
        import torch

        from sherf_core.body.model import BodyModel
        from sherf_core.io.weights import load_weights
        from sherf_core.model.demo import demo_weights
        from sherf_core.model.initial import initial_weights
        from sherf_core.model.sherf import Sherf, SherfConfig

        precision = self.options.precision
        config = SherfConfig(statistics=self.options.statistics, precision=precision)
        if self.options.points_per_chunk is not None:
            config = replace(config, points_per_chunk=self.options.points_per_chunk)
        model = Sherf(BodyModel(self.body), config)
        like = model.state_dict()
        if self.weights is WeightKind.CHECKPOINT and self.sources.checkpoint is not None:
            state = load_weights(self.sources.checkpoint)
        elif self.weights is WeightKind.DEMO:
            state = demo_weights(like)
        else:
            state = initial_weights(like)
        model.load_state_dict(state, strict=True)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        return model


def missing_files(options: Options) -> list[SherfError]:
    """What `prepare` would refuse of data, body and weights, one error for each of them; empty where all are there."""
    files = user_files(locations.search_roots() if options.roots is None else options.roots)
    # A data set that was asked for is looked for; for body and weights any folder will do.
    named = options.data or files.data or (Path() if options.dataset is not None else None)
    wanted = (
        (options.data, EMBEDDED, UNTRAINED),
        (named, options.body, UNTRAINED),
        (named, EMBEDDED, options.checkpoint),
    )
    missing: dict[str, SherfError] = {}
    for data, body, checkpoint in wanted:
        try:
            sources = find_sources(files, dataset=options.dataset, data=data, body=body, checkpoint=checkpoint)
            if data is options.data:
                split = sources.split  # opening it tells whether the folder is there
                open_reader(split.dataset, sources.data, resolution=split.resolution, body=load_body(None))
        except SherfError as error:
            if error.code:  # wrong options have none; `prepare` tells of those
                missing.setdefault(error.code, error)
    return list(missing.values())


def prepare(options: Options) -> Job:
    """Find the files, check the options and list the pictures to make.

    Raises:
        SherfError: something is missing, broken or contradictory; the message says what to do.
    """
    from sherf_core.io.weights import check_header
    from sherf_core.model.demo import DEMO_WEIGHTS, demo_description

    roots = locations.search_roots() if options.roots is None else options.roots
    sources = find_sources(
        user_files(roots),
        dataset=options.dataset,
        data=options.data,
        body=options.body,
        checkpoint=options.checkpoint,
    )
    usual = min(sources.split.resolution, options.resolution_limit or sources.split.resolution)
    resolution = usual if options.resolution is None else options.resolution
    if resolution < SMALLEST_RESOLUTION:
        raise ConfigurationError(
            f"a resolution of {resolution} pixels is too small for the image encoder",
            fix=f"choose --resolution {SMALLEST_RESOLUTION} or more",
        )
    body = load_body(sources.body)
    reader = open_reader(sources.split.dataset, sources.data, resolution=resolution, body=body)
    planned = plan(sources.split, reader, subjects=options.subjects, limit=options.limit)
    for frame in (planned.items[0].observation, planned.items[0].target):
        # Tells whether the stored pictures are large enough for the resolution.
        height = reader.frame(*frame).mask.shape[0]
        if height < SMALLEST_HEIGHT:
            raise ConfigurationError(
                f"pictures of {resolution}x{height} pixels are too low for the image encoder",
                expected=f"{SMALLEST_HEIGHT} rows or more",
                fix="choose a larger --resolution, or pictures that are less oblong",
            )
    weights, checkpoint = sources.weights, sources.checkpoint
    if weights is WeightKind.DEMO:
        checkpoint = DEMO_WEIGHTS if DEMO_WEIGHTS.is_file() else None
        weights = WeightKind.DEMO if checkpoint else WeightKind.UNTRAINED
    elif checkpoint is not None:
        check_header(checkpoint)
    vgg = find_vgg_weights(roots)
    files = {
        "data": str(sources.data),
        "body": str(sources.body) if sources.body else "embedded free body",
        "body_sha256": sha256(sources.body or FREE_BODY),
        "checkpoint": str(checkpoint) if checkpoint else "initial weights, seed 0",
        "checkpoint_sha256": sha256(checkpoint) if checkpoint else None,
        "weights_description": demo_description() if weights is WeightKind.DEMO else None,
        "vgg": str(vgg) if vgg else None,
    }
    versions = {**options.program, **_versions()}
    settings = {
        "dataset": planned.dataset,
        "body": files["body_sha256"],
        "checkpoint": files["checkpoint_sha256"] or weights.value,
        "resolution": reader.resolution,
        "statistics": options.statistics,
        "precision": options.precision,
        "lpips": sha256(vgg) if vgg else "not measured",
        "versions": versions,
    }
    name = f"eval-{planned.dataset}-partial" if planned.partial else f"eval-{planned.dataset}"
    out = options.out or (options.runs or options.folder / "runs") / name
    return Job(options, sources, weights, reader, planned, body, vgg, RunFolder(out, settings), files, versions)


def device_name(device: str) -> str:
    """A torch device with the name of its hardware: `cuda (Tesla T4)`."""
    import torch

    if not device.startswith("cuda"):
        return f"{device} ({torch.get_num_threads()} threads)"
    return f"{device} ({torch.cuda.get_device_name(device)})"


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found

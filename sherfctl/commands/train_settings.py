"""The settings of a training: options first, then the launch profile, then the published constants."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sherf_core.errors import ConfigurationError
from sherfctl.commands.eval_settings import Setting

if TYPE_CHECKING:
    from profiles import ResolvedProfile
    from sherf_core.train.config import TrainConfig
    from sherf_core.train.job import TrainJob, TrainOptions
    from sherf_core.train.launch import Launch

OF_PROFILE = ("precision", "samples_per_gpu", "accumulation", "resolution", "points_per_chunk", "workers")
"""Fields of the configuration that a profile's `training` section holds under the same name."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The command line's options; None where the user left one out."""

    profile: str
    dataset: str | None
    data: Path | None
    body: str | None
    gpus: int | None
    nodes: int | None
    processes: int | None
    steps: int | None
    kimg: float | None
    resolution: int | None
    out: Path | None
    resume: str
    settings: tuple[str, ...]
    launcher: str | None
    endpoint: str
    node_rank: int | None

    @property
    def set_names(self) -> set[str]:
        """Names that --set gives a value."""
        return {setting.partition("=")[0].strip() for setting in self.settings}


@dataclass(frozen=True)
class Plan:
    """How the processes are started, and what they compute.

    Attributes:
        launcher: direct, torchrun or slurm.
        launch: processes of this computer, and computers.
        config: the training's constants, but for the number of steps where the data set decides it.
        batch: pictures behind each step.
    """

    launcher: str
    launch: Launch
    config: TrainConfig
    batch: int


def plan_of(wishes: Wishes, resolved: ResolvedProfile, dataset: str) -> Plan:
    """Settle processes and configuration.

    Raises:
        ConfigurationError: options that contradict each other or the profile.
    """
    from sherf_core.train.config import TrainConfig

    launcher, launch = _launch_of(wishes, resolved)
    training = resolved.profile.training
    config = TrainConfig(**{name: getattr(training, name) for name in OF_PROFILE})
    config = config.with_settings(wishes.settings)
    both = {"steps": wishes.steps or wishes.kimg, "resolution": wishes.resolution}
    for name in wishes.set_names & {name for name, wish in both.items() if wish is not None}:
        raise ConfigurationError(f"{name} is given twice, as an option and with --set", fix="leave one of them out")
    if wishes.steps is not None and wishes.kimg is not None:
        raise ConfigurationError("--steps and --kimg both say how long to train", fix="leave one of them out")
    if wishes.resolution is not None:
        config = replace(config, resolution=wishes.resolution)
    config = _shared(config, wishes, launch.world_size, training.effective_batch)
    batch = config.effective_batch(launch.world_size)
    if "steps" not in wishes.set_names:
        config = replace(config, steps=wishes.steps or _steps(wishes.kimg, dataset, batch))
    return Plan(launcher, launch, config, batch)


def _launch_of(wishes: Wishes, resolved: ResolvedProfile) -> tuple[str, Launch]:
    from sherf_core.train.launch import Launch

    profile = resolved.profile
    on_cpu = profile.device == "cpu"
    if on_cpu and wishes.gpus:
        raise ConfigurationError(
            f"--gpus {wishes.gpus}, and profile {resolved.name} computes on the CPU",
            fix="leave it out; `sherfctl doctor` says why no GPU can be used",
            code="RUN.GPUS",
        )
    if not on_cpu and (wishes.processes is not None or wishes.gpus == 0):
        raise ConfigurationError(
            f"profile {resolved.name} computes on a GPU, with one process for each",
            fix="--gpus N says how many; --profile cpu computes on the CPU",
        )
    processes = (wishes.processes or 1) if on_cpu else (wishes.gpus or profile.gpu_count)
    nodes = wishes.nodes or profile.nodes
    launcher = wishes.launcher or profile.launcher
    if wishes.launcher is None and launcher == "slurm" and os.environ.get("SLURM_JOB_ID"):
        launcher = "torchrun"  # this is the job already
    if wishes.launcher is None and launcher != "slurm" and processes * nodes > 1:
        launcher = "torchrun"
    if launcher == "direct" and processes * nodes > 1:
        raise ConfigurationError(
            f"--launcher direct is one process, and {processes * nodes} are asked for",
            fix="--launcher torchrun",
        )
    if launcher == "slurm":  # its nodes learn in the job where they meet
        return launcher, Launch(processes=processes, nodes=nodes, endpoint="first-node:29500")
    return launcher, Launch(processes=processes, nodes=nodes, endpoint=wishes.endpoint, node_rank=wishes.node_rank)


def _shared(config: TrainConfig, wishes: Wishes, processes: int, wanted: int) -> TrainConfig:
    """Samples and rounds of each process that make the wanted effective batch, or the nearest that can be shared."""
    samples, rounds = config.samples_per_gpu, config.accumulation
    share = max(1, round(wanted / processes))
    if "samples_per_gpu" not in wishes.set_names and "accumulation" not in wishes.set_names:
        samples = next(count for count in range(min(samples, share), 0, -1) if share % count == 0)
    if "accumulation" not in wishes.set_names:
        rounds = max(1, round(wanted / (processes * samples)))
    return replace(config, samples_per_gpu=samples, accumulation=rounds)


def _steps(kimg: float | None, dataset: str, batch: int) -> int:
    from sherf_core.train.job import usual_images

    images = usual_images(dataset) if kimg is None else round(kimg * 1000)
    return max(1, -(-images // batch))


def options_of(wishes: Wishes, resolved: ResolvedProfile, plan: Plan, program: Mapping[str, str]) -> TrainOptions:
    """What the training is asked to do."""
    from sherf_core.data import locations
    from sherf_core.train.job import TrainOptions

    paths = resolved.profile.paths
    roots = None
    if paths.assets is not None:
        roots = (Path(paths.assets).expanduser(), *locations.search_roots())
    return TrainOptions(
        config=plan.config,
        folder=Path.cwd(),
        roots=roots,
        dataset=wishes.dataset,
        data=data_of(wishes, resolved),
        body=wishes.body,
        out=wishes.out,
        runs=None if paths.output is None else Path(paths.output).expanduser(),
        resume=wishes.resume,
        device=resolved.profile.device,
        profile=resolved.name,
        program=program,
    )


def dataset_of(wishes: Wishes, resolved: ResolvedProfile) -> str:
    """The name of the data set that will be trained on; its files are looked into later."""
    from sherf_core.data import locations
    from sherf_core.data.discover import user_files
    from sherf_core.data.splits import DEMO, RENDERPEOPLE

    if wishes.dataset is not None:
        return wishes.dataset
    found = data_of(wishes, resolved) is not None or user_files(locations.search_roots()).data is not None
    return RENDERPEOPLE.dataset if found else DEMO.dataset


def data_of(wishes: Wishes, resolved: ResolvedProfile) -> Path | None:
    """The data folder that was asked for: by an option, or by the profile where the demo was not asked for."""
    if wishes.data is not None:
        return wishes.data
    folder = resolved.profile.paths.data
    return None if folder is None or wishes.dataset == "demo" else Path(folder).expanduser()


def settings_of(wishes: Wishes, resolved: ResolvedProfile, plan: Plan, job: TrainJob) -> list[Setting]:
    """Every setting of a prepared training with its source."""
    profile, named = resolved.profile, f"profile {resolved.name}"
    on_cpu = profile.device == "cpu"
    usual = "ships with the program" if job.dataset == "demo" else "found in its usual place"

    def chosen(name: str, value: object, wish: object, otherwise: str) -> Setting:
        return Setting(name, str(value), otherwise if wish is None else f"option --{name}")

    def of_profile(field: str) -> str:
        reason = resolved.reasons.get(field)
        return f"{named}: {reason}" if reason else named

    count = plan.launch.processes
    listed = [
        Setting("profile", wishes.profile, f"option --profile; {resolved.file}" if resolved.file else "the default"),
        Setting("device", profile.device, of_profile("device")),
        chosen("processes", count, wishes.processes, "the default")
        if on_cpu
        else chosen("gpus", count, wishes.gpus, of_profile("gpus")),
        chosen("nodes", plan.launch.nodes, wishes.nodes, named),
        chosen(
            "launcher",
            plan.launcher,
            wishes.launcher,
            of_profile("launcher") if plan.launcher == profile.launcher else "several processes",
        ),
        chosen("dataset", job.dataset, wishes.dataset, "by the data that is there"),
        chosen("data", job.sources.data, wishes.data, usual),
        chosen("body", job.sources.body or "embedded free body", wishes.body, usual),
        chosen("out", job.path, wishes.out, f"{named}: paths.output" if profile.paths.output else "the usual folder"),
        Setting("resume", wishes.resume, "goes on from the newest checkpoint there, if there is one")
        if wishes.resume == "auto"
        else Setting("resume", wishes.resume, "option --resume"),
        Setting("effective batch", str(plan.batch), batch_words(plan)),
        Setting("images", f"{plan.config.steps * plan.batch:,}", "steps x effective batch"),
    ]
    return listed + _config_settings(wishes, resolved, plan)


def batch_words(plan: Plan) -> str:
    """Where the effective batch comes from."""
    launch, config = plan.launch, plan.config
    counts = [
        (launch.nodes, "computer"),
        (launch.processes, "process"),
        (config.samples_per_gpu, "sample"),
        (config.accumulation, "round"),
    ]
    shown = counts if launch.nodes > 1 else counts[1:]
    words = " x ".join(f"{count} {word}{_plural(word, count)}" for count, word in shown)
    return words if plan.batch == 4 else f"{words}; the published one is 4"


def _plural(word: str, count: int) -> str:
    return "" if count == 1 else "es" if word.endswith("s") else "s"


def _config_settings(wishes: Wishes, resolved: ResolvedProfile, plan: Plan) -> list[Setting]:
    from sherf_core.train.config import TrainConfig

    usual = flat(TrainConfig().as_dict())
    found = []
    for name, value in flat(plan.config.as_dict()).items():
        source = "the default"
        if name in wishes.set_names:
            source = "option --set"
        elif name == "steps":
            source = "option --steps" if wishes.steps else "option --kimg" if wishes.kimg else "the data set's length"
        elif name == "resolution" and wishes.resolution is not None:
            source = "option --resolution"
        elif name in OF_PROFILE:
            kept = value == getattr(resolved.profile.training, name)
            source = f"profile {resolved.name}" if kept else "keeps the profile's effective batch"
            if kept and (reason := resolved.reasons.get(f"training.{name}")):
                source = f"{source}: {reason}"
        elif value != usual[name]:
            source = "follows from the others"
        found.append(Setting(name, "none" if value is None else str(value), source))
    return found


def command_of(wishes: Wishes, plan: Plan, job: TrainJob, *, launcher: str | None = None) -> list[str]:
    """The command that trains the same again, whatever will lie in the usual places then."""
    from sherf_core.data.discover import EMBEDDED
    from sherf_core.train.config import TrainConfig

    words = ["run", "train", "--profile", wishes.profile, "--dataset", job.dataset, "--data", str(job.sources.data)]
    words += ["--body", str(job.sources.body) if job.sources.body else EMBEDDED]
    words += ["--processes" if job.options.device == "cpu" else "--gpus", str(plan.launch.processes)]
    words += ["--nodes", str(plan.launch.nodes), "--launcher", launcher or plan.launcher]
    if plan.launcher != "slurm":
        words += ["--rdzv-endpoint", plan.launch.endpoint] if plan.launch.endpoint else []
        words += ["--node-rank", str(plan.launch.node_rank)] if plan.launch.node_rank is not None else []
    config, usual = flat(plan.config.as_dict()), flat(TrainConfig().as_dict())
    words += ["--steps", str(config["steps"]), "--resolution", str(config["resolution"])]
    for name, value in config.items():
        if name not in {"steps", "resolution"} and (name in OF_PROFILE or value != usual[name]):
            words += ["--set", f"{name}={_text(value)}"]
    return [*words, "--out", str(job.path), *(["--resume", wishes.resume] if wishes.resume else [])]


def shown_command(words: list[str]) -> str:
    """As a user types it."""
    return shlex.join(["sherfctl", *words])


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values by dotted names, as --set takes them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            found[name] = value
    return found


def _text(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

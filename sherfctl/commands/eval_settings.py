"""The settings of an evaluation: what the user asked for, what the profile says, and where each value comes from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sherfctl.commands.eval_checks import blocked_by
from sherfctl.console import Console, Status

if TYPE_CHECKING:
    from checks import Finding
    from profiles import ResolvedProfile
    from sherf_core.evaluate.job import Job, Options


@dataclass(frozen=True)
class Wishes:
    """The command line's options; None where the user left one out."""

    profile: str
    dataset: str | None
    data: Path | None
    checkpoint: str | None
    body: str | None
    subjects: tuple[str, ...]
    resolution: int | None
    stats: Literal["sample", "running"]
    out: Path | None
    limit: int | None
    gpus: int | None = None
    processes: int | None = None


@dataclass(frozen=True)
class Setting:
    """A value as it is used, and where it comes from."""

    name: str
    value: str
    source: str


def options_of(wishes: Wishes, resolved: ResolvedProfile, program: Mapping[str, str]) -> Options:
    """What the evaluation is asked to do: options first, then the profile's values."""
    from sherf_core.data import locations
    from sherf_core.evaluate.job import Options

    profile = resolved.profile
    roots = None
    if profile.paths.assets is not None:
        roots = (Path(profile.paths.assets).expanduser(), *locations.search_roots())
    return Options(
        folder=Path.cwd(),
        roots=roots,
        dataset=wishes.dataset,
        data=_data(wishes, resolved),
        body=wishes.body,
        checkpoint=wishes.checkpoint,
        subjects=wishes.subjects,
        resolution=wishes.resolution,
        resolution_limit=profile.evaluation.resolution,
        statistics=wishes.stats,
        out=wishes.out,
        runs=None if profile.paths.output is None else Path(profile.paths.output).expanduser(),
        limit=wishes.limit,
        device=profile.device,
        precision=profile.evaluation.precision,
        points_per_chunk=profile.evaluation.points_per_chunk,
        profile=resolved.name,
        program=program,
    )


def processes_of(wishes: Wishes, resolved: ResolvedProfile) -> int:
    """How many processes share the pictures: one for each GPU that is asked for, or so many on the CPU.

    Raises:
        ConfigurationError: GPUs are asked for on the CPU, or processes on a GPU.
    """
    from sherf_core.errors import ConfigurationError

    on_cpu = resolved.profile.device == "cpu"
    if wishes.gpus is not None and on_cpu:
        raise ConfigurationError(
            f"--gpus {wishes.gpus}, and profile {resolved.name} computes on the CPU",
            fix="leave it out, or share the pictures among processes: --processes N",
            code="RUN.GPUS",
        )
    if wishes.processes is not None and not on_cpu:
        raise ConfigurationError(
            f"--processes {wishes.processes}, and profile {resolved.name} computes on a GPU",
            expected="one process for each GPU",
            fix="--gpus N, or --profile cpu",
        )
    return (wishes.processes if on_cpu else wishes.gpus) or 1


def settings_of(wishes: Wishes, resolved: ResolvedProfile, job: Job) -> list[Setting]:
    """Every setting of a prepared evaluation with its source."""
    from profiles.store import AUTO

    profile, evaluation = resolved.profile, resolved.profile.evaluation
    named = f"profile {resolved.name}"

    def of_profile(name: str, value: object, field: str) -> Setting:
        reason = resolved.reasons.get(field)
        return Setting(name, str(value), f"{named}: {reason}" if reason else named)

    def chosen(name: str, value: object, wish: object, otherwise: str) -> Setting:
        return Setting(name, str(value), otherwise if wish is None else f"option --{name}")

    sources = job.sources
    usual = "found in its usual place" if job.sources.split.dataset != "demo" else "ships with the program"
    if wishes.data is None and _data(wishes, resolved) is not None:
        usual = f"{named}: paths.data"
    side = job.reader.resolution
    limited = side == evaluation.resolution and side < sources.split.resolution
    out = "the usual folder" if profile.paths.output is None else f"{named}: paths.output"
    asked = "the default: made for this machine"
    if wishes.profile != AUTO:
        asked = f"option --profile; {resolved.name} is {resolved.file}"
    return [
        Setting("profile", wishes.profile, asked),
        of_profile("device", job.options.device, "device"),
        of_profile("precision", evaluation.precision, "evaluation.precision"),
        of_profile("points per chunk", evaluation.points_per_chunk, "evaluation.points_per_chunk"),
        chosen("resolution", side, wishes.resolution, named if limited else "the data set's own"),
        chosen("dataset", job.plan.dataset, wishes.dataset, "by the data that is there"),
        chosen("data", sources.data, wishes.data, usual),
        chosen("body", job.files["body"], wishes.body, "ships with the program" if sources.body is None else usual),
        chosen("checkpoint", job.files["checkpoint"], wishes.checkpoint, usual),
        Setting("stats", wishes.stats, "the published evaluation's" if wishes.stats == "sample" else "option --stats"),
        chosen("subjects", ", ".join(job.plan.subjects), wishes.subjects or None, "the split's test"),
        chosen("processes", processes_of(wishes, resolved), wishes.processes, "the default")
        if resolved.profile.device == "cpu"
        else chosen("gpus", processes_of(wishes, resolved), wishes.gpus, "the default"),
        chosen("limit", wishes.limit or "none", wishes.limit, "the default"),
        Setting("pictures", str(len(job.plan.items)), "follows from subjects and limit"),
        chosen("out", job.folder.path, wishes.out, out),
    ]


def command_of(wishes: Wishes, job: Job) -> str:
    """The command that does the same again, whatever will lie in the usual places then."""
    from sherf_core.data.discover import EMBEDDED, WeightKind

    weights = {WeightKind.DEMO: EMBEDDED, WeightKind.UNTRAINED: WeightKind.UNTRAINED.value}
    words: list[str] = ["sherfctl", "run", "eval", "--profile", wishes.profile, "--dataset", job.plan.dataset]
    words += ["--data", str(job.sources.data)]
    words += ["--body", str(job.sources.body) if job.sources.body else EMBEDDED]
    words += ["--checkpoint", weights.get(job.sources.weights) or str(job.sources.checkpoint)]
    words += ["--resolution", str(job.reader.resolution), "--stats", wishes.stats]
    if wishes.subjects:
        words += ["--subjects", ",".join(job.plan.subjects)]
    for name in ("gpus", "processes"):
        if getattr(wishes, name) is not None:
            words += [f"--{name}", str(getattr(wishes, name))]
    if wishes.limit is not None:
        words += ["--limit", str(wishes.limit)]
    return shlex.join([*words, "--out", str(job.folder.path)])


def show_plan(
    console: Console,
    job: Job,
    resolved: ResolvedProfile,
    settings: Sequence[Setting],
    command: str,
    blockers: Sequence[Finding],
) -> None:
    """The resolved configuration, the command that repeats it, and what would stop it; nothing is computed."""
    described = job.describe()
    if console.json_mode:
        console.document(
            {
                "dry_run": True,
                **described,
                "launch": resolved.as_dict(),
                "resolved": {one.name.replace(" ", "_"): {"value": one.value, "from": one.source} for one in settings},
                "command": command,
                "blocked_by": blocked_by(blockers),
            }
        )
        return
    for one in settings:
        console.fields([(f"{one.name}:", one.value)])
        console.say(one.source, indent=4)
    console.fields([("lpips:", described["lpips"])])
    if resolved.other_machine:
        console.item(Status.WARN, resolved.other_machine)
    for note in (*resolved.notes, *described["notes"]):
        console.item(Status.INFO, note)
    for finding in blockers:
        console.item(Status.FAIL, f"would be refused: {finding.title} [{finding.id}]")
    console.say("The same again:")
    console.command(command)
    console.say("dry run: nothing was computed")


def _data(wishes: Wishes, resolved: ResolvedProfile) -> Path | None:
    """The data folder that was asked for: by an option, or by the profile where the demo was not asked for."""
    if wishes.data is not None:
        return wishes.data
    folder: Any = resolved.profile.paths.data
    return None if folder is None or wishes.dataset == "demo" else Path(folder).expanduser()

"""`sherfctl run train`: the published recipe on whatever there is."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sherfctl import __version__
from sherfctl.commands.datasets import DatasetName
from sherfctl.console import Console, console_of
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from profiles import ResolvedProfile
    from sherf_core.train.job import TrainJob
    from sherfctl.commands.train_settings import Plan, Wishes


class LauncherName(str, Enum):
    """What starts the processes."""

    DIRECT = "direct"
    TORCHRUN = "torchrun"
    SLURM = "slurm"


def run_train(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(help="How to run: auto, a profile's name (see `sherfctl profiles list`), or a .yaml file.")
    ] = "auto",
    dataset: Annotated[
        DatasetName | None,
        typer.Option(
            case_sensitive=False,
            help="What to train on; by default RenderPeople if its data is found, else the people that ship.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data set's folder.")] = None,
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="The SMPL body model; 'embedded' for the free one.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="GPUs of each computer, one process each [default: profile].")
    ] = None,
    nodes: Annotated[int | None, typer.Option(min=1, metavar="M", help="Computers [default: the profile's].")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="On a CPU: processes of each computer [default: 1].")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Length in steps [default: 800 kimg; the demo 0.4].")
    ] = None,
    kimg: Annotated[float | None, typer.Option(min=0.001, metavar="N", help="Length in thousands of pictures.")] = None,
    resolution: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Side of the pictures in pixels [default: the profile's].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder [default: runs/train-DATASET].")
    ] = None,
    resume: Annotated[
        str,
        typer.Option(
            metavar="auto|no|PATH",
            help="Go on from the newest checkpoint in the output folder, begin anew, or go on from this checkpoint.",
        ),
    ] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any constant of the recipe, such as loss.mse=50; repeatable."),
    ] = None,
    launcher: Annotated[
        LauncherName | None, typer.Option(help="What starts the processes [default: the profile's].")
    ] = None,
    print_script: Annotated[
        bool, typer.Option("--print", help="With --launcher slurm: show the batch script, submit nothing.")
    ] = False,
    endpoint: Annotated[
        str, typer.Option("--rdzv-endpoint", metavar="HOST:PORT", help="Several computers: where they meet.")
    ] = "",
    node_rank: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Several computers: this one's number, 0 is where they meet.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, where each setting comes from, and stop.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on past findings that block; the run's document says so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Train the model by the published recipe, on a CPU, one GPU, several, or a cluster.

    Checkpoints, the log and pictures go into the output folder. A training that was stopped, by Ctrl-C, a crash or a
    session's end, goes on from its newest checkpoint when it is started again. Where the doctor finds what blocks it,
    it is not started.
    """
    from dataclasses import replace

    from sherfctl.commands.eval_checks import refuse, torch_blockers, unready

    console = console_of(context)
    console.use_json(as_json)
    lacking = unready()
    if lacking:
        return refuse(console, lacking, forcible=False)
    from checks import machine_facts

    facts = machine_facts()
    lacking = torch_blockers(facts)
    if lacking:
        return refuse(console, lacking, forcible=False)
    from sherf_core.train.job import prepare
    from sherfctl.commands.train_checks import blockers_of
    from sherfctl.commands.train_plan import announce, show_plan, submit_job
    from sherfctl.commands.train_settings import Wishes, dataset_of, options_of, plan_of

    wishes = Wishes(
        profile=profile,
        dataset=dataset.value if dataset else None,
        data=data,
        body=body,
        gpus=gpus,
        nodes=nodes,
        processes=processes,
        steps=steps,
        kimg=kimg,
        resolution=resolution,
        out=out,
        resume=_resume(resume),
        settings=tuple(settings or ()),
        launcher=launcher.value if launcher else None,
        endpoint=endpoint,
        node_rank=node_rank,
    )
    resolved = _resolve(wishes, facts)
    plan = plan_of(wishes, resolved, dataset_of(wishes, resolved))
    if print_script and plan.launcher != "slurm":
        raise typer.BadParameter("it shows a batch script: use it with --launcher slurm", param_hint="--print")
    job = prepare(options_of(wishes, resolved, plan, program={"sherfctl": __version__}))
    blockers = blockers_of(job, facts, plan)
    if force:
        forced = tuple(finding.id for finding in blockers)
        job = replace(job, options=replace(job.options, forced=forced))
    if dry_run:
        show_plan(console, wishes, resolved, plan, job, blockers)
        return ExitCode.FAILED if blockers and not force else ExitCode.FINE
    if blockers and not force:
        return refuse(console, blockers)
    for finding in blockers:
        console.warn(f"forced past {finding.id}: {finding.title}")
    if plan.launcher == "slurm":
        return submit_job(console, wishes, resolved, plan, job, print_only=print_script, force=force)
    announce(console, resolved, plan, job, facts)
    return _train(console, plan, job)


def _resume(text: str) -> str:
    if text in {"auto", "no"}:
        return text
    path = Path(text)
    if not path.is_dir():
        raise typer.BadParameter(f"'{text}' is neither auto nor no nor a checkpoint's folder", param_hint="--resume")
    return str(path.absolute())


def _resolve(wishes: Wishes, facts: Any) -> ResolvedProfile:
    """The profile; one for a cluster is taken as it stands, whatever this computer has."""
    from checks import Purpose
    from profiles import UnknownProfileError, resolve_profile
    from profiles.resolver import as_written
    from profiles.store import AUTO

    in_job = bool(os.environ.get("SLURM_JOB_ID"))
    name = "slurm" if wishes.launcher == "slurm" and wishes.profile == AUTO else wishes.profile
    try:
        resolved = resolve_profile(name, facts, Purpose("train", wishes.dataset or "demo", wishes.data, wishes.gpus))
        asked = wishes.launcher or ("" if in_job else resolved.profile.launcher)
        if name == AUTO:
            on_login_node = asked == "slurm" and resolved.profile.device == "cpu"
            return as_written("slurm") if on_login_node else resolved
        written = as_written(name)
    except UnknownProfileError as error:
        from sherfctl.commands.profiles import unknown_profile

        raise unknown_profile(error) from error
    # A cluster's login node has no GPU; its other nodes fit the profile to theirs.
    for_cluster = (wishes.launcher or ("" if in_job else written.profile.launcher)) == "slurm"
    return written if for_cluster else resolved


def _train(console: Console, plan: Plan, job: TrainJob) -> ExitCode:
    """Train behind a progress bar, and say what came of it."""
    from sherf_core.train.launch import Stopped
    from sherfctl.commands.train_progress import TrainProgress

    count = plan.launch.world_size
    kind = "CPU" if job.options.device == "cpu" else "GPU"
    where = f"this {kind}" if count == 1 else f"{count} {'processes' if kind == 'CPU' else 'GPUs'}"
    try:
        with console.progress("training", job.options.config.steps, "steps") as progress:
            summary = job.run(plan.launch, TrainProgress(console, progress, where))
    except Stopped as stopped:
        saved = any(job.path.glob("checkpoints/checkpoint-*"))
        where = f"a checkpoint is in {job.path}, and the same command goes on from there"
        console.note(f"stopped; {where}" if saved else "stopped before the first step; nothing was lost")
        return ExitCode(128 + stopped.number)
    except KeyboardInterrupt:
        console.note(f"stopped at once; the same command goes on from the newest checkpoint in {job.path}")
        raise
    if console.json_mode:
        console.document({"out": str(job.path), **job.describe(), **summary})
        return ExitCode.FINE
    console.command(job.summary_line(summary), indent=0)
    if summary.get("checkpoint"):
        console.command(f"weights: {summary['checkpoint']}/weights.safetensors", indent=0)
    return ExitCode.FINE

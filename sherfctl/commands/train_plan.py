"""What a training says before it starts: the plan with its sources, what it costs; and the batch job of a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sherfctl.console import Console
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from profiles import ResolvedProfile
    from sherf_core.train.job import TrainJob
    from sherfctl.commands.train_settings import Plan, Wishes


def announce(console: Console, resolved: ResolvedProfile, plan: Plan, job: TrainJob, facts: Any) -> None:
    """What is about to be done and what it costs, before it takes time."""
    from sherfctl.commands.train_progress import cost_words, gpu_names
    from sherfctl.commands.train_settings import batch_words

    if resolved.other_machine:
        console.warn(resolved.other_machine)
    for note in (*resolved.notes, *job.notes()):
        console.note(note)
    config = job.options.config
    images = config.steps * plan.batch
    console.note(
        f"{job.dataset}: {len(job.pairs):,} pictures of {len(job.pairs.subjects)} people at {config.resolution}x"
        f"{config.resolution}, {config.steps:,} steps of {plan.batch} ({batch_words(plan)}), {config.precision}, "
        f"profile {resolved.name} ({resolved.profile.device})"
    )
    if plan.batch != resolved.profile.training.effective_batch:
        console.warn(f"the effective batch is {plan.batch}, the published one 4: the result will be another")
    cost = cost_words(plan, job.options.device, gpu_names(facts), images)
    if cost:
        console.note(cost)


def submit_job(
    console: Console,
    wishes: Wishes,
    resolved: ResolvedProfile,
    plan: Plan,
    job: TrainJob,
    *,
    print_only: bool,
    force: bool,
) -> ExitCode:
    """Write the batch script and hand it to the cluster; or show it."""
    import sys
    from dataclasses import replace

    from profiles.schema import Slurm
    from sherf_core.train.slurm import SlurmJob, submit
    from sherfctl.commands.train_settings import command_of

    asked = resolved.profile.slurm or Slurm()
    words = command_of(replace(wishes, profile=resolved.requested, resume=""), plan, job, launcher="torchrun")
    script = SlurmJob(
        name=re.sub(r"[^\w.-]", "-", f"sherf-{job.dataset}"),
        nodes=plan.launch.nodes,
        processes=plan.launch.processes,
        on_gpus=job.options.device == "cuda",
        cpus_per_process=asked.cpus_per_task,
        time=asked.time,
        memory_gib=asked.memory_gib,
        partition=asked.partition,
        account=asked.account,
        folder=job.path,
        work=Path.cwd(),
        command=[sys.executable, "-m", "sherfctl", *words, *(["--force"] if force else [])],
        resume=wishes.resume,
    )
    if print_only:
        if console.json_mode:
            console.document({"script": script.script(), "submitted": None})
        console.command(script.script().rstrip("\n"), indent=0)
        return ExitCode.FINE
    path = script.write()
    number = submit(path)
    if console.json_mode:
        console.document({"script": str(path), "submitted": number})
    console.say(f"submitted as job {number}; its output: {job.path / f'slurm-{number}.log'}")
    console.say(f"script: {path}")
    return ExitCode.FINE


def show_plan(
    console: Console, wishes: Wishes, resolved: ResolvedProfile, plan: Plan, job: TrainJob, blockers: Any
) -> None:
    """The resolved configuration, the command that repeats it, and what would stop it; nothing is computed."""
    from sherfctl.commands.eval_checks import blocked_by
    from sherfctl.commands.train_settings import command_of, settings_of, shown_command
    from sherfctl.console import Status

    settings = settings_of(wishes, resolved, plan, job)
    command = shown_command(command_of(wishes, plan, job))
    torchrun = plan.launch.words(job.path / "ranks" / "START" / "job.json") if plan.launcher == "torchrun" else None
    if console.json_mode:
        console.document(
            {
                "dry_run": True,
                **job.describe(),
                "launch": resolved.as_dict(),
                "effective_batch": plan.batch,
                "resolved": {one.name.replace(" ", "_"): {"value": one.value, "from": one.source} for one in settings},
                "command": command,
                "torchrun": torchrun,
                "blocked_by": blocked_by(blockers),
            }
        )
        return
    for one in settings:
        console.fields([(f"{one.name}:", one.value)])
        console.say(one.source, indent=4)
    if resolved.other_machine:
        console.item(Status.WARN, resolved.other_machine)
    for note in (*resolved.notes, *job.notes()):
        console.item(Status.INFO, note)
    for finding in blockers:
        console.item(Status.FAIL, f"would be refused: {finding.title} [{finding.id}]")
    console.say("The same again:")
    console.command(command)
    if torchrun:
        console.say("It starts the processes by:")
        console.command(" ".join(torchrun))
    console.say("dry run: nothing was computed")

"""`sherfctl run eval`: new views and poses of people from one picture, measured."""

from __future__ import annotations

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
    from sherf_core.evaluate.job import Job
    from sherf_core.evaluate.store import RunFolder


class StatisticsName(str, Enum):
    """BatchNorm statistics."""

    SAMPLE = "sample"
    RUNNING = "running"


def run_eval(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(help="How to run: auto, a profile's name (see `sherfctl profiles list`), or a .yaml file.")
    ] = "auto",
    dataset: Annotated[
        DatasetName | None,
        typer.Option(
            case_sensitive=False, help="What to evaluate; by default RenderPeople if its data is found, else the demo."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data set's folder.")] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Trained weights (.safetensors); 'embedded' or 'untrained' without a file."),
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="The SMPL body model; 'embedded' for the free one.")
    ] = None,
    subjects: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Subjects (names or places in the list, with commas) instead of the test's."
        ),
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=1, metavar="N", help="Side of the pictures in pixels.")] = None,
    stats: Annotated[
        StatisticsName,
        typer.Option(help="BatchNorm statistics: of each sample (the published evaluation) or the running ones."),
    ] = StatisticsName.SAMPLE,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Output folder [default: runs/eval-DATASET; with --limit or --subjects runs/eval-DATASET-partial].",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Make the first N pictures only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, where each setting comes from, and stop.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on past findings that block; the run's document says so.")
    ] = False,
) -> ExitCode:
    """Make new views and poses of people from one picture each, and measure them.

    With no option it runs the embedded demo, or the RenderPeople test if its data, weights and body are found.
    An interrupted run goes on where it stopped when it is started again. Where the doctor finds what blocks the run,
    it is not started.
    """
    from dataclasses import replace

    from sherfctl.commands.eval_checks import blockers_of, refuse, refuse_all, torch_blockers, unready

    console = console_of(context)
    console.use_json(as_json)
    lacking = unready()
    if lacking:
        return refuse(console, lacking, forcible=False)
    from checks import Purpose, machine_facts
    from profiles import UnknownProfileError, resolve_profile
    from sherf_core.evaluate.job import missing_files, prepare
    from sherfctl.commands.eval_settings import Wishes, command_of, options_of, settings_of, show_plan

    wishes = Wishes(
        profile=profile,
        dataset=dataset.value if dataset else None,
        data=data,
        checkpoint=checkpoint,
        body=body,
        subjects=tuple(name.strip() for names in subjects or () for name in names.split(",") if name.strip()),
        resolution=resolution,
        stats=stats.value,
        out=out,
        limit=limit,
    )
    facts = machine_facts()
    try:
        resolved = resolve_profile(profile, facts, Purpose("eval"))
    except UnknownProfileError as error:
        from sherfctl.commands.profiles import unknown_profile

        raise unknown_profile(error) from error
    lacking = torch_blockers(facts)
    if lacking:
        return refuse(console, lacking, forcible=False)
    options = options_of(wishes, resolved, program={"sherfctl": __version__})
    missing = missing_files(options)
    if len(missing) > 1:
        return refuse_all(console, missing)
    job = prepare(options)
    blockers = blockers_of(job, facts)
    if force:
        forced = tuple(finding.id for finding in blockers)
        job = replace(job, options=replace(job.options, forced=forced))
    if dry_run:
        show_plan(console, job, resolved, settings_of(wishes, resolved, job), command_of(wishes, job), blockers)
        return ExitCode.FAILED if blockers and not force else ExitCode.FINE
    if blockers and not force:
        return refuse(console, blockers)
    for finding in blockers:
        console.warn(f"forced past {finding.id}: {finding.title}")
    _announce(console, job, resolved)
    document = _run(console, job)
    if as_json:
        console.document({"out": str(job.folder.path), **document})
        return ExitCode.FINE
    # Not wrapped: one line for people who grep, and a path that can be copied.
    console.command(document["summary"], indent=0)
    console.command(f"report: {job.folder.path / 'report.html'}", indent=0)
    return ExitCode.FINE


def _run(console: Console, job: Job) -> dict[str, Any]:
    """Run the job behind a progress bar; after Ctrl-C say how to go on."""
    from sherf_core.evaluate.document import number
    from sherf_core.evaluate.results import ItemResult

    with console.progress("rendering", len(job.plan.items), "pictures") as progress:

        def on_item(result: ItemResult, resumed: bool) -> None:
            if resumed:
                progress.skip()
            else:
                progress.advance(note=f"PSNR {number('psnr', result.measurements['paper']['psnr'].value)}")

        try:
            document = job.run(on_item, lambda folder: _tell_moved(console, folder))
        except KeyboardInterrupt:
            console.note(
                f"{progress.done} of {len(job.plan.items)} pictures are stored in {job.folder.path}; "
                "the same command goes on from there"
            )
            raise
    for note in document["notes"]:
        console.note(f"note: {note}")
    if job.vgg is None:
        console.note(f"LPIPS {job.describe()['lpips']}")
    return document


def _tell_moved(console: Console, folder: RunFolder) -> None:
    """Say where an earlier run went, at once: whatever happens later, its files are there."""
    if folder.moved():
        console.note(folder.moved())


def _announce(console: Console, job: Job, resolved: ResolvedProfile) -> None:
    """What is about to be done, before it takes time."""
    from sherf_core.evaluate.document import HONEST

    if resolved.other_machine:
        console.warn(resolved.other_machine)
    for note in (*resolved.notes, *job.sources.notes):
        console.note(note)
    plan = job.plan
    console.note(
        f"{plan.dataset}: {len(plan.items)} pictures of {len(plan.subjects)} "
        f"{'person' if len(plan.subjects) == 1 else 'people'} at {job.reader.resolution}x{job.reader.resolution} "
        f"pixels, profile {resolved.name} ({resolved.profile.device})"
    )
    if plan.missing:
        console.warn(f"{plan.missing} frames are missing on disk; {plan.skipped} pictures are skipped because of them")
    if HONEST[job.weights]:
        console.warn(HONEST[job.weights])

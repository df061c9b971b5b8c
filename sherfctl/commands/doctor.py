"""`sherfctl doctor`: what this machine can run, what not, and what mends it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from sherfctl.commands.datasets import AnyDatasetName
from sherfctl.commands.doctor_work import Wishes, examine, list_checks
from sherfctl.console import console_of
from sherfctl.exit_codes import ExitCode

# What cannot be asked for together: what is meant could only be guessed.
CONFLICTS = (
    ("--quick", "--deep"),
    ("--quick", "--fix"),
    ("--dry-run", "--yes"),
    *(("--snapshot", other) for other in ("--fix", "--quick", "--deep", "--data", "--bundle")),
    *(
        ("--list", other)
        for other in ("--fix", "--quick", "--deep", "--data", "--bundle", "--snapshot", "--save-snapshot")
    ),
    *(("--list", other) for other in ("--write-profile", "--strict", "--for", "--dataset", "--gpus", "--profile")),
)
NEEDS = (("--dry-run", "--fix"), ("--yes", "--fix"))


class ActionName(str, Enum):
    """What the user wants to do."""

    EVAL = "eval"
    TRAIN = "train"


def doctor(
    context: typer.Context,
    action: Annotated[ActionName | None, typer.Option("--for", help="What you want to do.  [default: eval]")] = None,
    dataset: Annotated[
        AnyDatasetName | None,
        typer.Option(
            metavar="NAME",
            help="demo, RenderPeople, THuman, HuMMan or ZJU-MoCap.  [default: RenderPeople if it is there, else demo]",
            case_sensitive=False,
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data set's folder.", metavar="DIR")] = None,
    gpus: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many GPUs you want to use.")] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask about this launch profile's GPUs and arithmetic.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only these checks; SMPL means all of SMPL.*; repeat it, or use commas."),
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="ID", help="Not these checks.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Start no other process: torch is not asked.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every picture of the data set, with progress.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are warnings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended: shows the plan, asks, can be undone.")
    ] = (False),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --fix: show the plan, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a zip for a bug report, without names and secrets.")
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Diagnose recorded facts, not this machine; - reads them.")
    ] = None,
    save_snapshot: Annotated[Path | None, typer.Option(metavar="FILE", help="Record the facts in a new file.")] = None,
    write_profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a launch profile that fits the machine.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List the checks: id, group, title.")] = False,
) -> ExitCode:
    """Say what this machine can run, what not, and what mends it.

    Exit codes: 0 fine, 1 something blocks, 2 wrong usage, 3 warnings with --strict, 4 a defect of sherfctl,
    130 interrupted.
    """
    given = {
        "--for": action,
        "--dataset": dataset,
        "--data": data,
        "--gpus": gpus,
        "--profile": profile,
        "--quick": quick,
        "--deep": deep,
        "--strict": strict,
        "--fix": fix,
        "--dry-run": dry_run,
        "--yes": yes,
        "--bundle": bundle,
        "--snapshot": snapshot,
        "--save-snapshot": save_snapshot,
        "--write-profile": write_profile,
        "--list": list_only,
    }
    _refuse_nonsense({name for name, value in given.items() if value}, context)
    if data is not None and dataset is AnyDatasetName.DEMO:
        raise typer.BadParameter("--dataset demo and --data cannot be together: the demo has its own data", ctx=context)
    console = console_of(context)
    console.use_json(as_json)
    selected = _selection(only or [], skip or [], context) if only or skip else None
    if list_only:
        return list_checks(console, selected)
    return examine(
        console,
        Wishes(
            action="eval" if action is None else action.value,
            dataset=None if dataset is None else dataset.value,
            data=data,
            gpus=gpus,
            profile=profile,
            selected=selected,
            depth="quick" if quick else "deep" if deep else "normal",
            strict=strict,
            fix=fix,
            dry_run=dry_run,
            yes=yes,
            bundle=bundle,
            snapshot=snapshot,
            save_snapshot=save_snapshot,
            write_profile=write_profile,
        ),
    )


def _refuse_nonsense(given: set[str], context: typer.Context) -> None:
    for one, other in CONFLICTS:
        if one in given and other in given:
            raise typer.BadParameter(f"{one} and {other} cannot be together", ctx=context)
    for one, other in NEEDS:
        if one in given and other not in given:
            raise typer.BadParameter(f"{one} means nothing without {other}", ctx=context)


def _selection(only: list[str], skip: list[str], context: typer.Context) -> frozenset[str]:
    from checks.selection import UnknownCheckError, selected_checks

    try:
        selected = selected_checks(only, skip)
    except UnknownCheckError as error:
        raise typer.BadParameter(str(error), ctx=context, param_hint="'--only' / '--skip'") from error
    if not selected:
        raise typer.BadParameter("--skip leaves no check of those asked for", ctx=context)
    return selected

"""`sherfctl data check` and `sherfctl data example`: own pictures in a small JSON layout."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from sherfctl.console import Status, console_of
from sherfctl.exit_codes import ExitCode


def data_check(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with data.json.")],
    body: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The SMPL body model, if it is not in its usual place.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Look through your own data: every problem at once, with its place and what to do."""
    from sherf_core.data.own.check import check_own

    console = console_of(context)
    console.use_json(as_json)
    checked = check_own(folder, body)
    usable = checked.errors == 0 and checked.people > 0
    command = _command(folder, body) if usable else ""
    if as_json:
        document: dict[str, Any] = {
            "folder": str(folder),
            "usable": usable,
            "people": checked.people,
            "frames": checked.frames,
            "problems": [problem.as_dict() for problem in checked.problems],
            "body_inside_mask": checked.inside,
            "notes": list(checked.notes),
            "next": command or None,
        }
        console.document(document)
    for problem in checked.problems:
        place = f"{problem.file}: {problem.field}" if problem.field else str(problem.file)
        console.item(Status.FAIL if problem.severity == "error" else Status.WARN, f"{place}: {problem.found}")
        console.say(f"expected: {problem.expected}", indent=4)
        console.say(f"fix: {problem.fix}", indent=4)
    for note in checked.notes:
        console.item(Status.INFO, note)
    counts = f"{_count(checked.people, 'person', 'people')}, {_count(checked.frames, 'picture', 'pictures')}"
    if usable:
        console.item(Status.PASS, f"{folder} can be used: {counts}")
        console.command(command)
        return ExitCode.FINE
    console.item(Status.FAIL, f"{folder} cannot be used yet: {_count(checked.errors, 'problem', 'problems')}")
    return ExitCode.FAILED


def data_example(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Write a small example of own data, to imitate: two people of the demo."""
    from sherf_core.data.own.example import write_example

    console = console_of(context)
    console.use_json(as_json)
    file = write_example(folder)
    console.item(Status.PASS, f"wrote {file}")
    words = ["sherfctl", "data", "check", str(folder)]
    console.command(shlex.join(words))
    if as_json:
        console.document({"file": str(file), "next": shlex.join(words)})
    return ExitCode.FINE


def _command(folder: Path, body: Path | None) -> str:
    words = ["sherfctl", "run", "eval", "--dataset", "own", "--data", str(folder)]
    return shlex.join([*words, *(["--body", str(body)] if body else [])])


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

"""`sherfctl make-people`: a data set of synthetic people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sherfctl.console import Status, console_of
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sherf_core.data.people.writer import PeopleSettings


def make_people(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the data set; what is finished in it stays.")],
    subjects: Annotated[int, typer.Option(min=1, metavar="N", help="How many people.")] = 3,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Another seed, other people.")] = 0,
    views: Annotated[int, typer.Option(min=1, metavar="N", help="Cameras around each person.")] = 36,
    poses: Annotated[int, typer.Option(min=1, metavar="P", help="Poses of each person.")] = 3,
    size: Annotated[int, typer.Option(min=32, metavar="N", help="Side of the pictures in pixels.")] = 512,
    workers: Annotated[int, typer.Option(min=0, metavar="W", help="Processes; 0 is one a processor.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Write a data set of synthetic clothed people, free to use, in RenderPeople's layout."""
    import os

    from sherf_core.data.people.writer import PeopleSettings, write_people

    console = console_of(context)
    console.use_json(as_json)
    settings = PeopleSettings(seed=seed, views=views, poses=poses, size=size)
    kept: list[str] = []
    with console.progress("make people", total=subjects * settings.pictures, unit="pictures") as progress:

        def report(pictures: int, subject: str) -> None:
            if pictures < 0:
                kept.append(subject)
                progress.skip(settings.pictures)
            else:
                progress.advance(pictures, note=subject)

        names = write_people(out, subjects, settings, workers=workers or os.cpu_count() or 1, report=report)
    made = len(names) - len(kept)
    people = "person" if len(names) == 1 else "people"
    console.item(Status.PASS, f"{len(names)} {people} in {out} ({made} made, {len(kept)} were there)")
    command, obstacle = next_command(out, names, settings)
    if command:
        console.command(command)
    else:
        console.say(obstacle)
    if as_json:
        document = {"folder": str(out), "subjects": names, "made": made, "kept": len(kept), "next": command or None}
        console.document(document)
    return ExitCode.FINE


def next_command(folder: Path, names: Sequence[str], settings: PeopleSettings) -> tuple[str, str]:
    """The evaluation that fits these people, or "" and the reason why there is none.

    RenderPeople's split wants 480 people and the user's own body file, so it is always the demo's.
    """
    from sherf_core.data.splits import DEMO
    from sherf_core.evaluate.job import SMALLEST_RESOLUTION
    from sherf_core.evaluate.protocol import items_of

    frames = [frame for item in items_of(DEMO, names[0]) for frame in (item.observation, item.target)]
    least = {
        "views": 1 + max(view for _, _, view in frames),
        "poses": 1 + max(pose for _, pose, _ in frames),
        "size": SMALLEST_RESOLUTION,
    }
    short = {name: number for name, number in least.items() if getattr(settings, name) < number}
    if short:
        options = " ".join(f"--{name} {number}" for name, number in short.items())
        return "", f"`sherfctl run eval` cannot use these people: it wants at least {options} (in a new folder)"
    words = ["sherfctl", "run", "eval", "--dataset", DEMO.dataset, "--data", str(folder)]
    if len(names) < DEMO.listed_subjects:
        words += ["--subjects", ",".join(names)]
    if settings.size < DEMO.resolution:
        words += ["--resolution", str(settings.size)]
    return shlex.join(words), ""

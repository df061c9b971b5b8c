"""`sherfctl make-people`: a data set of synthetic people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sherfctl.console import Status, console_of
from sherfctl.exit_codes import ExitCode


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
    console.item(Status.PASS, f"{len(names)} people in {out} ({made} made, {len(kept)} were there)")
    console.command(f"sherfctl run eval --dataset RenderPeople --data {out}")
    if as_json:
        console.document({"folder": str(out), "subjects": names, "made": made, "kept": len(kept)})
    return ExitCode.FINE

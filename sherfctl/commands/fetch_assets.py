"""`sherfctl fetch-assets`: the files of others, fetched safely and put in place."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sherfctl.console import console_of
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sherf_core.assets.install import Installed
    from sherf_core.errors import SherfError
    from sherfctl.console import Console

ACTIONS = ("--from-file", "--watch", "--dry-run", "--verify", "--list")


class TrainedOn(str, Enum):
    """A data set that weights are published for."""

    RENDERPEOPLE = "RenderPeople"
    THUMAN = "THuman"
    HUMMAN = "HuMMan"
    ZJU_MOCAP = "ZJU-MoCap"


class AssetName(str, Enum):
    """An asset by its word on the command line."""

    SMPL = "smpl"
    SHERF = "sherf"
    RENDERPEOPLE = "renderpeople"
    THUMAN_PARAMS = "thuman-params"
    PERCEPTUAL = "perceptual"
    RESNET = "resnet"


def fetch_assets(
    context: typer.Context,
    names: Annotated[
        list[AssetName] | None, typer.Argument(metavar="ASSET", help="What to fetch; without any: what there is.")
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Take it from a file, zip archive or folder of yours.")
    ] = None,
    watch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wait for it in the folder that your browser saves to.")
    ] = None,
    accept_license: Annotated[
        list[AssetName] | None, typer.Option(metavar="ASSET", help="You have read this asset's licence and accept it.")
    ] = None,
    dataset: Annotated[
        TrainedOn | None, typer.Option(help="What SHERF weights were trained on, if their name does not say so.")
    ] = None,
    revision: Annotated[
        str, typer.Option(metavar="COMMIT", help="Another commit of a Hugging Face repository than the recorded one.")
    ] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder that gets assets/, models/ and data/.")] = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched; fetch nothing.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check sums and shapes of all that is in place.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Each asset: what for, its licence, is it here.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before large downloads (licences apart).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Fetch the SMPL body, SHERF weights, data and metrics' weights; check them and put them in place.

    Without arguments: what there is, and what to do next.
    """
    from sherf_core.assets.catalogue import asset, assets
    from sherf_core.assets.leftovers import sweep
    from sherf_core.assets.record import read_entries
    from sherfctl.commands import fetch_show, fetch_work

    asked = dict(zip(ACTIONS, (from_file is not None, watch is not None, dry_run, verify, list_all), strict=True))
    if sum(asked.values()) > 1:
        given = " and ".join(name for name, there in asked.items() if there)
        raise typer.BadParameter(f"{given} cannot go together: choose one", ctx=context)
    options = {"--yes": yes, "--accept-license": accept_license, "--dataset": dataset, "--revision": revision}
    needless = [name for name, there in options.items() if there]
    if needless and not (names or any(asked.values())):
        raise typer.BadParameter(
            f"{' and '.join(needless)} without an ASSET: say which (`sherfctl fetch-assets --list` names them)",
            ctx=context,
        )
    console = console_of(context)
    console.use_json(as_json)
    root = out.expanduser()
    wanted = list(dict.fromkeys(name.value for name in names or []))
    chosen = [asset(name) for name in wanted] or list(assets())
    if verify:
        return _verify(console, root, [entry.name for entry in chosen])
    if dry_run:
        fetch_show.show_plan(console, root, chosen, revision)
        return ExitCode.FINE
    if list_all or not (wanted or from_file or watch):
        fetch_show.show_list(console, root, chosen, whole=list_all)
        return ExitCode.FINE
    sweep(root)
    read_entries(root)  # a damaged record is said before anything is fetched or placed
    accepted = [name.value for name in accept_license or []]
    job = fetch_work.Job(console, root, accepted, dataset.value if dataset else "", revision, yes)
    done: list[Installed] = []
    failures: list[SherfError] = []
    if from_file is not None:
        done = fetch_work.take_file(job, from_file.expanduser(), wanted)
    elif watch is not None:
        done = fetch_work.wait_for(job, watch.expanduser(), wanted)
    else:
        for entry in chosen:
            with fetch_work.each(console, failures, alone=len(chosen) == 1):
                done += fetch_work.fetch(job, entry)
    return _finish(console, root, done, failures)


def _finish(console: Console, root: Path, done: list[Installed], failures: list[SherfError]) -> ExitCode:
    from sherfctl.commands.fetch_show import show_installed
    from sherfctl.failures import failure_of

    for installed in done:
        show_installed(console, installed, root / installed.entry.path)
    if console.json_mode:
        rows = [{**asdict(one.entry), "new": one.new, "note": one.note} for one in done]
        errors = [failure.as_dict() for error in failures if (failure := failure_of(error)) is not None]
        console.document({"root": str(root), "installed": rows, "errors": errors})
    return ExitCode.FAILED if failures else ExitCode.FINE


def _verify(console: Console, root: Path, wanted: list[str]) -> ExitCode:
    from sherf_core.assets.verify import verify
    from sherfctl.commands.fetch_show import show_verdicts

    with console.transfer("verify") as line:
        verdicts = verify(root, wanted, lambda path: line.wait(f"looking into {path}"))
    show_verdicts(console, root, verdicts)
    return ExitCode.FINE if all(verdict.fine for verdict in verdicts) else ExitCode.FAILED

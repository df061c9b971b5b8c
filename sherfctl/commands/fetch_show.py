"""What `fetch-assets` shows: the list, the plan, what was put in place, and what verification found."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sherf_core.assets.catalogue import Asset, asset, smpl_archive
from sherf_core.assets.space import nearest_folder
from sherf_core.errors import FetchError
from sherfctl.commands.fetch_licence import accepted_before
from sherfctl.console import Console, Status
from sherfctl.console.layout import size

if TYPE_CHECKING:
    from sherf_core.assets.install import Installed
    from sherf_core.assets.verify import Verdict

SHOWN = 5
SHERF_STEPS = (
    "1. Open https://github.com/skhu101/SHERF and follow its link to the pretrained models (OneDrive or Baidu; links "
    "have died before: issues 45 and 47 there ask for new ones).",
    "2. Save SHERF_RenderPeople.pkl (or SHERF_THuman.pkl, SHERF_HuMMan.pkl, SHERF_zju_mocap.pkl) with your browser.",
    "3. Let it be checked and put in place, while it comes or afterwards:",
)
SHERF_COMMANDS = (
    "sherfctl fetch-assets sherf --watch ~/Downloads",
    "sherfctl fetch-assets sherf --from-file ~/Downloads/SHERF_RenderPeople.pkl",
)


def show_list(console: Console, root: Path, chosen: Sequence[Asset], whole: bool) -> None:
    """Each asset and whether it is here: the whole of what is known of it, or a line each and what to do next."""
    rows = [_row(root, entry) for entry in chosen]
    console.heading(f"Assets in {root.resolve()}")
    for entry, row in zip(chosen, rows, strict=True):
        state = f"here: {', '.join(row['found'])}" if row["found"] else "not here"
        console.item(Status.PASS if row["found"] else Status.INFO, f"{entry.name}: {entry.title}, {state}")
        if whole:
            about = f" ({size(entry.bytes)})" if entry.bytes else ""
            licence = f"{entry.licence.name}; {entry.licence.page}"
            pairs = [("for", entry.purpose), ("licence", licence), ("goes to", f"{entry.place}{about}")]
            if row["accepted"]:
                pairs.append(("accepted", row["accepted"]))
            console.fields(pairs, indent=4)
    if not whole:
        _advise(console, [row["name"] for row in rows if not row["found"]])
    if console.json_mode:
        console.document({"root": str(root), "assets": rows})


def _advise(console: Console, missing: Sequence[str]) -> None:
    console.heading("Next")
    if not missing:
        console.say("All of them are here. `sherfctl fetch-assets --verify` looks into each.")
        return
    console.say("Nothing of this is needed for `sherfctl run eval --dataset demo`. For the paper's figures:")
    lines = {
        "smpl": "sherfctl fetch-assets smpl",
        "sherf": "sherfctl fetch-assets sherf --watch ~/Downloads",
        "renderpeople": "sherfctl fetch-assets renderpeople",
        "perceptual": "sherfctl fetch-assets perceptual",
    }
    for name, line in lines.items():
        if name in missing:
            console.command(line)
    console.say("--dry-run says what they would do; --list what each asset is for, and its licence.")


def _row(root: Path, entry: Asset) -> dict[str, Any]:
    return {**asdict(entry), "found": _found(root, entry.name), "accepted": accepted_before(entry)}


def _found(root: Path, name: str) -> list[str]:
    """Where an asset lies: under the root as the root has it, elsewhere in full."""
    from sherf_core.assets.dataset_places import PLACES
    from sherf_core.assets.recognise import TORCH_ASSETS
    from sherf_core.assets.torch_places import find_torch_file
    from sherf_core.assets.verify import usual_files

    paths = [path for asset_name, path in usual_files(root) if asset_name == name and path.exists()]
    if name in PLACES:
        folder = root / PLACES[name].folder
        pattern = "*/cameras.json" if name == "renderpeople" else "*/new_params_neutral"
        paths = [folder] if next(folder.glob(pattern), None) is not None else []
    elif name in TORCH_ASSETS and not paths:
        cached = find_torch_file(Path(asset(name).place).name, [])
        paths = [cached] if cached is not None else []
    return [_short(root, path) for path in paths]


def _short(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def show_plan(console: Console, root: Path, chosen: Sequence[Asset], revision: str) -> None:
    """What would be fetched from where, how large it is, where it goes, and whether there is room."""
    rows = [_plan(root, entry, revision) for entry in chosen]
    for row in rows:
        console.heading(f"{row['name']}: {row['title']}")
        needed = "unknown" if row["bytes"] is None else f"about {size(row['bytes'])}"
        room = "" if row["bytes"] is None else ", enough" if row["fits"] else ", NOT ENOUGH"
        pairs = [
            ("from", row["source"]),
            ("size", f"{needed}; {size(row['free'])} free{room}"),
            ("to", row["target"]),
            ("licence", row["licence"]),
        ]
        if row["found"]:
            pairs.append(("here", f"{', '.join(row['found'])}: would be checked, not fetched again"))
        if row["note"]:
            pairs.append(("note", row["note"]))
        console.fields(pairs, indent=2)
    console.say()
    console.say("Nothing was fetched (--dry-run).")
    if console.json_mode:
        console.document({"root": str(root), "plan": rows})


def _plan(root: Path, entry: Asset, revision: str) -> dict[str, Any]:
    from sherf_core.assets import smpl, torchvision_files
    from sherf_core.assets.recognise import TORCH_ASSETS
    from sherf_core.assets.remote import shown
    from sherfctl.commands.fetch_login import credentials_source
    from sherfctl.commands.fetch_work import pinned

    source, needed, note = entry.page, entry.bytes, ""
    if entry.name == "smpl":
        # The archive, whose size nobody states, the body that is taken out of it, and its copy in place.
        source, needed, note = (
            f"{shown(smpl.address())} ({smpl_archive().name})",
            3 * (entry.bytes or 0),
            credentials_source(),
        )
    elif entry.name in TORCH_ASSETS:
        source = shown(torchvision_files.published(entry.name).address)
    elif entry.name == "sherf":
        note = "by hand, with a browser: `sherfctl fetch-assets sherf` shows the steps"
    else:
        source, needed, note = _plan_repository(root, entry, revision or pinned(root, entry.name))
    free = shutil.disk_usage(nearest_folder(root)).free
    return {
        "name": entry.name,
        "title": entry.title,
        "source": source,
        "bytes": needed,
        "free": free,
        "fits": needed is None or needed <= free,
        "target": str(root / entry.place),
        "licence": f"{entry.licence.name} ({entry.licence.page})",
        "found": _found(root, entry.name),
        "note": note,
    }


def _plan_repository(root: Path, entry: Asset, revision: str) -> tuple[str, int | None, str]:
    from sherf_core.assets import hub

    try:
        found = hub.contents(entry.name, revision)
    except FetchError as error:
        return entry.page, None, f"{error.found}; {error.fix}"
    names = ", ".join(file.name for file in found.files[:SHOWN])
    more = f" and {len(found.files) - SHOWN} more" if len(found.files) > SHOWN else ""
    # The archives stay in the library's cache, and pictures shrink little: twice their size.
    return found.address, 2 * found.bytes or None, f"{names}{more}; the archives and what is unpacked of them"


def show_installed(console: Console, installed: Installed, target: Path) -> None:
    """One thing that is in place."""
    entry = installed.entry
    state = "in place" if installed.new else "there already"
    console.item(Status.PASS, f"{entry.asset}: {target} {state} ({size(entry.bytes)}, sha256 {entry.sha256[:12]})")
    if installed.note:
        console.say(installed.note, indent=4)


def show_steps(console: Console) -> None:
    """How to get the published weights."""
    console.heading("SHERF weights: no stable public link, so by hand")
    for step in SHERF_STEPS:
        console.say(step)
    for line in SHERF_COMMANDS:
        console.command(line)


def show_verdicts(console: Console, root: Path, verdicts: Sequence[Verdict]) -> None:
    """What verification found."""
    for verdict in verdicts:
        place = _short(root, verdict.path)
        if verdict.fine:
            console.item(Status.PASS, f"{verdict.asset}: {place}" + (f" ({verdict.note})" if verdict.note else ""))
            continue
        code = f" [{verdict.code}]" if verdict.code else ""
        console.item(Status.FAIL, f"{verdict.asset}: {place}{code}")
        for line in verdict.wrong[:SHOWN]:
            console.say(line, indent=4)
        if len(verdict.wrong) > SHOWN:
            console.say(f"and {len(verdict.wrong) - SHOWN} more", indent=4)
        console.fields([("fix", verdict.fix)], indent=4)
    if not verdicts:
        console.say(f"No assets in {root.resolve()}. `sherfctl fetch-assets` lists them.")
    if console.json_mode:
        rows = [{**asdict(verdict), "path": str(verdict.path), "fine": verdict.fine} for verdict in verdicts]
        console.document({"root": str(root), "fine": all(verdict.fine for verdict in verdicts), "verdicts": rows})

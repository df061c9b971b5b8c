"""See that what is in place is still what it was: sums, sizes and shapes of all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sherf_core.assets.catalogue import known_body, torch_file
from sherf_core.assets.install import require_neutral, require_torch_file
from sherf_core.assets.listing import check_listing
from sherf_core.assets.placing import moved_away
from sherf_core.assets.recognise import DATASET_ASSETS, TORCH_ASSETS
from sherf_core.assets.record import Entry, read_entries
from sherf_core.assets.torch_places import find_torch_file
from sherf_core.body.files import load_body
from sherf_core.data.locations import DATASET_FOLDERS, body_candidates, find_checkpoint
from sherf_core.errors import SherfError
from sherf_core.io.digest import sha256


@dataclass(frozen=True)
class Verdict:
    """On one file or data set: `wrong` is empty where all is well, `note` says what is worth knowing.

    `fix` is the user's next step where something is wrong.
    """

    asset: str
    path: Path
    wrong: tuple[str, ...] = ()
    note: str = ""
    fix: str = ""
    code: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.wrong


def verify(root: Path, wanted: Iterable[str], on_progress: Callable[[Path], None] = lambda path: None) -> list[Verdict]:
    """Look at the manifest's files and at those in the usual places under `root`.

    Args:
        root: the folder with `assets/`, `models/`, `data/`.
        wanted: assets to look at.
        on_progress: is told the file that is looked at.

    Raises:
        FetchError: FETCH.MANIFEST.
    """
    names = set(wanted)
    recorded = [entry for entry in read_entries(root) if entry.asset in names]
    targets: list[tuple[str, Path, Entry | None]] = [(entry.asset, root / entry.path, entry) for entry in recorded]
    places = {path.resolve() for _, path, _ in targets}
    targets += [
        (asset, path, None) for asset, path in usual_files(root) if asset in names and path.resolve() not in places
    ]
    verdicts = []
    for asset, path, entry in targets:
        on_progress(path)
        verdicts.append(verdict_on(root, asset, path, entry))
    return verdicts


def usual_files(root: Path) -> list[tuple[str, Path]]:
    """Assets in their usual places under `root`, whoever put them there."""
    found = [("smpl", path) for path in body_candidates([root])]
    checkpoints = [find_checkpoint(dataset, [root]) for dataset in DATASET_FOLDERS]
    found += [("sherf", path) for path in checkpoints if path is not None]
    torch_files = [(name, find_torch_file(torch_file(name).name, [root])) for name in TORCH_ASSETS]
    return found + [(name, path) for name, path in torch_files if path is not None]


def verdict_on(root: Path, asset: str, path: Path, entry: Entry | None = None) -> Verdict:
    """Look at one file, or one data set; without an entry only at what it holds. Never raises for a bad file."""
    again = f"move it away ({moved_away(path)}) and run `sherfctl fetch-assets {asset}`"
    try:
        if not path.exists():
            what = "a link that leads nowhere" if path.is_symlink() else "missing"
            return Verdict(asset, path, (f"it is {what}",), fix=f"sherfctl fetch-assets {asset}", code="FETCH.MISSING")
        if entry is not None and entry.listing:
            return _data_set(root, path, entry)
        digest = sha256(path)
        if entry is not None and digest != entry.sha256:
            size = path.stat().st_size
            sizes = f" ({size:,} bytes instead of {entry.bytes:,})" if size != entry.bytes else ""
            wrong = f"its content is not what was put there on {entry.when[:10]}{sizes}"
            return Verdict(asset, path, (wrong,), fix=again, code="FETCH.HASH")
        return Verdict(asset, path, note=_checked(root, asset, path, digest))
    except SherfError as error:
        return Verdict(asset, path, (error.found,), fix=error.fix or again, code=error.code)
    except OSError as error:
        return Verdict(asset, path, (f"it cannot be read: {error}",), fix="look at its permissions (ls -l)")


def _checked(root: Path, asset: str, path: Path, digest: str) -> str:
    """Check what a file holds; returns a note on it."""
    if asset == "smpl":
        require_neutral(str(path), path.name, digest)
        load_body(path)
        known = known_body(digest)
        return str(known) if known is not None else "sum unknown, structure right"
    if asset in TORCH_ASSETS:
        require_torch_file(path, asset, root, digest)
        return "sum as in its name"
    if asset in DATASET_ASSETS:
        return "content as it was put there"
    from sherf_core.io.weights import check_header

    check_header(path)
    return "names and shapes right"


def _data_set(root: Path, path: Path, entry: Entry) -> Verdict:
    listing = root / entry.listing
    if not listing.is_file() or sha256(listing) != entry.sha256:
        return Verdict(
            entry.asset,
            path,
            (f"its listing {listing} is missing or changed",),
            fix=f"sherfctl fetch-assets {entry.asset} writes it again; what is unpacked is kept",
            code="FETCH.MANIFEST",
        )
    count, wrong = check_listing(listing, path)
    fix = f"remove what is wrong, then: sherfctl fetch-assets {entry.asset}" if wrong else ""
    return Verdict(entry.asset, path, tuple(wrong), f"{count:,} files", fix, "FETCH.HASH" if wrong else "")

"""Collector for the folder where the user works: names only, no file is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from checks.facts.records import CaseTwin, Tally, WorkFolderFacts
from sherf_core.data import locations
from sherf_core.metrics.vgg_files import find_vgg_weights

# A copy of the published code is known by these names side by side.
PUBLISHED_SCRIPT = "train.py"
PUBLISHED_FOLDERS = ("dnnlib", "torch_utils", "training")
PARENTS_ASKED = 3
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".bmp"})
UNNEEDED_BODY = "smpl_neutral_renderpeople"
# A folder with more entries is a data set rather than somebody's photos.
ENTRIES_LOOKED_AT = 2000
SHOWN = 5


def work_facts(
    dataset: str, here: Path | None = None, roots: Iterable[Path] | None = None, downloads: Path | None = None
) -> WorkFolderFacts:
    """What lies in the current folder and in the usual places.

    Args:
        dataset: the data set whose checkpoint and folder are looked for.
        here: the current folder; tests replace it, as the others.
        roots: the folders that may hold `assets/`.
        downloads: where a browser saves files, default ~/Downloads.
    """
    here = Path.cwd() if here is None else here
    roots = tuple(locations.search_roots() if roots is None else roots)
    used = locations.find_checkpoint(dataset, roots)
    return WorkFolderFacts(
        published_checkout=_published_checkout(here),
        photos=_photos(here),
        unneeded_bodies=tuple(
            str(path)
            for folder in _existing(roots, locations.BODY_FOLDERS)
            for path in _files(folder)
            if path.stem.lower() == UNNEEDED_BODY
        ),
        perceptual=str(find_vgg_weights(roots) or ""),
        case_twins=tuple(_case_twins(dataset, roots)),
        stray_checkpoints=() if used is not None else tuple(_stray_checkpoints(dataset, roots, downloads)),
        other_checkpoints=tuple(_other_checkpoints(dataset, roots)),
    )


def case_twin(root: Path, relative: str) -> Path | None:
    """What has the name `relative` under `root` but for the case of letters; None where `relative` itself exists."""
    wanted = root / relative
    if _exists(wanted):
        return None
    places = [root]
    for part in Path(relative).parts:
        places = [entry for place in places for entry in _entries(place) if entry.name.lower() == part.lower()]
    # A link that leads nowhere is listed and does not exist: it is no twin, least of all its own.
    return next((place for place in places if place != wanted and _exists(place)), None)


def _case_twins(dataset: str, roots: Iterable[Path]) -> Iterator[CaseTwin]:
    wanted: list[tuple[Literal["body", "checkpoint", "data"], list[str]]] = [
        ("body", [f"{folder}/{name}" for folder in locations.BODY_FOLDERS for name in locations.BODY_NAMES]),
        ("checkpoint", _checkpoint_paths(dataset)),
        ("data", list(locations.DATASET_FOLDERS.get(dataset, ()))),
    ]
    for root in roots:
        for what, names in wanted:
            # Where one of the names is there as it should be, nobody misses the others.
            if any(_exists(root / name) for name in names):
                continue
            seen: set[Path] = set()
            for name in names:
                twin = case_twin(root, name)
                if twin is not None and twin not in seen:
                    seen.add(twin)
                    yield CaseTwin(wanted=str(root / name), found=str(twin), what=what)


def _checkpoint_paths(dataset: str) -> list[str]:
    name = locations.checkpoint_name(dataset)
    return [
        f"{folder}/{name}{suffix}"
        for folder in locations.CHECKPOINT_FOLDERS
        for suffix in locations.CHECKPOINT_SUFFIXES
    ]


def _published_checkout(here: Path) -> str:
    for folder in (here, *list(here.parents)[:PARENTS_ASKED]):
        names = {path.name for path in _entries(folder)}
        if PUBLISHED_SCRIPT in names and names.issuperset(PUBLISHED_FOLDERS):
            return str(folder)
    return ""


def _photos(here: Path) -> Tally:
    files = _files(here)
    photos = [path.name for path in files if path.suffix.lower() in PICTURES]
    return Tally(count=len(photos), of=len(files), examples=tuple(photos[:SHOWN]))


def _stray_checkpoints(dataset: str, roots: Iterable[Path], downloads: Path | None) -> Iterator[str]:
    wanted = [f"{locations.checkpoint_name(dataset)}{suffix}".lower() for suffix in locations.CHECKPOINT_SUFFIXES]
    downloads = locations.downloads_folder() if downloads is None else downloads
    for folder in (*roots, *([] if downloads is None else [downloads])):
        yield from (str(path) for path in _files(folder) if path.name.lower() in wanted)


def _other_checkpoints(dataset: str, roots: Iterable[Path]) -> Iterator[str]:
    own = locations.checkpoint_name(dataset).lower()
    for folder in _existing(roots, locations.CHECKPOINT_FOLDERS):
        for path in _files(folder):
            stem = path.stem.lower()
            if path.suffix.lower() in locations.CHECKPOINT_SUFFIXES and stem.startswith("sherf_") and stem != own:
                yield str(path)


def _existing(roots: Iterable[Path], names: Iterable[str]) -> list[Path]:
    names = list(names)
    return [root / name for root in roots for name in names if _exists(root / name)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder on the way may not be entered
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(islice(folder.iterdir(), ENTRIES_LOOKED_AT))
    except OSError:
        return []


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in _entries(folder) if path.is_file()]
    except OSError:
        return []

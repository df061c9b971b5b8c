"""Which subjects are there, what the split does with them, and where they are if not here. Only names are looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.facts.datasets.counts import SHOWN, printable
from checks.facts.records import Tally
from sherf_core.data.splits import Split
from sherf_core.data.subjects import LIST_NAME

# What a subject's folder holds, each enough to know it by, even after half an unzip.
MARKS = {
    "RenderPeople": ("cameras.json", "img", "outputs_re_fitting"),
    "THuman": ("annots.npy", "new_params_neutral", "new_vertices"),
    "HuMMan": ("cameras.json", "kinect_color", "kinect_mask", "smpl_params"),
    "ZJU-MoCap": ("annots.npy", "mask_cihp", "new_vertices"),
}
# Scans of raw THuman, which hold none of the above, are called results_gyc_20181010_hsc_1_M and so on.
RAW_THUMAN = "results_"
LEVELS_UP, LEVELS_DOWN = 3, 4
# Where nobody said that there are subjects, a folder called img alone is no sign of one.
MARKS_ELSEWHERE = 2
MOST_FOLDERS = 300


@dataclass(frozen=True)
class Roles:
    """The split's subjects: those that have a folder, and tallies of those that have none."""

    test: tuple[str, ...]
    training: tuple[str, ...]
    test_missing: Tally
    training_missing: Tally


def child_folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones and what archives of macOS add are left out.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name[:1] not in "._" and entry.is_dir())


def is_subject(folder: Path, dataset: str, *, marks: int = 1) -> bool:
    """Whether a folder looks like a subject of this data set, perhaps a broken one.

    Args:
        folder: the one to look at.
        dataset: whose subject it may be.
        marks: how many of the parts that tell must be there.
    """
    raw = dataset == "THuman" and folder.name.startswith(RAW_THUMAN)
    return raw or sum(_exists(folder / mark) for mark in MARKS[dataset]) >= marks


def roles(split: Split, listed: Sequence[str], folders: Iterable[str]) -> Roles:
    """What the split does with the subjects.

    Args:
        split: of this data set.
        listed: names in the order that the split counts in.
        folders: names of the folders that are there.
    """
    there = set(folders)
    test, test_missing = _part(split.test_subjects, listed, there)
    training, training_missing = _part(split.train_subjects, listed, there)
    return Roles(test, training, test_missing, training_missing)


def _part(wanted: range | tuple[str, ...], listed: Sequence[str], there: set[str]) -> tuple[tuple[str, ...], Tally]:
    if isinstance(wanted, range):
        names = [listed[place] for place in wanted if place < len(listed)]
        beyond = [f"number {place + 1} of the list" for place in wanted if place >= len(listed)]
    else:
        names, beyond = list(wanted), []
    missing = [name for name in names if name not in there] + beyond
    tally = Tally(count=len(missing), of=len(wanted), examples=tuple(map(printable, missing[:SHOWN])))
    return tuple(name for name in names if name in there), tally


def subjects_near(root: Path, dataset: str) -> Path | None:
    """The folder that holds the subjects, where `root` is one of them, lies in one, or lies above them."""
    for folder in (root, *root.parents[:LEVELS_UP]):
        # A folder with the list in it is no subject, whatever else lies there.
        if not (folder / LIST_NAME).is_file() and is_subject(folder, dataset, marks=MARKS_ELSEWHERE):
            return folder.parent
    level, looked = [root], 0
    for _ in range(LEVELS_DOWN):
        deeper: list[Path] = []
        for folder in level:
            children = _children(folder)[: MOST_FOLDERS - looked]
            looked += len(children)
            if folder != root and any(is_subject(child, dataset, marks=MARKS_ELSEWHERE) for child in children):
                return folder
            deeper += children
        level = deeper
    return None


def _children(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in child_folders(folder)]
    except OSError:
        return []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False

"""Collector for data sets: what is there, what is not, and what does not fit. Broken files become tallies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from checks.facts.datasets.counts import SHOWN, printable
from checks.facts.datasets.subjects import Roles, child_folders, is_subject, roles, subjects_near
from checks.facts.records import DatasetFacts
from checks.facts.system import filesystem_of
from sherf_core.data import locations
from sherf_core.data.splits import SPLITS, Split
from sherf_core.data.subjects import subject_list

Depth = Literal["quick", "normal", "deep"]


def dataset_facts(
    name: str,
    data: Path | None,
    *,
    depth: Depth = "normal",
    on_progress: Callable[[int, int], None] | None = None,
) -> DatasetFacts:
    """Observe a data set.

    Args:
        name: one of the four that the user brings.
        data: the folder that the user named, None to look in the usual places.
        depth: `quick` compares lists with folders; `normal` also looks at the parts of every subject and, closely, at a
            few of them; `deep` reads every file that the published split uses.
        on_progress: told (done, total) in pictures, by several threads, one at a time.
    """
    root = data if data is not None else locations.find_dataset(name)
    if root is None:
        return DatasetFacts(name=name, subjects_at=_elsewhere(name))
    place = printable(str(root))
    try:
        if not root.is_dir():
            return DatasetFacts(name=name, root=place)
        return _of_folder(name, root, depth, on_progress)
    except OSError as error:
        problem = printable(f"{type(error).__name__}: {error}")
        return DatasetFacts(name=name, root=place, exists=True, problem=problem)


def _elsewhere(name: str) -> str:
    """Where the subjects are, if they lie deeper in a `data` folder than they should."""
    folders = [root / "data" for root in locations.search_roots()]
    found = (subjects_near(folder, name) for folder in folders if folder.is_dir())
    return next((str(folder) for folder in found if folder is not None), "")


def _of_folder(name: str, root: Path, depth: Depth, on_progress: Callable[[int, int], None] | None) -> DatasetFacts:
    split = SPLITS[name]
    observed: dict[str, Any] = {"name": name, "root": printable(str(root)), "exists": True, "deep": depth == "deep"}
    observed["filesystem"] = filesystem_of(root)
    people = subject_list(root) if split.listed_subjects else None
    listed = people.names if people is not None and people.file is not None else None
    named = set(listed or ())
    folders = [child for child in child_folders(root) if child in named or is_subject(root / child, name)]
    if not folders:
        near = subjects_near(root.resolve(), name)
        observed["subjects_at"] = "" if near is None else printable(str(near))
    if listed is not None and people is not None:
        missing = [subject for subject in listed if subject not in set(folders)]
        observed["list_file"], observed["listed"] = printable(str(people.file)), len(listed)
        observed["missing"], observed["missing_count"] = tuple(missing[:SHOWN]), len(missing)
    parts = roles(split, folders if listed is None else listed, folders)
    observed["folders"] = len(folders)
    observed["people"] = tuple(map(printable, (parts.test or parts.training or folders)[:SHOWN]))
    observed["test_subjects_missing"] = parts.test_missing
    observed["train_subjects_missing"] = parts.training_missing
    if depth != "quick" and folders:
        observed.update(_inside(root, split, parts, folders, deep=depth == "deep", on_progress=on_progress))
    return DatasetFacts(**observed)


def _inside(
    root: Path,
    split: Split,
    parts: Roles,
    folders: list[str],
    *,
    deep: bool,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    # numpy and its friends are slow to import: not for a quick look.
    from checks.facts.datasets.inspect import inspect
    from checks.facts.datasets.layout import Subject

    subjects = [Subject(subject, False) for subject in parts.test]
    # In a short list the same people may be in both parts.
    subjects += [Subject(subject, True) for subject in parts.training if subject not in parts.test]
    # Somebody's own people, none of them in the split: they are there to be evaluated.
    subjects = subjects or [Subject(subject, False) for subject in folders]
    return inspect(root, split, subjects, deep=deep, on_progress=on_progress)

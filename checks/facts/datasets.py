"""Collector for data sets: their list of people and the folders that are there. No image is opened."""

from __future__ import annotations

import os
from pathlib import Path

from checks.facts.records import DatasetFacts
from sherf_core.data import locations
from sherf_core.data.subjects import subject_list

SHOWN = 5


def dataset_facts(name: str, data: Path | None) -> DatasetFacts:
    """Count what is listed and what is there.

    Args:
        name: the data set's name.
        data: the folder that the user named, None to look in the usual places.
    """
    root = data if data is not None else locations.find_dataset(name)
    if root is None:
        return DatasetFacts(name=name)
    if not root.is_dir():
        return DatasetFacts(name=name, root=str(root))
    with os.scandir(root) as entries:
        folders = {entry.name for entry in entries if entry.is_dir()}
    people = subject_list(root)
    if people.file is None:
        return DatasetFacts(name=name, root=str(root), exists=True, folders=len(folders))
    missing = [subject for subject in people.names if subject not in folders]
    return DatasetFacts(
        name=name,
        root=str(root),
        exists=True,
        list_file=str(people.file),
        listed=len(people.names),
        folders=len(folders),
        missing=tuple(missing[:SHOWN]),
        missing_count=len(missing),
    )

"""Collector for data sets: their list of people and the folders that are there. No image is opened."""

from __future__ import annotations

import os
from pathlib import Path

from checks import locations
from checks.facts.records import DatasetFacts

LIST_NAME = "human_list.txt"
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
    list_file = next((path for path in (root.parent / LIST_NAME, root / LIST_NAME) if path.is_file()), None)
    if list_file is None:
        return DatasetFacts(name=name, root=str(root), exists=True, folders=len(folders))
    text = list_file.read_text(encoding="utf-8", errors="replace")
    listed = [line.strip() for line in text.splitlines() if line.strip()]
    missing = [subject for subject in listed if subject not in folders]
    return DatasetFacts(
        name=name,
        root=str(root),
        exists=True,
        list_file=str(list_file),
        listed=len(listed),
        folders=len(folders),
        missing=tuple(missing[:SHOWN]),
        missing_count=len(missing),
    )

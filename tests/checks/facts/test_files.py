"""Collectors for data sets and for the parts of the installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.facts.collect import SHIPPED, missing_parts
from checks.facts.datasets import dataset_facts


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize("place", ["human_list.txt", "../human_list.txt"])
def test_people_are_counted(tmp_path: Path, place: str) -> None:
    root = tmp_path / "20230228"
    for number in range(7):
        (root / f"person_{number}").mkdir(parents=True)
    (root / place).write_text("\n".join(f"person_{number}" for number in range(15)) + "\n\n")
    facts = dataset_facts("RenderPeople", root)
    assert (facts.exists, facts.listed, facts.folders, facts.missing_count) == (True, 15, 7, 8)
    assert facts.missing == ("person_7", "person_8", "person_9", "person_10", "person_11")


def test_data_without_a_list_and_without_a_folder(tmp_path: Path) -> None:
    (tmp_path / "d" / "person").mkdir(parents=True)
    facts = dataset_facts("RenderPeople", tmp_path / "d")
    assert (facts.exists, facts.list_file, facts.listed, facts.folders) == (True, "", None, 1)
    gone = dataset_facts("RenderPeople", tmp_path / "nothing")
    assert (gone.exists, gone.root) == (False, str(tmp_path / "nothing"))


def test_missing_parts_of_the_installation(tmp_path: Path) -> None:
    assert missing_parts(tmp_path) == SHIPPED


@pytest.mark.parametrize("lost", SHIPPED)
def test_each_part_is_missed(lost: str, tmp_path: Path) -> None:
    touch(tmp_path, *SHIPPED)
    assert missing_parts(tmp_path) == ()
    (tmp_path / lost).unlink()
    assert missing_parts(tmp_path) == (lost,)


def test_this_installation_is_complete() -> None:
    assert missing_parts() == ()


def test_everyone_in_the_demo_is_looked_for(repository: Path) -> None:
    people = (repository / "sherf_core" / "data" / "demo" / "human_list.txt").read_text().split()
    assert people == sorted({part.split("/")[3] for part in SHIPPED if "/demo/" in part} - {"human_list.txt"})


def test_all_that_ships_is_looked_for(repository: Path) -> None:
    """Every data file of the packages stands in the list, but for the rest of the demo and the profiles."""
    endings = {".npz", ".safetensors", ".json", ".jpg", ".png"}
    files = [path for path in (repository / "sherf_core").rglob("*") if path.suffix in endings]
    names = {path.relative_to(repository).as_posix() for path in files if "demo" not in path.parts}
    assert names == {part for part in SHIPPED if "/demo/" not in part}

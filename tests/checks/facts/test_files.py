"""Collectors for data sets and for the parts of the installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.facts.collect import SHIPPED, missing_parts


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


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

"""Collectors for body models, checkpoints and data sets, and where they are looked for."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from checks.facts.collect import SHIPPED, missing_parts
from checks.facts.datasets import dataset_facts
from checks.facts.files import body_facts, checkpoint_facts, safetensors_shapes
from sherf_core.io.manifest import TensorShape

SHAPES = {"a.weight": (2, 3), "b.bias": (4,), "sparse.weight": (8, 3, 3, 3, 5)}
EXPECTED = {name: TensorShape(shape, "float32") for name, shape in SHAPES.items()}


def checkpoint(path: Path, **shapes: tuple[int, ...]) -> Path:
    wanted = {**SHAPES, **{name.replace("__", "."): shape for name, shape in shapes.items()}}
    save_file({name: np.zeros(shape, np.float32) for name, shape in wanted.items() if shape != ()}, path)
    return path


def test_a_fitting_checkpoint(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c.safetensors", superresolution__x=(3,), sparse__weight=(3, 3, 3, 5, 8))
    facts = checkpoint_facts(path, EXPECTED)
    assert facts.problem == ""
    assert facts.bytes == path.stat().st_size


def test_wrong_keys_are_named(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c.safetensors", a__weight=(3, 2), b__bias=(), other=(1,))
    facts = checkpoint_facts(path, EXPECTED)
    assert facts.problem == "CKPT.KEYS"
    words = "1 missing (b.bias); 1 unexpected (other); 1 of the wrong shape (a.weight (3, 2) instead of (2, 3))"
    assert facts.found == f"{path} does not fit the model: {words}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 600000000\n", "600,000,000"),
        (b"PK\x03\x04 and more", "zip"),
        (b"", "empty"),
        (struct.pack("<Q", 20) + b'{"a": ', "header cannot be read"),
        (struct.pack("<Q", 2**31) + b'{"a": ', "header cannot be read"),
        (struct.pack("<Q", 7) + b'{"a": 1', "header cannot be read"),
        (b"\x80\x04\x95", "end"),
    ],
)
def test_broken_checkpoints(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "SHERF_RenderPeople.safetensors"
    path.write_bytes(content)
    facts = checkpoint_facts(path, EXPECTED)
    assert facts.problem == "CKPT.FILE"
    assert words in facts.found


def test_a_cut_download(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "c.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    assert "cut" in checkpoint_facts(path, EXPECTED).found


def test_a_pickle_of_the_published_code(tmp_path: Path) -> None:
    path = tmp_path / "SHERF_RenderPeople.pkl"
    path.write_bytes(b"\x80\x04N.")  # the pickle of None
    assert checkpoint_facts(path, EXPECTED).problem == "CKPT.PERSISTENCE"


def test_header_shapes_agree_with_the_writer(tmp_path: Path) -> None:
    shapes, complete = safetensors_shapes(checkpoint(tmp_path / "c.safetensors"))
    assert complete
    assert shapes == SHAPES


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>please log in</html>", "SMPL.HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 247186228\n", "SMPL.LFS"),
        (b"PK\x03\x04 and more", "SMPL.ZIP"),
        (b"", "SMPL.TRUNC"),
        (b"\x80\x02}q\x00(X\x05\x00", "SMPL.TRUNC"),
        (b"\x80\x02N.", "SMPL.STRUCT"),
        (b"cposix\nsystem\n(S'true'\ntR.", "SMPL.UNSAFE"),
    ],
)
def test_broken_bodies(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    facts = body_facts(path)
    assert facts.problem == problem
    assert facts.found


def test_a_good_body(repository: Path) -> None:
    facts = body_facts(repository / "sherf_core" / "body" / "free_body.npz")
    assert facts.problem == ""
    assert (facts.vertices, facts.shape_components) == (6890, 10)


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

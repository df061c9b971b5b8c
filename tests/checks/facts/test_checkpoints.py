"""Collector for the checkpoint: its kind, and the names and shapes in its header."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from checks.facts.checkpoints import OLD_LAYOUT, checkpoint_facts, safetensors_shapes, what_names_tell
from sherf_core.io.manifest import TensorShape, manifest
from tests.sherf_core.io import published_files

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
    assert facts.notes == (OLD_LAYOUT,)
    assert checkpoint_facts(path, EXPECTED, quick=True).problem == ""


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


def test_header_shapes_agree_with_the_writer(tmp_path: Path) -> None:
    shapes, complete = safetensors_shapes(checkpoint(tmp_path / "c.safetensors"))
    assert complete
    assert shapes == SHAPES


def test_a_published_pickle_is_read_for_its_names_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "SHERF_RenderPeople.pkl"
    path.write_bytes(published_files.checkpoint())
    assert checkpoint_facts(path, published_files.EXPECTED).problem == "CKPT.PERSISTENCE"
    # The small network is not the model.
    facts = checkpoint_facts(path, manifest())
    assert (facts.problem, "missing" in facts.found) == ("CKPT.KEYS", True)
    path.write_bytes(path.read_bytes()[:-9])
    assert checkpoint_facts(path, published_files.EXPECTED).problem == "CKPT.FILE"
    assert checkpoint_facts(path, published_files.EXPECTED, quick=True).problem == "CKPT.PERSISTENCE"


@pytest.mark.parametrize(
    ("content", "problem", "words"),
    [
        (b"\x80\x04N.", "CKPT.FILE", "no dictionary of networks"),  # the pickle of None
        (pickle.dumps({"weights": np.zeros(2)}), "CKPT.KEYS", "no network G"),
        (b"\x80\x04cos\nsystem\n(S'x'\ntR.", "CKPT.FILE", "os.system"),
    ],
)
def test_other_pickles(tmp_path: Path, content: bytes, problem: str, words: str) -> None:
    path = tmp_path / "SHERF_RenderPeople.pkl"
    path.write_bytes(content)
    facts = checkpoint_facts(path, EXPECTED)
    assert facts.problem == problem
    assert words in facts.found


def test_a_file_of_torch_save_is_named(tmp_path: Path) -> None:
    path = tmp_path / "SHERF_RenderPeople.pkl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    facts = checkpoint_facts(path, EXPECTED)
    assert (facts.problem, "torch.save" in facts.found) == ("CKPT.FILE", True)


def test_an_unreadable_or_vanished_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "SHERF_RenderPeople.safetensors"
    path.symlink_to("nothing")
    assert checkpoint_facts(path, EXPECTED).problem == "CKPT.MISSING"
    path.unlink()
    checkpoint(path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    facts = checkpoint_facts(path, EXPECTED)
    assert (facts.readable, facts.problem) == (False, "")


def published() -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in manifest().items()}


def test_the_published_names_tell_nothing() -> None:
    assert list(what_names_tell(published(), manifest())) == []


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("renderer.encoder_3d.", "the point-based (3D) feature"),
        ("encoder_2d_feature.", "the pixel-aligned (2D) feature"),
        ("backbone.", "the global (1D) feature"),
        ("renderer.transformer.", "the fusion of the features"),
    ],
)
def test_names_tell_which_feature_was_left_out(start: str, words: str) -> None:
    shapes = {name: shape for name, shape in published().items() if not name.startswith(start)}
    assert list(what_names_tell(shapes, manifest())) == [f"nothing is named {start}*: it was trained without {words}"]


def test_names_tell_of_wrapping_and_of_strange_parts() -> None:
    wrapped = {f"module.{name}": shape for name, shape in published().items()}
    (note,) = what_names_tell(wrapped, manifest())
    assert "'module.'" in note
    (note,) = what_names_tell({**published(), "discriminator.b4.weight": (1,), "superresolution.x": (1,)}, manifest())
    assert note == "parts that the published model does not have: discriminator"


def test_names_tell_the_layout_of_the_sparse_convolutions() -> None:
    turned = {name: tensor.first_layout or tensor.shape for name, tensor in manifest().items()}
    assert list(what_names_tell(turned, manifest())) == [OLD_LAYOUT]

"""Collector for the body file: what is in it, whatever its name says."""

from __future__ import annotations

import hashlib
import lzma
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from checks.facts.files import body_facts, small_copy_of
from tests.checks.small_bodies import small_body, write_body

BROKEN = [
    (b"<html>please log in</html>", "SMPL.HTML"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 247186228\n", "SMPL.LFS"),
    (b"PK\x03\x04 and more", "SMPL.ZIP"),
    (b"\x1f\x8b\x08 and more", "SMPL.ZIP"),
    (b"", "SMPL.TRUNC"),
    (b"\x89PNG\r\n", "SMPL.STRUCT"),
]
BROKEN_INSIDE = [
    (b"\x80\x02}q\x00(X\x05\x00", "SMPL.TRUNC"),
    (b"\x80\x02N.", "SMPL.STRUCT"),
    (b"cposix\nsystem\n(S'true'\ntR.", "SMPL.UNSAFE"),
]


@pytest.mark.parametrize(("content", "problem"), BROKEN + BROKEN_INSIDE)
def test_broken_bodies(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    facts = body_facts(path)
    assert facts.problem == problem
    assert facts.found
    assert facts.bytes == len(content)


@pytest.mark.parametrize(("content", "problem"), BROKEN + [(content, "") for content, _problem in BROKEN_INSIDE])
def test_a_quick_look_sees_the_first_bytes_only(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    facts = body_facts(path, quick=True)
    assert (facts.problem, facts.sha256, facts.vertices) == (problem, "", None)


def test_a_good_body(repository: Path) -> None:
    facts = body_facts(repository / "sherf_core" / "body" / "free_body.npz")
    assert (facts.problem, facts.python2, facts.chumpy, facts.readable) == ("", False, False, True)
    assert (facts.vertices, facts.shape_components) == (6890, 10)
    assert body_facts(repository / "sherf_core" / "body" / "free_body.npz", quick=True).problem == ""


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_bodies_that_python3_wrote(tmp_path: Path, protocol: int) -> None:
    path = write_body(tmp_path / "SMPL_NEUTRAL.pkl", protocol=protocol, shapes=300)
    facts = body_facts(path)
    assert (facts.problem, facts.python2, facts.chumpy) == ("", False, False)
    assert (facts.vertices, facts.shape_components) == (40, 300)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_body_that_python2_and_chumpy_wrote(tmp_path: Path, repository: Path) -> None:
    packed = repository / "tests" / "sherf_core" / "body" / "python2" / "body.pkl.xz"
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    facts = body_facts(path)
    assert (facts.problem, facts.python2, facts.chumpy, facts.vertices) == ("", True, True, 30)


@pytest.mark.parametrize("key", [b"S'a'\n", b"T\x01\x00\x00\x00a", b"U\x01a"])
def test_strings_of_python2(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(b"(" + key + b"I1\nd.")
    facts = body_facts(path)
    assert (facts.problem, facts.python2, facts.chumpy) == ("SMPL.STRUCT", True, False)


def test_another_model(tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({"v_template": np.zeros((10475, 3)), "f": np.zeros((20908, 3))}))
    assert body_facts(path).problem == "SMPL.SMPLX"


def test_an_archive_of_arrays_is_a_body_only_as_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **small_body())  # type: ignore[arg-type]
    assert body_facts(tmp_path / "SMPL_NEUTRAL.npz").vertices == 40
    renamed = (tmp_path / "SMPL_NEUTRAL.npz").rename(tmp_path / "SMPL_NEUTRAL.pkl")
    for quick in (True, False):
        assert body_facts(renamed, quick=quick).problem == "SMPL.ZIP"


def test_a_copy_beside_is_seen(tmp_path: Path) -> None:
    path = write_body(tmp_path / "SMPL_NEUTRAL.pkl", shapes=300)
    assert body_facts(path).small_copy == ""
    assert small_copy_of(path).name == "SMPL_NEUTRAL_10shapes.npz"
    np.savez(small_copy_of(path), **small_body())  # type: ignore[arg-type]
    assert body_facts(path).small_copy == str(small_copy_of(path))


def test_links_are_followed_and_named(tmp_path: Path) -> None:
    target = write_body(tmp_path / "store" / "basicmodel_m_lbs_10_207_0_v1.1.0.pkl")
    link = tmp_path / "SMPL_NEUTRAL.pkl"
    link.symlink_to("store/basicmodel_m_lbs_10_207_0_v1.1.0.pkl")
    assert body_facts(link).leads_to == str(target)
    target.unlink()
    facts = body_facts(link)
    assert (facts.problem, facts.leads_to) == ("SMPL.MISSING", str(target))
    assert facts.found == f"{link} is a link to {target}, which is not there"
    link.unlink()
    link.symlink_to(link.name)  # a circle
    assert body_facts(link).problem == "SMPL.MISSING"


def test_nothing_and_a_folder(tmp_path: Path) -> None:
    assert body_facts(tmp_path / "SMPL_NEUTRAL.pkl").problem == "SMPL.MISSING"
    facts = body_facts(tmp_path)
    assert (facts.problem, facts.found) == ("SMPL.MISSING", f"{tmp_path} is no file")


@pytest.mark.parametrize("quick", [True, False])
def test_a_file_that_may_not_be_read_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    path = write_body(tmp_path / "SMPL_NEUTRAL.pkl")
    # Permissions do not hold root back, and tests may run as root.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    facts = body_facts(path, quick=quick)
    assert (facts.readable, facts.problem, facts.owned) == (False, "", True)
    assert facts.bytes == path.stat().st_size


def test_a_cut_archive_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v_template.npy", b"x" * 1000)
    path.write_bytes(path.read_bytes()[:400])
    for quick in (True, False):
        assert body_facts(path, quick=quick).problem == "SMPL.TRUNC"

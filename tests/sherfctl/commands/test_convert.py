from __future__ import annotations

import io
import json
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from sherf_core.body.files import load_body
from sherfctl.app import run
from sherfctl.exit_codes import ExitCode
from tests.sherf_core.io import published_files


def convert(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["convert", *arguments], stdout=stdout, stderr=stderr, environment={"COLUMNS": "200"})
    return status, stdout.getvalue(), stderr.getvalue()


@pytest.fixture
def body(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A body that Python 2 and chumpy wrote, in the current folder."""
    monkeypatch.chdir(tmp_path)
    packed = repository / "tests/sherf_core/body/python2/body.pkl.xz"
    path = Path("SMPL_NEUTRAL.pkl")
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    return path


def test_a_body_becomes_plain_arrays(body: Path) -> None:
    status, text, news = convert(str(body))
    assert (status, news) == (ExitCode.FINE, "")
    assert text.startswith("✓ SMPL_NEUTRAL.npz (")
    for name in ("v_template", "shapedirs", "weights", "J_regressor"):
        assert name in text
    with np.load("SMPL_NEUTRAL.npz", allow_pickle=False) as arrays:
        assert arrays["J_regressor"].shape == (24, 30)
    before, after = load_body(body), load_body("SMPL_NEUTRAL.npz")
    assert np.array_equal(before.shapedirs, after.shapedirs)
    assert np.array_equal(before.J_regressor, after.J_regressor)


def test_json_is_alone_on_standard_output(body: Path) -> None:
    status, text, _ = convert(str(body), "-o", "made.npz", "--json")
    assert status == ExitCode.FINE
    size = Path("made.npz").stat().st_size
    expected = {"kind": "body", "source": str(body), "out": "made.npz", "bytes": size, "network": None}
    assert json.loads(text) == expected


def test_nothing_is_overwritten_unasked(body: Path) -> None:
    Path("SMPL_NEUTRAL.npz").write_bytes(b"mine")
    status, _, news = convert(str(body))
    assert status == ExitCode.FAILED
    assert "is there already" in news
    assert "--overwrite" in news
    assert Path("SMPL_NEUTRAL.npz").read_bytes() == b"mine"
    assert convert(str(body), "--overwrite")[0] == ExitCode.FINE
    assert Path("SMPL_NEUTRAL.npz").read_bytes() != b"mine"


def test_a_file_never_takes_its_own_place(body: Path) -> None:
    convert(str(body))
    before = Path("SMPL_NEUTRAL.npz").read_bytes()
    status, _, news = convert("SMPL_NEUTRAL.npz", "--overwrite")
    assert status == ExitCode.FAILED
    assert "name another file with --out\n" in news
    assert Path("SMPL_NEUTRAL.npz").read_bytes() == before


def test_what_is_for_checkpoints_alone(body: Path) -> None:
    for option in (("--half",), ("--which", "g_ema")):
        status, _, news = convert(str(body), *option)
        assert status == ExitCode.FAILED
        assert "no checkpoint" in news
    assert not Path("SMPL_NEUTRAL.npz").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("SHERF_RenderPeople.pkl", b"<html>expired</html>", "CKPT.FILE"),
        ("SMPL_NEUTRAL.pkl", b"<html>log in</html>", "SMPL.HTML"),
        ("SHERF_RenderPeople.pkl", b"\x80\x04ctorch\nTensor\n", "CKPT.FILE"),
    ],
)
def test_broken_files_are_named_for_what_they_are(
    name: str, content: bytes, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    status, text, news = convert(name)
    assert (status, text) == (ExitCode.FAILED, "")
    assert f"[{code}]" in news
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sherf_core.io.convert.manifest", lambda: published_files.EXPECTED)
    small_checkpoint = tmp_path / "SHERF_small.pkl"
    small_checkpoint.write_bytes(published_files.checkpoint())
    status, text, _ = convert(str(small_checkpoint), "--json")
    assert status == ExitCode.FINE
    document = json.loads(text)
    assert (document["kind"], document["network"]) == ("checkpoint", "G")
    assert document["out"] == str(small_checkpoint.with_suffix(".safetensors"))
    assert Path(document["out"]).stat().st_size == document["bytes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothere.pkl",), "nothere.pkl is not there"),
        (("SHERF_nothere.pkl",), "SHERF_nothere.pkl is not there"),
        ((".",), ". cannot be read: it is a folder"),
        (("pipe.pkl",), "no regular file"),
        (("plain.safetensors",), "is a plain file already"),
        (("SMPL_NEUTRAL.pkl", "-o", "b.safetensors"), "--out b.npz"),
        (("SMPL_NEUTRAL.pkl", "-o", "b"), "--out b.npz"),
        (("SMPL_NEUTRAL.pkl", "-o", "folder"), "--out folder/NAME.npz"),
        (("SMPL_NEUTRAL.pkl", "-o", "folder", "--overwrite"), "folder is a folder"),
        (("SHERF_small.pkl", "-o", "w.npz"), "--out w.safetensors"),
    ],
)
def test_names_that_cannot_be_meant(body: Path, arguments: tuple[str, ...], words: str) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe.pkl")
    Path("plain.safetensors").write_bytes((0x3C20).to_bytes(8, "little") + b"{}".ljust(0x3C20))
    Path("SHERF_small.pkl").write_bytes(published_files.checkpoint())
    before = sorted(Path().rglob("*"))
    status, text, news = convert(*arguments)
    assert (status, text) == (ExitCode.FAILED, "")
    assert words in news
    assert "[SMPL." not in news
    assert sorted(Path().rglob("*")) == before

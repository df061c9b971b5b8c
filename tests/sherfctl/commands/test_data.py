"""Own data, and the published layouts, through the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sherfctl.app import run
from tests.layouts.humman import write_humman
from tests.layouts.photographs import Lens
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run a command line in an empty folder: (exit status, standard output, standard error)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("sherf_core.data.locations.search_roots", lambda: (tmp_path / "here",))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*words):
        stdout, stderr = io.StringIO(), io.StringIO()
        status = run([str(word) for word in words], stdout=stdout, stderr=stderr, environment={"COLUMNS": "80"})
        return status, stdout.getvalue(), " ".join(stderr.getvalue().split())

    return call


def test_the_example_is_written_checked_and_evaluated(start):
    status, stdout, _ = start("data", "example", "mine")
    assert status == 0
    assert "sherfctl data check mine" in stdout
    status, stdout, _ = start("data", "check", "mine", "--json")
    assert status == 0
    document = json.loads(stdout)
    assert (document["usable"], document["problems"]) == (True, [])
    words = document["next"].split()[1:]
    assert words == ["run", "eval", "--dataset", "own", "--data", "mine"]
    status, stdout, _ = start(*words, "--profile", "cpu", "--resolution", 64, "--json")
    assert status == 0
    document = json.loads(stdout)
    assert document["dataset"]["name"] == "own"
    assert document["dataset"]["images"] == 4
    assert document["weights"] == "demo"
    assert any("tells nothing of new views: paul" in note for note in document["notes"])
    assert Path(document["out"], "report.html").is_file()
    status, stdout, _ = start(*words, "--profile", "cpu", "--resolution", 64, "--subjects", "dora", "--dry-run")
    assert status == 0
    assert "paul" not in stdout


def test_a_folder_with_problems_fails_and_tells_all_of_them(start):
    start("data", "example", "mine")
    path = Path("mine/data.json")
    content = json.loads(path.read_text())
    content["people"]["paul"]["frames"][0]["K"] = 5
    del content["people"]["dora"]["frames"][2]["R"]
    path.write_text(json.dumps(content))
    status, stdout, _ = start("data", "check", "mine")
    assert status == 1
    told = " ".join(stdout.split())
    for words in ("people.paul.frames[0].K", "people.dora.frames[2].R: is missing", "3x3 numbers, by rows"):
        assert words in told
    status, stdout, _ = start("data", "check", "mine", "--json")
    assert status == 1
    document = json.loads(stdout)
    assert document["usable"] is False
    assert len(document["problems"]) == 2
    assert document["next"] is None
    status, _, stderr = start("run", "eval", "--dataset", "own", "--data", "mine")
    assert status == 1
    assert "sherfctl data check mine" in stderr
    status, _, stderr = start("data", "example", "mine")
    assert status == 1
    assert "not empty" in stderr


def write(dataset: str, root: Path) -> tuple[str, int]:
    """One test subject; returns its name and how many frames its evaluation misses."""
    if dataset == "THuman":
        write_thuman(root, ["ann"], size=64, frames=3, lens=Lens((0.3, 0, 0, 0, 0)), backslashes=True)
        return "ann", 3 * 12
    if dataset == "HuMMan":
        write_humman(root, ["p000455_a000986"], size=(96, 54), poses=(0, 6))
        return "p000455_a000986", 15 * 10
    write_zju_mocap(root, ["CoreView_313"], size=64, frames=21)
    return "CoreView_313", 23 * 10


@pytest.mark.parametrize("dataset", ["THuman", "HuMMan", "ZJU-MoCap"])
def test_every_published_layout_is_evaluated(start, tmp_path, dataset):
    name, missing = write(dataset, tmp_path / "data")
    words = ("run", "eval", "--profile", "cpu", "--dataset", dataset, "--data", tmp_path / "data", "--subjects", name)
    words += ("--body", "embedded", "--checkpoint", "untrained", "--resolution", 64, "--limit", 1, "--json")
    status, stdout, stderr = start(*words)
    assert status == 0, stderr
    document = json.loads(stdout)
    assert document["dataset"]["name"] == dataset
    assert document["dataset"]["missing_frames"] == missing
    image = document["images"][0]
    assert image["metrics"]["paper"]["psnr"]["value"] > 5
    assert "64x36 pixels" in stderr if dataset == "HuMMan" else "64x64 pixels" in stderr

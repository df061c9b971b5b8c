import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from sherf_core.data.discover import WeightKind
from sherf_core.data.splits import DEMO
from sherf_core.errors import BodyFileError, BrokenFileError, CheckpointError, ConfigurationError
from sherf_core.evaluate.job import Options, prepare
from sherf_core.metrics.vgg_files import WEIGHTS_NAME

SIDE = 300


@pytest.fixture
def people(tmp_path):
    """One person, called three times, with the frames that the demo split needs."""
    root = tmp_path / "people"
    identity = np.eye(3).tolist()
    cameras = {f"camera{view:04d}": {"K": identity, "R": identity, "T": [0, 0, 3]} for view in range(36)}
    for view in (*DEMO.novel_view_targets, 0):
        for kind, suffix in (("img", "jpg"), ("mask", "png")):
            folder = root / "cem" / kind / f"camera{view:04d}"
            folder.mkdir(parents=True)
            for pose in range(3):
                Image.new("RGB", (SIDE, SIDE), (90, 90, 90)).save(folder / f"{pose:04d}.{suffix}")
    (root / "cem" / "cameras.json").write_text(json.dumps(cameras))
    (root / "cem" / "outputs_re_fitting").mkdir()
    fits = {"betas": (1, 10), "global_orient": (3, 3), "body_pose": (3, 69), "transl": (3, 3)}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in fits.items()}
    np.savez(root / "cem" / "outputs_re_fitting" / "refit_smpl_2nd.npz", smpl=arrays)
    (root / "human_list.txt").write_text("cem\ncem\ncem\n")
    return root


@pytest.fixture
def options(people, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")

    def make(**changes):
        return Options(folder=tmp_path, roots=(tmp_path,), dataset="demo", data=people, **changes)

    return make


def test_resolution_is_the_splits_unless_the_profile_or_the_user_says_otherwise(options):
    assert prepare(options()).reader.resolution == 256
    assert prepare(options(resolution_limit=128)).reader.resolution == 128
    assert prepare(options(resolution_limit=512)).reader.resolution == 256
    assert prepare(options(resolution_limit=128, resolution=300)).reader.resolution == 300
    with pytest.raises(ConfigurationError, match="too small"):
        prepare(options(resolution=63))


def test_every_setting_that_changes_the_figures_changes_the_fingerprint(options):
    base = prepare(options(checkpoint="untrained"))
    same = prepare(options(checkpoint="untrained", profile="other", points_per_chunk=5, limit=2, device="cpu"))
    assert same.folder.fingerprint == base.folder.fingerprint
    for change in (
        {"resolution": 128},
        {"statistics": "running"},
        {"precision": "tf32"},
        {"program": {"sherfctl": "9"}},
    ):
        assert prepare(options(checkpoint="untrained", **change)).folder.fingerprint != base.folder.fingerprint


def test_without_shipped_demo_weights_the_weights_are_called_untrained(options, monkeypatch, tmp_path):
    monkeypatch.setattr("sherf_core.model.demo.DEMO_WEIGHTS", tmp_path / "none.safetensors")
    job = prepare(options())
    assert job.weights is WeightKind.UNTRAINED
    assert job.files["checkpoint_sha256"] is None
    assert job.describe()["weights"] == "untrained"


def test_a_description_is_plain_json(options):
    described = prepare(options(limit=2)).describe()
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described["pictures"] == 2
    assert described["lpips"].startswith("not measured: it needs the VGG16 weights")
    assert described["out"].endswith("runs/eval-demo-partial")
    assert prepare(options(limit=9)).describe()["out"].endswith("runs/eval-demo")
    assert prepare(options(subjects=("0",))).describe()["out"].endswith("runs/eval-demo-partial")


def test_a_plan_says_that_there_is_no_list(options, people):
    (people / "human_list.txt").unlink()
    described = prepare(options(subjects=("cem",))).describe()
    assert any("no human_list.txt was found" in note for note in described["notes"])


def test_a_broken_vgg_file_stops_the_run_with_a_way_out(options, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / WEIGHTS_NAME).write_bytes(b"<html>")
    job = prepare(options())
    assert job.vgg == tmp_path / "assets" / WEIGHTS_NAME
    # A good run with other settings lies where this one would write: it stays.
    job.folder.path.mkdir(parents=True)
    (job.folder.path / "run.json").write_text('{"fingerprint": "good", "settings": {}}')
    (job.folder.path / "metrics.json").write_text("{}")
    with pytest.raises(BrokenFileError, match="SHA-256") as caught:
        job.run()
    assert WEIGHTS_NAME in caught.value.fix
    assert sorted(path.name for path in job.folder.path.iterdir()) == ["metrics.json", "run.json"]


def test_preparing_looks_into_the_users_files(options, tmp_path):
    """So a dry run tells of them, and nothing is moved aside for a run that cannot start."""
    checkpoint = tmp_path / "other.safetensors"
    save_file({"a.weight": np.zeros(3, np.float32)}, checkpoint)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        prepare(options(checkpoint=str(checkpoint)))
    body = tmp_path / "SMPL_NEUTRAL.pkl"
    body.write_bytes(b"<html>")
    with pytest.raises(BodyFileError, match="web page"):
        prepare(options(body=str(body)))
    with pytest.raises(ConfigurationError, match="smaller than the resolution"):
        prepare(options(resolution=SIDE + 1))

"""Where the user's files are looked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sherf_core.data import locations


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_locations_of_the_body(tmp_path: Path) -> None:
    assert locations.find_body([tmp_path]) is None
    touch(tmp_path, "models/smpl/smpl_neutral.PKL")
    assert locations.find_body([tmp_path]) == tmp_path / "models/smpl/smpl_neutral.PKL"
    touch(tmp_path, "assets/SMPL_NEUTRAL.npz", "assets/SMPL_FEMALE.pkl")
    assert locations.find_body([tmp_path]) == tmp_path / "assets/SMPL_NEUTRAL.npz"


def test_a_link_that_leads_nowhere_comes_last(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/SMPL_NEUTRAL.pkl").symlink_to("gone")
    assert locations.find_body([tmp_path]) == tmp_path / "assets/SMPL_NEUTRAL.pkl"
    touch(tmp_path, "models/SMPL_NEUTRAL.npz")
    assert locations.find_body([tmp_path]) == tmp_path / "models/SMPL_NEUTRAL.npz"


def test_locations_of_checkpoints_and_data(tmp_path: Path) -> None:
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) is None
    touch(tmp_path, "models/smpl/SHERF_RenderPeople.pkl", "models/smpl/SHERF_THuman.pkl")
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) == tmp_path / "models/smpl/SHERF_RenderPeople.pkl"
    touch(tmp_path, "models/smpl/SHERF_RenderPeople.safetensors")
    found = locations.find_checkpoint("RenderPeople", [tmp_path])
    assert found == tmp_path / "models/smpl/SHERF_RenderPeople.safetensors"
    assert locations.find_dataset("RenderPeople", [tmp_path]) is None
    (tmp_path / "data/RenderPeople_recon/20230228").mkdir(parents=True)
    assert locations.find_dataset("RenderPeople", [tmp_path]) == tmp_path / "data/RenderPeople_recon/20230228"
    assert locations.find_dataset("demo", [tmp_path]) is None


def test_checkpoints_under_the_logs_of_the_published_code(tmp_path: Path) -> None:
    deep = "logs/RenderPeople/a run/00000-x/SHERF_RenderPeople"
    touch(tmp_path, "logs/SHERF_THuman.pkl", "logs/network-snapshot-000800.pkl", f"{deep}.pkl")
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) == tmp_path / f"{deep}.pkl"
    touch(tmp_path, f"{deep}.safetensors")
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) == tmp_path / f"{deep}.safetensors"
    touch(tmp_path, "models/SHERF_RenderPeople.pkl")
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) == tmp_path / "models/SHERF_RenderPeople.pkl"
    assert locations.find_checkpoint("HuMMan", [tmp_path]) is None


def test_the_walk_through_logs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "logs/1/2/3/4/5/6/SHERF_HuMMan.pkl", "logs/1/2/3/4/5/SHERF_THuman.pkl")
    assert locations.find_checkpoint("HuMMan", [tmp_path]) is None
    assert locations.find_checkpoint("THuman", [tmp_path]) is not None
    (tmp_path / "logs/1/circle").symlink_to(tmp_path / "logs")
    assert locations.find_checkpoint("HuMMan", [tmp_path]) is None
    monkeypatch.setattr(locations, "LOG_ENTRIES", 4)
    assert locations.find_checkpoint("THuman", [tmp_path]) is None


def test_the_weights_for_zju_mocap_have_their_published_name(tmp_path: Path) -> None:
    touch(tmp_path, "models/smpl/SHERF_zju_mocap.pkl")
    assert locations.find_checkpoint("ZJU-MoCap", [tmp_path]) == tmp_path / "models/smpl/SHERF_zju_mocap.pkl"


def test_the_current_folder_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations.search_roots()[0] == tmp_path
    touch(tmp_path, "assets/SMPL_NEUTRAL.pkl")
    assert locations.find_body() == tmp_path / "assets/SMPL_NEUTRAL.pkl"


def test_the_folder_named_in_the_environment_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    touch(home, "assets/SMPL_NEUTRAL.pkl", "models/smpl/SHERF_RenderPeople.safetensors")
    monkeypatch.chdir(here)
    monkeypatch.delenv("SHERFCTL_HOME", raising=False)
    assert home not in locations.search_roots()
    monkeypatch.setenv("SHERFCTL_HOME", str(home))
    assert locations.search_roots()[:2] == (here, home)
    assert locations.find_checkpoint("RenderPeople") == home / "models/smpl/SHERF_RenderPeople.safetensors"
    touch(here, "assets/SMPL_NEUTRAL.npz")
    assert locations.find_body() == here / "assets/SMPL_NEUTRAL.npz"


def test_the_source_checkout_comes_last(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locations.search_roots()[-1] == repository


def test_looking_for_files_needs_no_heavy_package() -> None:
    script = "import sys, sherf_core.data.locations; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_each_data_set_has_its_place_and_its_weights(tmp_path: Path) -> None:
    places = {"THuman": "data/THuman/nerf_data_", "HuMMan": "data/HuMMan/recon", "ZJU-MoCap": "data/zju_mocap"}
    for dataset, place in places.items():
        (tmp_path / place).mkdir(parents=True)
        assert locations.find_dataset(dataset, [tmp_path]) == tmp_path / place
    touch(tmp_path, "models/smpl/SHERF_zju_mocap.pkl", "models/SHERF_THuman.pkl")
    assert locations.find_checkpoint("ZJU-MoCap", [tmp_path]) == tmp_path / "models/smpl/SHERF_zju_mocap.pkl"
    assert locations.find_checkpoint("THuman", [tmp_path]) == tmp_path / "models/SHERF_THuman.pkl"
    assert locations.find_checkpoint("HuMMan", [tmp_path]) is None

"""Collector for the folder where the user works."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.facts.records import CaseTwin, WorkFolderFacts
from checks.facts.work import case_twin, work_facts
from sherf_core.metrics.vgg_files import WEIGHTS_NAME


@pytest.fixture(autouse=True)
def no_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nobody"))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def look(root: Path, dataset: str = "RenderPeople", here: str = "") -> WorkFolderFacts:
    return work_facts(dataset, root / here, [root], root / "Downloads")


def test_an_empty_folder(tmp_path: Path) -> None:
    facts = look(tmp_path)
    assert (facts.photos.count, facts.photos.of) == (0, 0)
    assert facts.model_copy(update={"photos": WorkFolderFacts().photos}) == WorkFolderFacts(perceptual="")


def test_a_copy_of_the_published_code(tmp_path: Path) -> None:
    touch(tmp_path, "s/train.py", "s/dnnlib/x", "s/torch_utils/x", "s/training/x", "s/data/deep/x")
    assert look(tmp_path, here="s").published_checkout == str(tmp_path / "s")
    assert look(tmp_path, here="s/data/deep").published_checkout == str(tmp_path / "s")
    assert look(tmp_path).published_checkout == ""
    (tmp_path / "s/train.py").unlink()
    assert look(tmp_path, here="s").published_checkout == ""


def test_loose_photos_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, *(f"me{number}.JPG" for number in range(7)), "a.png", "notes.txt", "data/img/0000.jpg")
    photos = look(tmp_path).photos
    assert (photos.count, photos.of) == (8, 9)
    assert photos.examples == ("a.png", "me0.JPG", "me1.JPG", "me2.JPG", "me3.JPG")


def test_files_that_nothing_reads_and_the_perceptual_weights(tmp_path: Path) -> None:
    touch(tmp_path, "assets/SMPL_NEUTRAL_renderpeople.pkl", f"assets/{WEIGHTS_NAME}")
    facts = look(tmp_path)
    assert facts.unneeded_bodies == (str(tmp_path / "assets/SMPL_NEUTRAL_renderpeople.pkl"),)
    assert facts.perceptual == str(tmp_path / "assets" / WEIGHTS_NAME)


def test_checkpoints_elsewhere_and_of_other_data(tmp_path: Path) -> None:
    touch(tmp_path, "models/SHERF_THuman.pkl", "models/other.pkl", "Downloads/SHERF_zju_mocap.pkl")
    facts = look(tmp_path, "ZJU-MoCap")
    assert facts.stray_checkpoints == (str(tmp_path / "Downloads/SHERF_zju_mocap.pkl"),)
    assert facts.other_checkpoints == (str(tmp_path / "models/SHERF_THuman.pkl"),)
    touch(tmp_path, "models/smpl/SHERF_zju_mocap.safetensors")
    assert look(tmp_path, "ZJU-MoCap").stray_checkpoints == ()
    assert look(tmp_path, "THuman").other_checkpoints == (str(tmp_path / "models/smpl/SHERF_zju_mocap.safetensors"),)


def test_twins_of_each_kind(tmp_path: Path) -> None:
    touch(tmp_path, "Assets/SMPL_Neutral.pkl", "Models/SMPL/sherf_renderpeople.pkl", "Data/RenderPeople/human_list.txt")
    twins = set(look(tmp_path).case_twins)
    wanted = {
        "body": ("assets/SMPL_NEUTRAL.pkl", "Assets/SMPL_Neutral.pkl"),
        "checkpoint": ("models/smpl/SHERF_RenderPeople.pkl", "Models/SMPL/sherf_renderpeople.pkl"),
        "data": ("data/RenderPeople", "Data/RenderPeople"),
    }
    assert twins == {
        CaseTwin(wanted=str(tmp_path / right), found=str(tmp_path / wrong), what=what)  # type: ignore[arg-type]
        for what, (right, wrong) in wanted.items()
    }


def test_what_is_there_has_no_twin(tmp_path: Path) -> None:
    touch(tmp_path, "assets/SMPL_NEUTRAL.pkl", "Assets/smpl_neutral.pkl", "data/RenderPeople_recon/20230228/x")
    assert look(tmp_path).case_twins == ()
    assert case_twin(tmp_path, "assets/SMPL_NEUTRAL.pkl") is None
    assert case_twin(tmp_path, "nothing/at/all") is None


def test_links_that_lead_nowhere_are_no_twins(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name in ("SMPL_NEUTRAL.pkl", "smpl_neutral.pkl"):
        (tmp_path / "assets" / name).symlink_to("gone")
    assert case_twin(tmp_path, "assets/SMPL_NEUTRAL.pkl") is None


def test_a_twin_is_found_in_any_of_several_folders(tmp_path: Path) -> None:
    touch(tmp_path, "ASSETS/other", "Assets/SMPL_NEUTRAL.PKL")
    assert case_twin(tmp_path, "assets/SMPL_NEUTRAL.pkl") == tmp_path / "Assets/SMPL_NEUTRAL.PKL"

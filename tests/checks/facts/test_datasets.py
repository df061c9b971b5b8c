from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checks.facts.datasets as collector
from checks.facts.datasets import dataset_facts
from checks.facts.datasets.annotations import read_annotations
from checks.facts.datasets.cameras import Camera
from checks.facts.datasets.pictures import share_inside
from checks.facts.records import Tally
from sherf_core.body.files import FREE_BODY
from tests.layouts.annotated import save_object
from tests.layouts.humman import write_humman
from tests.layouts.photographs import Lens
from tests.layouts.renderpeople import write_renderpeople
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap

DEMO = Path(__file__).parents[3] / "sherf_core" / "data" / "demo"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in that holds nothing of the user's."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("SHERFCTL_HOME", raising=False)


@pytest.mark.parametrize("place", ["human_list.txt", "../human_list.txt"])
def test_people_are_counted(tmp_path: Path, place: str) -> None:
    root = tmp_path / "20230228"
    for number in range(7):
        (root / f"person_{number}").mkdir(parents=True)
    (root / place).write_text("\n".join(f"person_{number}" for number in range(15)) + "\n\n")
    facts = dataset_facts("RenderPeople", root, depth="quick")
    assert (facts.exists, facts.listed, facts.folders, facts.missing_count) == (True, 15, 7, 8)
    assert facts.missing == ("person_7", "person_8", "person_9", "person_10", "person_11")
    assert facts.train_subjects_missing.count == 450 - 7
    assert facts.train_subjects_missing.examples[0] == "person_7"


def test_data_without_a_list_and_without_a_folder(tmp_path: Path) -> None:
    for name in ("person/img", "notes", ".cache/img", "__MACOSX/img"):
        (tmp_path / "d" / name).mkdir(parents=True)
    facts = dataset_facts("RenderPeople", tmp_path / "d")
    assert (facts.exists, facts.list_file, facts.listed, facts.folders) == (True, "", None, 1)
    assert facts.people == ("person",)
    gone = dataset_facts("RenderPeople", tmp_path / "nothing")
    assert (gone.exists, gone.root) == (False, str(tmp_path / "nothing"))
    nowhere = dataset_facts("ZJU-MoCap", None)
    assert (nowhere.exists, nowhere.root) == (False, "")


def test_a_folder_called_img_is_no_sign_of_a_person(tmp_path: Path) -> None:
    for name in ("img", "site/page/img", "empty"):
        (tmp_path / name).mkdir(parents=True)
    for data in ("empty", "site"):
        facts = dataset_facts("RenderPeople", tmp_path / data, depth="quick")
        assert facts.subjects_at == ""
    (tmp_path / "site/page/cameras.json").touch()
    # Now `page` is one, and `site` holds it.
    assert dataset_facts("RenderPeople", tmp_path / "site/page/img", depth="quick").subjects_at == str(
        tmp_path / "site"
    )
    assert dataset_facts("RenderPeople", tmp_path, depth="quick").subjects_at == str(tmp_path / "site")


def test_a_folder_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(collector, "child_folders", refuse)
    facts = dataset_facts("ZJU-MoCap", tmp_path)
    assert (facts.exists, facts.folders) == (True, 0)
    assert facts.problem == "PermissionError: [Errno 13] Permission denied"


def test_a_quick_look_reads_no_subject(tmp_path: Path) -> None:
    write_renderpeople(tmp_path / "set", ["ann"], views=2)
    facts = dataset_facts("RenderPeople", tmp_path / "set", depth="quick")
    taken = {name for name, value in facts if getattr(value, "of", None) is not None}
    assert taken == {"test_subjects_missing", "train_subjects_missing"}


def test_a_quick_look_needs_no_heavy_package() -> None:
    script = (
        "import sys, pathlib; from checks.facts.datasets import dataset_facts; "
        f"dataset_facts('RenderPeople', pathlib.Path({str(DEMO)!r}), depth='quick'); "
        "print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_shipped_people_fit_their_bodies() -> None:
    facts = dataset_facts("RenderPeople", DEMO)
    assert (facts.misfits.count, facts.misfits.of) == (0, 36 + 2)
    assert (facts.wrong_pictures.count, facts.unreadable_pictures.count, facts.incomplete.count) == (0, 0, 0)


def test_without_a_body_fits_are_not_judged(tmp_path: Path) -> None:
    write_renderpeople(tmp_path / "set", ["ann"])
    facts = dataset_facts("RenderPeople", tmp_path / "set")
    assert facts.wrong_pictures.of == 36
    assert facts.misfits.of is None


def test_the_body_of_the_user_judges_them(tmp_path: Path) -> None:
    Path("assets").mkdir()
    shutil.copy(FREE_BODY, "assets/SMPL_NEUTRAL.npz")
    write_humman(tmp_path / "set", ["ann"], poses=(0, 6, 12))
    facts = dataset_facts("HuMMan", tmp_path / "set", depth="deep")
    assert (facts.misfits.count, facts.misfits.of, facts.wrong_pictures.of) == (0, 10, 30)
    for path in (tmp_path / "set" / "ann" / "smpl_params").iterdir():
        values = dict(np.load(path))
        np.savez(path, **{**values, "transl": values["transl"] + np.float32(0.6)})
    spoilt = dataset_facts("HuMMan", tmp_path / "set", depth="deep").misfits
    assert spoilt.count == 10
    assert "of the body on the mask" in spoilt.examples[0]


def test_a_broken_body_is_no_trouble_of_the_data(tmp_path: Path) -> None:
    Path("assets").mkdir()
    Path("assets/SMPL_NEUTRAL.pkl").write_bytes(b"<html>")
    write_renderpeople(tmp_path / "set", ["ann"])
    facts = dataset_facts("RenderPeople", tmp_path / "set")
    assert facts.misfits.of is None
    assert facts.incomplete.count == 0


def test_a_lens_that_bends_is_followed(tmp_path: Path) -> None:
    # Strong enough to pull the head and the feet towards the middle by more than their own size.
    lens = Lens((-4.0, 0.0, 0.0, 0.0, 0.0))
    (person,) = write_thuman(tmp_path / "set", ["results_a"], size=128, lens=lens)
    facts = dataset_facts("THuman", tmp_path / "set")
    assert (facts.misfits.count, facts.misfits.of) == (0, 24)
    annotations = read_annotations(tmp_path / "set/results_a/annots.npy", lenses=True)
    mask = np.asarray(Image.open(tmp_path / "set/results_a/mask_cihp/images/00/0000.png")) > 0
    bent = annotations.cameras[0]
    straight = Camera(bent.K, bent.R, bent.T)
    assert share_inside(person.vertices(0), bent, mask) == pytest.approx(1, abs=0.01)
    assert share_inside(person.vertices(0), straight, mask) < 0.95


def test_the_share_counts_points_beside_the_mask_and_outside_the_picture() -> None:
    camera = Camera(np.diag([10.0, 10.0, 1.0]), np.eye(3), np.zeros(3))
    mask = np.zeros((100, 100), bool)
    mask[20:40, 20:40] = True
    # Pixels 30 (on it), 41 (one beside), 60 (off it), -100 (outside), and one behind the camera.
    points = np.array([[3.0, 3, 1], [4.0, 3, 1], [6, 3, 1], [-10, 3, 1], [3, 3, -1]])
    assert share_inside(points, camera, mask) == pytest.approx(2 / 5)
    mask[:, 0] = True  # the person is cut by the border, so what lies outside cannot be judged
    assert share_inside(points, camera, mask) == pytest.approx(2 / 3)
    assert share_inside(points, camera, np.zeros_like(mask)) is None
    assert share_inside(points[3:], camera, mask) == 0


def test_deep_looks_at_all_that_the_split_uses_and_tells_how_far_it_is(tmp_path: Path) -> None:
    write_zju_mocap(tmp_path / "set", ["CoreView_377", "CoreView_386"], frames=11, views=21)
    seen: list[tuple[int, int]] = []
    facts = dataset_facts("ZJU-MoCap", tmp_path / "set", depth="deep", on_progress=lambda *how: seen.append(how))
    # 20 cameras of the 21; the test uses pose 0 of eleven, training poses 0, 5 and 10.
    total = 20 * (1 + 3)
    assert (facts.deep, facts.wrong_pictures.of, facts.frames_missing.of) == (True, total, total + 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    broken = tmp_path / "set/CoreView_386/Camera_B20/000010.jpg"
    broken.write_bytes(broken.read_bytes()[:-40])
    assert dataset_facts("ZJU-MoCap", tmp_path / "set").unreadable_pictures.count == 0
    found = dataset_facts("ZJU-MoCap", tmp_path / "set", depth="deep").unreadable_pictures
    assert (found.count, found.in_training) == (1, 1)
    assert found.examples[0].startswith("CoreView_386/Camera_B20/000010.jpg: ")


def test_the_same_sample_every_time(tmp_path: Path) -> None:
    write_zju_mocap(tmp_path / "set", [f"CoreView_{number}" for number in (377, 313, 315, 386, 387)])
    first = dataset_facts("ZJU-MoCap", tmp_path / "set")
    assert dataset_facts("ZJU-MoCap", tmp_path / "set") == first
    assert first.wrong_pictures.of == 20 + 4


def test_a_short_sequence_is_whole(tmp_path: Path) -> None:
    # HuMMan's recordings differ in length; the published poses go up to 96.
    write_humman(tmp_path / "set", ["ann"], poses=(0, 6, 12))
    facts = dataset_facts("HuMMan", tmp_path / "set")
    assert (facts.frames_missing.count, facts.frames_missing.of) == (0, 33)
    (tmp_path / "set/ann/smpl_params/000006.npz").unlink()
    assert dataset_facts("HuMMan", tmp_path / "set").frames_missing.examples == ("ann/smpl_params/000006.npz",)


def test_long_and_short_names_of_313_are_both_found(tmp_path: Path) -> None:
    write_zju_mocap(tmp_path / "long", ["CoreView_313"], short_names=False)
    facts = dataset_facts("ZJU-MoCap", tmp_path / "long")
    assert (facts.odd_names.count, facts.names_unfound.count, facts.wrong_pictures.of) == (0, 0, 20)
    write_zju_mocap(tmp_path / "short", ["CoreView_313"])
    facts = dataset_facts("ZJU-MoCap", tmp_path / "short")
    assert (facts.odd_names.count, facts.names_unfound.count, facts.wrong_pictures.of) == (20, 0, 20)
    assert facts.misfits.of == 20
    assert facts.misfits.count == 0


@pytest.mark.parametrize("path", ["../../secret.jpg", "/etc/passwd", "images\\..\\..\\secret.jpg", "a\0b.jpg", ""])
def test_annotations_cannot_lead_out_of_their_folder(tmp_path: Path, path: str) -> None:
    root = tmp_path / "set"
    write_thuman(root, ["results_a"])
    Image.new("RGB", (32, 32)).save(tmp_path / "secret.jpg")
    content = np.load(root / "results_a/annots.npy", allow_pickle=True).item()
    content["ims"] = [{"ims": [path, *pose["ims"][1:]]} for pose in content["ims"]]
    save_object(root / "results_a/annots.npy", content)
    facts = dataset_facts("THuman", root)
    assert facts.frames_missing.count == 1
    assert facts.frames_missing.examples[0].startswith("results_a/outside/")


@pytest.mark.parametrize("depth", ["normal", "deep"])
def test_rubbish_in_every_file_is_counted_and_never_raised(tmp_path: Path, depth: collector.Depth) -> None:
    generator = np.random.default_rng(0)
    writers = {
        "RenderPeople": lambda root: write_renderpeople(root, ["ann"]),
        "THuman": lambda root: write_thuman(root, ["results_a"]),
        "HuMMan": lambda root: write_humman(root, ["ann"], poses=(0,)),
        "ZJU-MoCap": lambda root: write_zju_mocap(root, ["CoreView_377"], views=20),
    }
    for name, writer in writers.items():
        whole = tmp_path / name / "whole"
        writer(whole)
        observed = dataset_facts(name, whole, depth=depth)
        missing = observed.test_subjects_missing.count + observed.train_subjects_missing.count
        files = [
            path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file() and path.parent != whole
        ]
        # The first file of each kind: of each folder of the subject, and those in it.
        first = {path.parts[1]: path for path in reversed(files)}
        assert len(first) >= 4
        for number, path in enumerate(first.values()):
            spoilt = tmp_path / name / str(number)
            shutil.copytree(whole, spoilt)
            (spoilt / path).write_bytes(generator.bytes(500))
            facts = dataset_facts(name, spoilt, depth=depth)
            tallies = [value for _, value in facts if isinstance(value, Tally)]
            assert sum(tally.count for tally in tallies) > missing, path


def test_an_enormous_picture_is_not_decoded(tmp_path: Path) -> None:
    write_renderpeople(tmp_path / "set", ["ann"])
    Image.new("1", (9000, 9000)).save(tmp_path / "set/ann/mask/camera0005/0000.png")
    facts = dataset_facts("RenderPeople", tmp_path / "set")
    assert facts.wrong_pictures.examples == ("ann/mask/camera0005/0000.png: 9000x9000 pixels",)


def test_names_that_are_no_text_become_facts(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        (root / os.fsdecode(b"jos\xe9") / "img").mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    facts = dataset_facts("RenderPeople", root)
    assert facts.people == ("jos\\udce9",)
    assert facts.incomplete.examples[0] == "jos\\udce9/cameras.json"
    assert "caf" in facts.model_dump_json()


def test_links_that_lead_nowhere_and_folders_for_files(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_renderpeople(root, ["ann", "bob"])
    cameras, fits = root / "ann/cameras.json", root / "bob/outputs_re_fitting/refit_smpl_2nd.npz"
    cameras.unlink()
    os.symlink(tmp_path / "nothing", cameras)
    fits.unlink()
    fits.mkdir()
    facts = dataset_facts("RenderPeople", root)
    assert (facts.incomplete.count, facts.incomplete.of) == (2, 2)
    assert facts.incomplete.examples[0].startswith("ann: FileNotFoundError")

"""Poses, persons and the data set that is written of them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from sherf_core.body.files import load_body
from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.people.agreement import silhouette_inside_mask
from sherf_core.data.people.cameras import ring_around
from sherf_core.data.people.cuts import top_cut
from sherf_core.data.people.person import build_person
from sherf_core.data.people.picture import Person, posed_vertices
from sherf_core.data.people.poses import NAMED, named_pose, pose_sequence, random_stance
from sherf_core.data.people.rasterizer import project
from sherf_core.data.people.recipe import random_recipe
from sherf_core.data.people.skeleton import joint_rotations, joint_transforms
from sherf_core.data.people.wardrobe import load_wardrobe
from sherf_core.data.people.writer import PeopleSettings, is_complete, write_people
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.errors import ConfigurationError, DatasetError, SherfError

SMALL = PeopleSettings(seed=3, views=2, poses=1, size=96)
LEAST_INSIDE = 0.993
SHIPPED = ["person_0000", "person_0001", "person_0002"]
PERSON = [0, 0]
"""Seed of a person in shirt and trousers."""


@pytest.fixture(scope="module")
def person() -> Person:
    return build_person(random_recipe(np.random.default_rng(PERSON)), texture_step=0.006)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small subjects, made in this process."""
    folder = tmp_path_factory.mktemp("people")
    write_people(folder, 2, SMALL)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_body_lies_inside_the_masks(written: Path):
    arrays = load_body()
    for subject in ("person_0000", "person_0001"):
        assert silhouette_inside_mask(written, subject, arrays, SMALL.size).min() >= LEAST_INSIDE


def test_three_people_are_shipped():
    assert RenderPeople(DEMO_ROOT).subjects() == SHIPPED
    assert sum(path.stat().st_size for path in DEMO_ROOT.rglob("*") if path.is_file()) < 10e6


@pytest.mark.parametrize("subject", SHIPPED)
def test_a_shipped_person_is_whole_and_agrees_with_the_body_in_every_picture(subject: str):
    settings = PeopleSettings(**json.loads((DEMO_ROOT / subject / "people.json").read_text()))
    assert (settings.views, settings.poses, settings.size) == (36, 3, 512)
    assert is_complete(DEMO_ROOT / subject, settings)
    shares = silhouette_inside_mask(DEMO_ROOT, subject, load_body(), settings.size)
    assert shares.shape == (settings.poses, settings.views)
    assert shares.min() >= LEAST_INSIDE


def test_a_reader_finds_everything(written: Path):
    reader = RenderPeople(written, resolution=96)
    assert reader.subjects() == ["person_0000", "person_0001"]
    assert reader.views("person_0001") == [0, 1]
    assert reader.poses("person_0001") == [0]
    frame = reader.frame("person_0001", 0, 1)
    assert 0.02 < frame.mask.mean() < 0.4
    assert frame.image[frame.mask].mean() > 0.05
    np.testing.assert_array_equal(frame.body.R, np.eye(3))


def test_nobody_touches_the_picture_border(written: Path):
    reader = RenderPeople(written, resolution=96)
    for subject in reader.subjects():
        for pose in reader.poses(subject):
            for view in reader.views(subject):
                mask = reader.frame(subject, pose, view).mask
                border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
                assert not border.any()


def test_processes_and_order_change_no_byte(written: Path, tmp_path: Path):
    write_people(tmp_path, 2, SMALL, workers=2)
    assert digests(tmp_path) == digests(written)


def test_an_interrupted_run_goes_on(written: Path, tmp_path: Path):
    """The finished subject stays as it is, the half-made and the damaged ones are made again."""
    told: list[tuple[int, str]] = []

    class Stopped(Exception):
        pass

    def stop_in_second(pictures: int, subject: str) -> None:
        if subject == "person_0001":
            raise Stopped

    with pytest.raises(Stopped):
        write_people(tmp_path, 2, SMALL, report=stop_in_second)
    before = (tmp_path / "person_0000" / "cameras.json").stat().st_mtime_ns
    assert not (tmp_path / "person_0001").exists()
    write_people(tmp_path, 2, SMALL, report=lambda pictures, subject: told.append((pictures, subject)))
    assert (tmp_path / "person_0000" / "cameras.json").stat().st_mtime_ns == before
    assert told == [(-1, "person_0000")] + [(1, "person_0001")] * 2
    assert digests(tmp_path) == digests(written)
    next((tmp_path / "person_0001").glob("img/*/*.jpg")).unlink()
    assert not is_complete(tmp_path / "person_0001", SMALL)


def test_other_settings_in_the_same_folder_are_refused(written: Path):
    with pytest.raises(DatasetError, match="views 2 instead of 3"):
        write_people(written, 2, PeopleSettings(seed=3, views=3, poses=1, size=96))


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_damaged_settings_are_reported(tmp_path: Path, content: str):
    (tmp_path / "person_0000").mkdir()
    (tmp_path / "person_0000" / "people.json").write_text(content)
    with pytest.raises(DatasetError, match=r"people\.json is damaged") as caught:
        write_people(tmp_path, 1, SMALL)
    assert "remove the folder" in caught.value.fix


@pytest.mark.parametrize("name", ["person_0000", ".partial-person_0000"])
def test_a_folder_of_somebody_else_is_never_deleted(tmp_path: Path, name: str):
    own = tmp_path / name / "holiday.txt"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(DatasetError, match="not made by make-people") as caught:
        write_people(tmp_path, 1, SMALL)
    assert "another output folder" in caught.value.fix
    assert own.read_text() == "mine"


def test_a_worker_that_the_system_ends_is_reported_with_a_way_out(tmp_path: Path):
    """As the kernel does when memory runs out: the processes are killed, here at the first picture."""

    def kill_workers(pictures: int, subject: str) -> None:
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(SherfError, match="memory ran out") as caught:
        write_people(tmp_path, 2, PeopleSettings(seed=3, views=20, poses=1, size=64), workers=2, report=kill_workers)
    assert caught.value.code == "SYS.RAM"
    assert "--workers 1" in caught.value.fix
    assert not (tmp_path / "human_list.txt").exists()


def test_no_people_or_no_workers_are_refused(tmp_path: Path):
    for subjects, workers in ((0, 1), (1, 0)):
        with pytest.raises(ConfigurationError) as caught:
            write_people(tmp_path, subjects, SMALL, workers=workers)
        assert caught.value.fix


@pytest.mark.parametrize("wrong", [{"views": 0}, {"size": 8}, {"seed": -1}, {"poses": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, int]):
    with pytest.raises(ConfigurationError):
        PeopleSettings(**wrong)


@pytest.mark.parametrize("name", NAMED)
def test_everybody_stands_on_the_ground(person: Person, name: str):
    vertices, transl = posed_vertices(person, named_pose(name), load_wardrobe())
    assert vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert 1.0 < vertices[:, 1].max() < 2.4
    assert np.abs(transl[[0, 2]]).max() < 0.6


def test_hands_keep_clear_of_the_trunk():
    """In random poses both wrists stay outside a cylinder around the spine."""
    joints = load_wardrobe().anatomy.joints
    generator = np.random.default_rng(0)
    for _ in range(60):
        transforms = joint_transforms(joint_rotations(random_stance(generator).joint_angles()), joints)
        place = np.einsum("jab,jb->ja", transforms[:, :3, :3], joints) + transforms[:, :3, 3]
        for wrist in (20, 21):
            spine = place[[0, 3, 6, 9]]
            assert np.linalg.norm(place[wrist] - spine, axis=1).min() > 0.17


def test_pose_sequences_start_with_the_a_pose_and_do_not_repeat():
    poses = pose_sequence(14, np.random.default_rng(1))
    assert poses.shape == (14, 24, 3)
    np.testing.assert_array_equal(poses[0], named_pose("a_pose"))
    assert len({pose.tobytes() for pose in poses}) == 14


def test_cameras_hold_all_points():
    points = np.random.default_rng(0).uniform([-0.9, 0, -0.9], [0.9, 2.3, 0.9], (300, 3))
    for camera in ring_around(points, 36, 200):
        pixels, depth = project(points, camera.K, camera.R, camera.T)
        assert depth.min() > 0.5
        assert pixels.min() > 0.03 * 200
        assert pixels.max() < 0.97 * 200
        np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(camera.R) == pytest.approx(1, abs=1e-5)


def test_people_differ_and_are_of_human_size():
    wardrobe = load_wardrobe()
    statures = []
    for index in range(40):
        recipe = random_recipe(np.random.default_rng([9, index]))
        shaped = wardrobe.shaped(wardrobe.shapes(**recipe.phenotypes))[wardrobe.keep]
        statures.append(float(np.ptp(shaped[:, 1])))
    assert min(statures) > 1.45
    assert max(statures) < 1.98
    assert np.std(statures) > 0.04


def test_cloth_lies_outside_the_skin(person: Person):
    """Skin under the top that is still there (near its edges) lies inside of the cloth, at rest."""
    top = random_recipe(np.random.default_rng(PERSON)).top
    wardrobe = load_wardrobe()
    cloth = next(part for part in person.parts if part.name == "top").surface
    skin = next(part for part in person.parts if part.name == "body").surface
    rest = skin.origin @ wardrobe.rest
    under = (top_cut(wardrobe.anatomy, top.shape)(rest).min(1) > 0.01) & (np.abs(rest[:, 0]) < 0.2)
    points = skin.position[under]
    _, index = cKDTree(cloth.position).query(points)
    above = ((points - cloth.position[index]) * cloth.normals()[index]).sum(1)
    assert len(points) > 20
    assert above.max() < 0.002

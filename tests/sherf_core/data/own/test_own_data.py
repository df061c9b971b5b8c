import json
import shutil

import numpy as np
import pytest
from PIL import Image

from sherf_core.data.discover import UserFiles, WeightKind, find_sources
from sherf_core.data.own.check import body_vertices, check_own
from sherf_core.data.own.example import write_example
from sherf_core.data.own.layout import parse_own, read_own
from sherf_core.data.own.reader import OwnData
from sherf_core.data.reader import Reader
from sherf_core.data.records import BodyPose
from sherf_core.data.training import TrainingPairs
from sherf_core.errors import BodyFileError, CheckpointError, DatasetError
from sherf_core.evaluate.protocol import Task, plan
from tests.layouts.person import body, make_person


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_example(tmp_path_factory.mktemp("own") / "example").parent


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "mine")


def change(folder, edit):
    path = folder / "data.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def frame_of(content, index=0, name="dora"):
    return content["people"][name]["frames"][index]


def problems_after(folder, edit):
    change(folder, edit)
    return {problem.field: problem for problem in check_own(folder).problems}


def test_the_example_is_whole_and_its_bodies_fit(written):
    checked = check_own(written)
    assert checked.problems == ()
    assert (checked.people, checked.frames) == (2, 5)
    assert len(checked.inside) == 5
    assert min(checked.inside.values()) > 0.95
    assert any("paul has one picture" in note for note in checked.notes)


def test_an_example_never_writes_over_anything(written, tmp_path):
    before = (written / "data.json").read_bytes()
    with pytest.raises(DatasetError, match="not empty"):
        write_example(written)
    assert (written / "data.json").read_bytes() == before
    (tmp_path / "empty").mkdir()
    assert write_example(tmp_path / "empty").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_both_spellings_of_a_body_and_the_frames_numbers(written):
    reader = OwnData(written, resolution=64)
    assert isinstance(reader, Reader)
    assert reader.subjects() == ["dora", "paul"]
    assert reader.poses("dora") == [0, 1]
    assert reader.views("dora") == [0, 10, 26, 33]
    assert reader.has("dora", 1, 33)
    assert not reader.has("dora", 1, 0)
    # Frames 0 and 1 are the same moment, written in SMPL's words and in ours.
    first, second = reader.frame("dora", 0, 0), reader.frame("dora", 0, 10)
    for name in ("poses", "shapes", "R", "Th"):
        assert np.array_equal(getattr(first.body, name), getattr(second.body, name))
    assert first.image.shape == (64, 64, 3)
    with pytest.raises(DatasetError, match="no frame of dora with pose 7"):
        reader.frame("dora", 7, 0)


def test_what_is_rendered_from_what(written):
    made = plan(read_own(written).split, OwnData(written))
    told = [(item.subject, item.observation[1:], item.target[1:], item.task) for item in made.items]
    assert told == [
        ("dora", (0, 0), (0, 10), Task.NOVEL_VIEW),
        ("dora", (0, 0), (0, 26), Task.NOVEL_VIEW),
        ("dora", (0, 0), (1, 33), Task.NOVEL_POSE),
        ("paul", (0, 0), (0, 0), Task.NOVEL_VIEW),
    ]
    assert not made.unlisted
    assert not made.partial


def test_the_file_says_who_is_observed_and_who_trains(folder):
    def edit(content):
        content["people"]["dora"]["observe"] = 3
        content["people"]["paul"]["use"] = "train"

    change(folder, edit)
    split = read_own(folder).split
    made = plan(split, OwnData(folder))
    assert {item.observation for item in made.items} == {("dora", 1, 33)}
    assert made.subjects == ("dora",)
    pairs = TrainingPairs(OwnData(folder, resolution=64), split)
    assert pairs.subjects == ["paul"]
    assert pairs.names(0) == (("paul", 0, 0), ("paul", 0, 0))


def test_millimetres(folder):
    reader = OwnData(folder, resolution=64)
    expected = reader.frame("dora", 0, 0), reader.frame("dora", 0, 10)

    def edit(content):
        content["units"] = "millimetres"
        for person in content["people"].values():
            for frame in person["frames"]:
                frame["T"] = [1000 * value for value in frame["T"]]
                key = "transl" if "transl" in frame["smpl"] else "Th"
                frame["smpl"][key] = [1000 * value for value in frame["smpl"][key]]

    assert not problems_after(folder, edit)
    again = OwnData(folder, resolution=64)
    for frame, view in zip(expected, (0, 10), strict=True):
        now = again.frame("dora", 0, view)
        assert np.allclose(now.camera.T, frame.camera.T, atol=1e-6)
        assert np.allclose(now.body.Th, frame.body.Th, atol=1e-6)


def test_every_problem_at_once(folder):
    def edit(content):
        content["unit"] = "m"
        first, second, third, fourth = content["people"]["dora"]["frames"]
        first["K"] = [[1, 2], [3]]
        first["smpl"]["betas"] = [0.0] * 9
        del second["T"]
        second["R"] = [[1, 0, 0], [0, 1, 0], [0, 0.2, 1]]
        third["R"] = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]
        third["mask"] = "../elsewhere.png"
        fourth["smpl"] = "smpl.pkl"
        content["people"]["dora"]["observe"] = 9
        content["people"]["paul"]["frames"][0]["image"] = "paul/nobody.jpg"
        content["people"]["paul"]["use"] = "eval"
        content["people"]["rosa"] = {"frames": []}

    found = problems_after(folder, edit)
    dora = "people.dora.frames"
    assert {
        "unit",
        f"{dora}[0].K",
        f"{dora}[0].smpl.betas",
        f"{dora}[1].T",
        f"{dora}[1].R",
        f"{dora}[2].R",
        f"{dora}[2].mask",
        f"{dora}[3].smpl",
        "people.dora.observe",
        "people.paul.use",
        "people.rosa.frames",
    } <= set(found)
    assert found["unit"].fix == "did you mean units?"
    assert found[f"{dora}[0].K"].expected == "3x3 numbers, by rows"
    assert "differs from the identity by 0.2" in found[f"{dora}[1].R"].found
    assert "mirrors" in found[f"{dora}[2].R"].found
    assert found[f"{dora}[1].T"].found == "is missing"
    for problem in found.values():
        assert problem.expected
        assert problem.fix
    with pytest.raises(DatasetError, match=r"and \d+ more") as caught:
        OwnData(folder)
    assert caught.value.fix == f"sherfctl data check {folder}"


def test_numbers_that_are_none(folder):
    def edit(content):
        frame_of(content)["T"] = [0, float("nan"), 1]
        frame_of(content, 1)["pose"] = 0.5
        frame_of(content, 2)["view"] = True
        frame_of(content, 3)["K"] = [[0, 0, 1], [0, 0, 1], [0, 0, 1]]

    found = problems_after(folder, edit)
    dora = "people.dora.frames"
    assert set(found) == {f"{dora}[0].T", f"{dora}[1].pose", f"{dora}[2].view", f"{dora}[3].K"}


def test_two_frames_of_one_name(folder):
    found = problems_after(folder, lambda content: frame_of(content, 1).update(view=0))
    assert "as another frame is" in found["people.dora.frames[1]"].found


def test_pictures_and_masks(folder):
    def spoil(content):
        names = [frame_of(content, index) for index in range(4)]
        (folder / names[0]["image"]).unlink()
        Image.new("L", (512, 100), 255).save(folder / names[1]["mask"])
        Image.new("L", (512, 512), 0).save(folder / names[2]["mask"])
        (folder / names[3]["mask"]).write_bytes(b"<html>")

    found = problems_after(folder, spoil)
    dora = "people.dora.frames"
    assert "is missing" in found[f"{dora}[0].image"].found
    assert found[f"{dora}[1].mask"].found == "is 512x100 pixels, its image 512x512"
    assert found[f"{dora}[2].mask"].found == "is empty"
    assert "cannot be read as a picture" in found[f"{dora}[3].mask"].found


def test_a_body_beside_its_mask_is_a_warning_with_a_guess(folder):
    def edit(content):
        frame_of(content)["T"] = [1000 * value for value in frame_of(content)["T"]]
        frame_of(content, 1)["T"] = [-value for value in frame_of(content, 1)["T"]]
        frame_of(content, 2)["K"][0][2] += 200

    found = problems_after(folder, edit)
    dora = "people.dora.frames"
    assert "millimetres" in found[f"{dora}[0]"].fix
    assert "behind the camera" in found[f"{dora}[1].T"].found
    assert found[f"{dora}[1].T"].severity == "error"
    assert found[f"{dora}[2]"].severity == "warning"
    assert "check K" in found[f"{dora}[2]"].fix


def test_files_that_hold_no_data(tmp_path):
    for content, words in ((None, "is missing"), ("{", "cannot be read"), ("[1]", "is [1]"), ("{}", "")):
        if content is not None:
            (tmp_path / "data.json").write_text(content)
        _, problems = parse_own(tmp_path)
        assert problems
        assert words in problems[0].found
        with pytest.raises(DatasetError):
            OwnData(tmp_path)


def test_the_checks_body_is_the_models_body():
    person = make_person(3, 1)
    pose = BodyPose(
        person.poses[0].astype(np.float32),
        person.shapes.astype(np.float32),
        person.R[0].astype(np.float32),
        person.Th[0].astype(np.float32),
    )
    assert body_vertices(body(), pose) == pytest.approx(person.vertices(0), abs=1e-5)


def test_own_data_says_which_body_and_so_which_weights(folder, tmp_path):
    sources = find_sources(UserFiles(), dataset="own", data=folder)
    assert (sources.body, sources.weights) == (None, WeightKind.DEMO)
    change(folder, lambda content: content.update(body="SMPL"))
    with pytest.raises(BodyFileError, match="your data needs the SMPL body"):
        find_sources(UserFiles(), dataset="own", data=folder)
    smpl = tmp_path / "SMPL_NEUTRAL.pkl"
    smpl.write_bytes(b"x")
    with pytest.raises(CheckpointError, match="SHERF_RenderPeople"):
        find_sources(UserFiles(body=smpl), dataset="own", data=folder)
    with pytest.raises(DatasetError, match="needs the folder"):
        find_sources(UserFiles(), dataset="OWN")

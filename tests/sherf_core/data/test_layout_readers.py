"""The readers of all four layouts: the same person comes out of each of them, whatever each layout's habits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sherf_core.body.model import BodyModel
from sherf_core.data.humman import HuMMan
from sherf_core.data.reader import Reader
from sherf_core.data.readers import open_reader
from sherf_core.data.records import Frame
from sherf_core.data.thuman import THuman
from sherf_core.data.zju_mocap import ZjuMocap
from sherf_core.errors import ConfigurationError, DatasetError
from sherf_core.evaluate.renderer import SherfRenderer
from sherf_core.geometry.boxes import padded_box, projected_box_mask
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import bodies_of
from sherf_core.model.sherf import Sherf
from tests.layouts.annotated import save_object
from tests.layouts.humman import write_humman
from tests.layouts.person import body
from tests.layouts.photographs import Lens
from tests.layouts.renderpeople import write_renderpeople
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap

SIDE, VIEWS, FRAMES = 64, 4, 2
NAMES = {"RenderPeople": "ann", "THuman": "ann", "HuMMan": "ann", "ZJU-MoCap": "CoreView_313"}
HUMMAN_POSES = (0, 6)


def write_all(root: Path) -> None:
    """One person in all four layouts: 300 shape components, Windows paths, odd names."""
    write_renderpeople(root / "RenderPeople", ["ann"], size=SIDE, frames=FRAMES, views=VIEWS, shape_components=300)
    write_thuman(
        root / "THuman", ["ann"], size=SIDE, frames=FRAMES, views=VIEWS, backslashes=True, shape_components=300
    )
    write_humman(root / "HuMMan", ["ann"], size=(SIDE, SIDE), poses=HUMMAN_POSES, views=VIEWS, shape_components=300)
    write_zju_mocap(root / "ZJU-MoCap", ["CoreView_313"], size=SIDE, frames=FRAMES, views=VIEWS, shape_components=300)


def colour_in(reader: Reader, dataset: str) -> None:
    """Give every picture a pattern of its own, without loss; names may still end in .jpg."""
    for pose in range(FRAMES):
        for view in range(VIEWS):
            random = np.random.default_rng([pose, view])
            pattern = random.integers(0, 256, (8, 8, 3), np.uint8).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
            stored = reader.stored(NAMES[dataset], pose_number(dataset, pose), view)
            Image.fromarray(pattern).save(stored.image, format="PNG")


def pose_number(dataset: str, pose: int) -> int:
    return HUMMAN_POSES[pose] if dataset == "HuMMan" else pose


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, Reader]:
    root = tmp_path_factory.mktemp("layouts")
    write_all(root)
    opened = {name: open_reader(name, root / name, resolution=SIDE, body=body()) for name in NAMES}
    for name, reader in opened.items():
        colour_in(reader, name)
    return opened


def frame_of(readers: dict[str, Reader], dataset: str, pose: int, view: int) -> Frame:
    return readers[dataset].frame(NAMES[dataset], pose_number(dataset, pose), view)


def world(frame: Frame) -> np.ndarray:
    return bodies_of([frame.body]).vertices(BodyModel(body()))[0].numpy()


@pytest.mark.parametrize("dataset", ["THuman", "HuMMan", "ZJU-MoCap"])
def test_pixels_camera_and_body_are_those_of_renderpeople(readers, dataset):
    for pose, view in ((0, 0), (1, 3)):
        expected, frame = frame_of(readers, "RenderPeople", pose, view), frame_of(readers, dataset, pose, view)
        assert np.array_equal(frame.image, expected.image)
        assert np.array_equal(frame.mask, expected.mask)
        for name in ("K", "R", "T"):
            assert getattr(frame.camera, name) == pytest.approx(getattr(expected.camera, name), abs=1e-5), name
        assert frame.body.shapes == pytest.approx(expected.body.shapes, abs=1e-6)
        assert frame.body.poses[3:] == pytest.approx(expected.body.poses[3:], abs=1e-6)
        assert (frame.body.poses[:3] == 0).all()
        assert world(frame) == pytest.approx(world(expected), abs=1e-5)


def test_the_readers_know_their_frames(readers):
    for dataset, reader in readers.items():
        assert isinstance(reader, Reader)
        name = NAMES[dataset]
        assert reader.subjects() == [name]
        assert reader.views(name) == list(range(VIEWS))
        assert reader.poses(name) == [pose_number(dataset, pose) for pose in range(FRAMES)]
        assert reader.has(name, pose_number(dataset, 1), VIEWS - 1)
        assert not reader.has(name, pose_number(dataset, 1), VIEWS)
        assert not reader.has(name, 77, 0)
        assert not reader.has("nobody", 0, 0)
        for pose, view in ((77, 0), (0, 77)):
            with pytest.raises(DatasetError) as caught:
                reader.frame(name, pose, view)
            assert caught.value.fix
    assert readers["ZJU-MoCap"].list_file() is None
    assert readers["HuMMan"].list_file() is not None


def test_the_same_person_renders_the_same_through_all_readers(readers):
    model = Sherf(BodyModel(body()))
    weights = initial_weights(model.state_dict())
    weights["decoder.alpha_linear.bias"] = np_scalar(30.0)  # so that there is something to see
    model.load_state_dict(weights)
    renderer = SherfRenderer(model)
    pictures = {}
    for dataset in readers:
        person = renderer.encode(frame_of(readers, dataset, 0, 0))
        pictures[dataset] = renderer.render(person, frame_of(readers, dataset, 1, 2)).image
    expected = pictures.pop("RenderPeople")
    assert expected.max() > 0.1
    for dataset, picture in pictures.items():
        off = np.abs(picture - expected).max(axis=-1)
        assert off.max() < 1e-4, (dataset, np.sort(off.ravel())[-5:])


def np_scalar(value: float):
    import torch

    return torch.full((1,), value)


def test_truths_are_clipped_as_each_data_set_is(readers):
    for dataset in readers:
        frame = frame_of(readers, dataset, 0, 1)
        padding = 0.05 if dataset in ("RenderPeople", "ZJU-MoCap") else 0.0
        assert frame.clip_padding == padding
        vertices = bodies_of([frame.body]).vertices(BodyModel(body()))
        camera = frame.camera
        clip = {
            grown: projected_box_mask(padded_box(vertices, grown)[0].numpy(), camera.K, camera.R, camera.T, SIDE, SIDE)
            for grown in (0.0, 0.05)
        }
        assert clip[0.0].sum() < clip[0.05].sum()
        truth, mask = frame.truth(clip[padding])
        assert not truth[~clip[padding]].any()
        assert not mask[~clip[padding]].any()
        if dataset != "ZJU-MoCap":
            assert frame.border is None
            assert np.array_equal(truth[clip[padding]], frame.image[clip[padding]])


def test_zju_masks_are_not_trusted_along_their_edge(tmp_path):
    write_zju_mocap(tmp_path, ["CoreView_377"], size=SIDE, views=2)
    folder = tmp_path / "CoreView_377"
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:40, 10:30] = 255
    Image.fromarray(mask).save(folder / "mask_cihp/Camera_B1/000000.png")
    frame = ZjuMocap(tmp_path, resolution=SIDE).frame("CoreView_377", 0, 0)
    # By hand: two pixels on each side of every edge; the observation keeps them.
    expected = np.zeros((SIDE, SIDE), bool)
    expected[18:42, 8:32] = True
    expected[22:38, 12:28] = False
    assert np.array_equal(frame.border, expected)
    assert frame.mask.sum() == 400
    assert frame.image[20, 10].any()
    truth, person = frame.truth(np.ones((SIDE, SIDE), bool))
    assert person.sum() == 16 * 16
    assert not truth[20, 10].any()
    assert np.array_equal(truth[22:38, 12:28], frame.image[22:38, 12:28])
    # Worked out on the stored mask, then made smaller with it.
    half = ZjuMocap(tmp_path, resolution=SIDE // 2).frame("CoreView_377", 0, 0)
    assert np.array_equal(half.border, expected[::2, ::2])


@pytest.mark.parametrize("short_names", [True, False])
def test_odd_subjects_count_their_parameters_from_one(tmp_path, short_names):
    (person,) = write_zju_mocap(tmp_path, ["CoreView_315"], size=SIDE, frames=3, views=2, short_names=short_names)
    reader = ZjuMocap(tmp_path, resolution=SIDE)
    for pose in range(3):
        assert reader.has("CoreView_315", pose, 1)
        assert world(reader.frame("CoreView_315", pose, 1)) == pytest.approx(person.vertices(pose), abs=1e-4)
    # A missing file of parameters is a missing frame, never the neighbour's body.
    (tmp_path / "CoreView_315/new_params/1.npy").unlink()
    fresh = ZjuMocap(tmp_path, resolution=SIDE)
    assert [fresh.has("CoreView_315", pose, 0) for pose in range(3)] == [False, True, True]
    assert fresh.body("CoreView_315", 1).Th == pytest.approx(person.Th[1], abs=1e-6)


def test_odd_subjects_numbered_as_their_poses(tmp_path):
    (person,) = write_zju_mocap(tmp_path, ["CoreView_313"], size=SIDE, frames=2, views=2)
    for number in (1, 2):
        path = tmp_path / f"CoreView_313/new_params/{number}.npy"
        path.rename(path.with_name(f"{number - 1}.npy"))
    assert ZjuMocap(tmp_path).body("CoreView_313", 1).Th == pytest.approx(person.Th[1], abs=1e-6)


def test_zju_uses_twenty_cameras_in_metres(tmp_path):
    write_zju_mocap(tmp_path, ["CoreView_377"], size=SIDE, views=21)
    reader = ZjuMocap(tmp_path, resolution=SIDE)
    assert reader.views("CoreView_377") == list(range(20))
    assert not reader.has("CoreView_377", 0, 20)
    assert 2.5 < np.linalg.norm(reader.frame("CoreView_377", 0, 0).camera.T) < 4.5


def test_the_refined_release_without_pictures_is_named(tmp_path):
    write_zju_mocap(tmp_path, ["CoreView_377"], size=SIDE, views=2, refine=True)
    with pytest.raises(DatasetError, match="lists no picture") as caught:
        ZjuMocap(tmp_path).poses("CoreView_377")
    assert caught.value.code == "DATA.ZJU_REFINED"


def test_a_lens_is_taken_out_of_picture_and_mask(tmp_path):
    lens = Lens((1.0, 0.2, 0.01, -0.008, 0.1))
    write_thuman(tmp_path / "bent", ["ann"], size=128, views=3, lens=lens)
    write_thuman(tmp_path / "straight", ["ann"], size=128, views=3)
    bent, straight = (THuman(tmp_path / name, resolution=128).frame("ann", 0, 2) for name in ("bent", "straight"))
    as_stored = np.asarray(Image.open(tmp_path / "bent/ann/mask_cihp/images/02/0000.png")) > 0

    def overlap(mask):
        return (mask & straight.mask).sum() / (mask | straight.mask).sum()

    assert overlap(as_stored) < 0.9 < 0.95 < overlap(bent.mask)
    assert not bent.image[~bent.mask].any()


@pytest.mark.parametrize(("resolution", "height"), [(64, 36), (32, 18), (50, 28)])
def test_oblong_pictures_keep_their_shape(tmp_path, resolution, height):
    write_humman(tmp_path, ["ann"], size=(64, 36), poses=(0,), views=2)
    frame = HuMMan(tmp_path, resolution=resolution, body=body()).frame("ann", 0, 1)
    full = HuMMan(tmp_path, resolution=64, body=body()).frame("ann", 0, 1)
    assert frame.image.shape == (height, resolution, 3)
    assert frame.mask.shape == (height, resolution)
    assert frame.camera.K[0] == pytest.approx(full.camera.K[0] * resolution / 64)
    assert frame.camera.K[1] == pytest.approx(full.camera.K[1] * height / 36)
    assert frame.mask.mean() == pytest.approx(full.mask.mean(), abs=0.03)
    with pytest.raises(ConfigurationError, match="64x36 pixels, smaller"):
        HuMMan(tmp_path, resolution=65, body=body()).frame("ann", 0, 1)


def test_an_oblong_frame_renders_where_its_person_is(tmp_path):
    """The rendering of the body's own silhouette covers the mask: rows and columns are not exchanged."""
    write_humman(tmp_path, ["ann"], size=(96, 64), poses=(0,), views=2)
    model = Sherf(BodyModel(body()))
    weights = initial_weights(model.state_dict())
    weights["decoder.alpha_linear.bias"] = np_scalar(30.0)
    model.load_state_dict(weights)
    renderer, reader = SherfRenderer(model), HuMMan(tmp_path, resolution=96, body=body())
    frame = reader.frame("ann", 0, 1)
    picture = renderer.render(renderer.encode(reader.frame("ann", 0, 0)), frame)
    assert picture.image.shape == (64, 96, 3)
    rendered = picture.image.max(axis=-1) > 0.02
    # The field is solid 5 cm around the body, so it is larger than the mask and covers it.
    assert (rendered & frame.mask).sum() > 0.97 * frame.mask.sum()
    assert rendered.sum() < 3 * frame.mask.sum()


def test_digests_follow_picture_body_and_camera(tmp_path):
    write_thuman(tmp_path, ["ann"], size=SIDE, views=2)
    before = THuman(tmp_path).load("ann", 0, 0).digest()
    assert THuman(tmp_path).load("ann", 0, 0).digest() == before != THuman(tmp_path).load("ann", 0, 1).digest()
    path = tmp_path / "ann/new_params_neutral/0.npy"
    values = np.load(path, allow_pickle=True).item()
    save_object(path, {**values, "R": np.eye(3, dtype=np.float32)})
    assert THuman(tmp_path).load("ann", 0, 0).digest() != before


BROKEN = {
    "DATA.TH_ANNOTS": ("annots.npy", [{"cams": {}}, {"cams": {"K": [1], "R": [], "T": [], "D": []}, "ims": []}, [1]]),
    "DATA.TH_PARAMS": ("new_params_neutral/0.npy", [{"poses": np.zeros(71)}, {}, {"poses": np.full(72, np.nan)}]),
}


@pytest.mark.parametrize("code", BROKEN)
def test_broken_files_are_typed_errors(tmp_path, code):
    name, contents = BROKEN[code]
    write_thuman(tmp_path, ["ann"], size=SIDE, views=2)
    path = tmp_path / "ann" / name
    whole = path.read_bytes()

    class Attack:
        def __reduce__(self):
            return (eval, ("__import__('pathlib').Path('owned').touch()",))

    for content in (*contents, Attack()):
        save_object(path, content)
        with pytest.raises(DatasetError) as caught:
            THuman(tmp_path, resolution=SIDE).frame("ann", 0, 0)
        assert (caught.value.code, caught.value.path) == (code, path)
        assert caught.value.fix
    for broken in (whole[: len(whole) // 2], b"<html>"):
        path.write_bytes(broken)
        with pytest.raises(DatasetError) as caught:
            THuman(tmp_path, resolution=SIDE).frame("ann", 0, 0)
        assert (caught.value.code, caught.value.path) == (code, path)
    path.unlink()
    assert not THuman(tmp_path).has("ann", 0, 0)
    with pytest.raises(DatasetError, match="is missing"):
        THuman(tmp_path).frame("ann", 0, 0)


def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path):
    write_thuman(tmp_path, ["ann"], size=SIDE, views=2)
    path = tmp_path / "ann/annots.npy"
    annotations = np.load(path, allow_pickle=True).item()
    for name in ("../bob/0.jpg", "/etc/passwd", "..\\..\\x.jpg", "C:\\x.jpg"):
        save_object(path, {**annotations, "ims": [{"ims": [name, name]}]})
        with pytest.raises(DatasetError, match="leads out"):
            THuman(tmp_path).poses("ann")


@pytest.mark.parametrize("missing", ["kinect_color/kinect_001/000000.png", "kinect_mask/kinect_001/000000.png"])
def test_a_missing_picture_or_mask_is_a_missing_frame(tmp_path, missing):
    write_humman(tmp_path, ["ann"], poses=(0,), views=2)
    reader = HuMMan(tmp_path, resolution=64, body=body())
    (tmp_path / "ann" / missing).unlink()
    assert reader.has("ann", 0, 0)
    assert not reader.has("ann", 0, 1)
    with pytest.raises(DatasetError) as caught:
        reader.frame("ann", 0, 1)
    assert (caught.value.code, caught.value.path) == ("DATA.HM_PARTS", tmp_path / "ann" / missing)

import json

import numpy as np
import pytest
from PIL import Image

from sherf_core.data.renderpeople import RenderPeople
from sherf_core.errors import ConfigurationError, DatasetError, UnsafePickleError

SUBJECT = "seq_000000-rp_ann_rigged_001"
SIDE = 32


def write_subject(root, subject=SUBJECT, poses=2, views=2, components=10):
    """A subject of tiny pictures: pose p seen from view v is uniformly grey of 40 + 50 p + 20 v."""
    folder = root / subject
    cameras = {
        f"camera{view:04d}": {
            "K": [[40.0, 0, 15.5], [0, 40.0, 15.5], [0, 0, 1]],
            "R": np.eye(3).tolist(),
            "T": [[0.0], [0.0], [3.0 + view]],
        }
        for view in range(views)
    }
    folder.mkdir(parents=True)
    (folder / "cameras.json").write_text(json.dumps(cameras))
    for view in range(views):
        for kind in ("img", "mask"):
            (folder / kind / f"camera{view:04d}").mkdir(parents=True)
        for pose in range(poses):
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[8:24, 10:22] = 255
            grey = Image.new("RGB", (SIDE, SIDE), (40 + 50 * pose + 20 * view,) * 3)
            grey.save(folder / "img" / f"camera{view:04d}" / f"{pose:04d}.jpg")
            Image.fromarray(mask).save(folder / "mask" / f"camera{view:04d}" / f"{pose:04d}.png")
    fits = {
        "betas": np.arange(components, dtype=np.float32)[None],
        "global_orient": np.full((poses, 3), 0.5, np.float32),
        "body_pose": np.arange(poses * 69, dtype=np.float32).reshape(poses, 69),
        "transl": np.arange(poses * 3, dtype=np.float32).reshape(poses, 3),
    }
    (folder / "outputs_re_fitting").mkdir()
    np.savez(folder / "outputs_re_fitting" / "refit_smpl_2nd.npz", smpl=fits)


@pytest.fixture
def root(tmp_path):
    write_subject(tmp_path)
    (tmp_path / "human_list.txt").write_text(f"{SUBJECT}\r\nseq_000001-rp_bob_rigged_002\n\n")
    return tmp_path


def test_lists_subjects_views_and_poses(root):
    reader = RenderPeople(root, resolution=SIDE)
    assert reader.subjects() == [SUBJECT, "seq_000001-rp_bob_rigged_002"]
    assert reader.views(SUBJECT) == [0, 1]
    assert reader.poses(SUBJECT) == [0, 1]


def test_without_a_list_the_folders_are_the_subjects(root):
    (root / "human_list.txt").unlink()
    write_subject(root, "seq_000000-rp_aaa")
    (root / "not_a_subject").mkdir()
    assert RenderPeople(root).subjects() == ["seq_000000-rp_aaa", SUBJECT]


def test_a_frame_is_masked_and_carries_camera_and_body(root):
    frame = RenderPeople(root, resolution=SIDE).frame(SUBJECT, 1, 1)
    assert (frame.image[~frame.mask] == 0).all()
    assert frame.image[frame.mask] == pytest.approx(110 / 255, abs=0.01)
    assert frame.mask.sum() == 16 * 12
    assert frame.camera.T.tolist() == [0, 0, 4]
    assert frame.body.poses[:3].tolist() == [0.5, 0.5, 0.5]
    assert frame.body.poses[3:].tolist() == list(range(69, 138))
    assert frame.body.shapes.tolist() == list(range(10))
    assert frame.body.Th.tolist() == [3, 4, 5]
    assert frame.body.R.tolist() == np.eye(3).tolist()


def test_a_smaller_resolution_scales_picture_mask_and_camera(root):
    frame = RenderPeople(root, resolution=16).frame(SUBJECT, 0, 0)
    assert frame.image.shape == (16, 16, 3)
    assert frame.mask.sum() == 8 * 6
    assert frame.camera.K[:2].ravel() == pytest.approx([20, 0, 7.75, 0, 20, 7.75])
    assert frame.camera.K[2, 2] == 1
    assert frame.image[frame.mask] == pytest.approx(40 / 255, abs=0.01)


def test_three_hundred_shape_components_give_the_first_ten(tmp_path):
    write_subject(tmp_path, components=300)
    assert RenderPeople(tmp_path).body(SUBJECT, 0).shapes.tolist() == list(range(10))


def test_says_which_frames_are_on_disk(root):
    reader = RenderPeople(root, resolution=SIDE)
    assert reader.has(SUBJECT, 1, 1)
    (root / SUBJECT / "mask" / "camera0001" / "0001.png").unlink()
    assert not reader.has(SUBJECT, 1, 1)
    assert not reader.has(SUBJECT, 2, 0)
    assert not reader.has(SUBJECT, 0, 9)
    assert not reader.has("nobody", 0, 0)


def test_digest_follows_the_content(root):
    before = RenderPeople(root).load(SUBJECT, 0, 0).digest()
    assert (
        before
        == RenderPeople(root, resolution=8).load(SUBJECT, 0, 0).digest()
        != RenderPeople(root).load(SUBJECT, 0, 1).digest()
    )
    Image.new("RGB", (SIDE, SIDE), (9, 9, 9)).save(root / SUBJECT / "img" / "camera0000" / "0000.jpg")
    assert RenderPeople(root).load(SUBJECT, 0, 0).digest() != before


@pytest.mark.parametrize("name", ["img/camera0001/0001.jpg", "mask/camera0001/0001.png"])
def test_a_missing_picture_is_named(root, name):
    (root / SUBJECT / name).unlink()
    for read in (RenderPeople(root, resolution=SIDE).frame, RenderPeople(root).load):
        with pytest.raises(DatasetError) as caught:
            read(SUBJECT, 1, 1)
        assert caught.value.path == root / SUBJECT / name


@pytest.mark.parametrize("name", ["cameras.json", "outputs_re_fitting/refit_smpl_2nd.npz"])
def test_a_missing_subject_file_is_named(root, name):
    (root / SUBJECT / name).unlink()
    with pytest.raises(DatasetError, match="is missing") as caught:
        RenderPeople(root, resolution=SIDE).frame(SUBJECT, 0, 0)
    assert caught.value.path == root / SUBJECT / name


@pytest.mark.parametrize(
    "content",
    [
        "{not json",
        "[1, 2]",
        '{"camera0000": {"K": [1], "R": [1], "T": [1]}}',
        '{"front": {}}',
        '{"camera0000": {"K": [[NaN, 0, 0], [0, 1, 0], [0, 0, 1]], "R": [[1,0,0],[0,1,0],[0,0,1]], "T": [0, 0, 0]}}',
    ],
)
def test_malformed_cameras_are_typed_errors(root, content):
    (root / SUBJECT / "cameras.json").write_text(content)
    with pytest.raises(DatasetError, match=r"cameras\.json"):
        RenderPeople(root).views(SUBJECT)


def test_malformed_fits_are_typed_errors(root):
    path = root / SUBJECT / "outputs_re_fitting" / "refit_smpl_2nd.npz"
    for content in ({"other": np.zeros(3)}, {"smpl": {"betas": np.zeros((1, 10)), "body_pose": np.zeros((2, 68))}}):
        np.savez(path, **content)
        with pytest.raises(DatasetError, match="SMPL parameters"):
            RenderPeople(root).poses(SUBJECT)


def test_fits_that_would_run_code_are_refused(root):
    class Attack:
        def __reduce__(self):
            return (eval, ("__import__('pathlib').Path('owned').touch()",))

    np.savez(root / SUBJECT / "outputs_re_fitting" / "refit_smpl_2nd.npz", smpl=np.array([Attack()], dtype=object))
    with pytest.raises(DatasetError, match="nothing of it was run") as caught:
        RenderPeople(root).poses(SUBJECT)
    assert isinstance(caught.value.__cause__, UnsafePickleError)
    assert (caught.value.code, caught.value.fix) == ("DATA.RP_LAYOUT", caught.value.__cause__.fix)


def test_broken_fits_are_errors_of_the_data_set(root):
    path = root / SUBJECT / "outputs_re_fitting" / "refit_smpl_2nd.npz"
    for content, words in ((path.read_bytes()[:300], "zip archive without its end"), (b"<html>", "web page")):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=words) as caught:
            RenderPeople(root).poses(SUBJECT)
        assert (caught.value.code, caught.value.path) == ("DATA.RP_LAYOUT", path)
        assert caught.value.fix


def test_every_error_says_how_to_mend_it(root):
    fits, cameras = root / SUBJECT / "outputs_re_fitting" / "refit_smpl_2nd.npz", root / SUBJECT / "cameras.json"
    reader = RenderPeople(root, resolution=SIDE)
    failures = [lambda: reader.body(SUBJECT, 7), lambda: reader.load(SUBJECT, 0, 9), lambda: reader.poses("nobody")]
    for fail in failures:
        with pytest.raises(DatasetError) as caught:
            fail()
        assert caught.value.fix
    (root / SUBJECT / "img" / "camera0000" / "0000.jpg").unlink()
    Image.new("L", (SIDE, 16)).save(root / SUBJECT / "mask" / "camera0001" / "0001.png")
    for read, pose, view in ((reader.frame, 0, 0), (reader.load, 0, 0), (reader.frame, 1, 1)):
        with pytest.raises(DatasetError) as caught:
            read(SUBJECT, pose, view)
        assert caught.value.fix
    cameras.write_text("[]")
    np.savez(fits, other=np.zeros(3))
    fresh = RenderPeople(root)
    for read in (fresh.views, fresh.poses):
        with pytest.raises(DatasetError) as caught:
            read(SUBJECT)
        assert "--subjects" in caught.value.fix


def test_picture_and_mask_of_other_sizes_and_too_small_pictures(root):
    with pytest.raises(ConfigurationError, match="smaller than the resolution of 512") as caught:
        RenderPeople(root).frame(SUBJECT, 0, 0)
    assert f"--resolution {SIDE}" in caught.value.fix
    Image.new("L", (SIDE, 16)).save(root / SUBJECT / "mask" / "camera0000" / "0000.png")
    with pytest.raises(DatasetError, match="its mask 32x16"):
        RenderPeople(root, resolution=16).frame(SUBJECT, 0, 0)


def test_no_folder_no_subjects_no_resolution(tmp_path):
    with pytest.raises(DatasetError, match="no data folder"):
        RenderPeople(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="holds no subjects"):
        RenderPeople(tmp_path).subjects()
    with pytest.raises(ConfigurationError):
        RenderPeople(tmp_path, resolution=0)

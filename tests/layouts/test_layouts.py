"""The written data sets say what was meant: read with the program's own reader and body model, or by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sherf_core.body.model import BodyModel
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.io.safe_pickle import load_numpy
from tests.layouts.humman import write_humman
from tests.layouts.person import body
from tests.layouts.photographs import silhouette
from tests.layouts.renderpeople import write_renderpeople
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap


def posed(poses: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """The body model's vertices, before anything moves them in the world."""
    model = BodyModel(body())
    vertices = model.vertices(
        torch.tensor(poses.reshape(1, 72), dtype=torch.float32),
        torch.tensor(shapes.reshape(1, 10), dtype=torch.float32),
    )
    return vertices[0].double().numpy()


def test_renderpeople_is_read_as_it_was_written(tmp_path: Path) -> None:
    (person,) = write_renderpeople(tmp_path, ["ann"], frames=2, views=3)
    reader = RenderPeople(tmp_path, resolution=32)
    frame = reader.frame("ann", 1, 2)
    # The root's turn is part of the pose here, and the blend shapes do not know it: the same world.
    world = posed(frame.body.poses, frame.body.shapes) @ frame.body.R.T.astype(float) + frame.body.Th
    assert world == pytest.approx(person.vertices(1), abs=1e-4)
    assert (frame.mask == silhouette(world, frame.camera, (32, 32))).all()
    assert 0.03 < frame.mask.mean() < 0.5


def test_humman_turns_about_the_root(tmp_path: Path) -> None:
    (person,) = write_humman(tmp_path, ["ann"], poses=(0, 6))
    values = load_numpy(tmp_path / "ann/smpl_params/000006.npz")
    poses = np.concatenate([values["global_orient"], values["body_pose"]])
    assert posed(poses, values["betas"]) + values["transl"] == pytest.approx(person.vertices(1), abs=1e-4)
    assert Image.open(tmp_path / "ann/kinect_color/kinect_009/000006.png").size == (64, 36)


@pytest.mark.parametrize("dataset", ["THuman", "ZJU-MoCap"])
def test_annotated_bodies_turn_about_the_origin(tmp_path: Path, dataset: str) -> None:
    if dataset == "THuman":
        (person,) = write_thuman(tmp_path, ["a"], frames=2)
        values = load_numpy(tmp_path / "a/new_params_neutral/1.npy").item()
        turn, vertices = values["R"], load_numpy(tmp_path / "a/new_vertices/1.npy")
    else:
        (person,) = write_zju_mocap(tmp_path, ["CoreView_315"], frames=2)
        values = load_numpy(tmp_path / "CoreView_315/new_params/2.npy").item()
        turn = person.R[1]
        assert np.linalg.norm(values["Rh"]) == pytest.approx(np.arccos((np.trace(turn) - 1) / 2), abs=1e-5)
        vertices = load_numpy(tmp_path / "CoreView_315/new_vertices/2.npy")
    world = posed(values["poses"], values["shapes"]) @ np.asarray(turn, float).T + values["Th"]
    assert world == pytest.approx(vertices, abs=1e-4)
    assert world == pytest.approx(person.vertices(1), abs=1e-4)


def test_zju_mocap_is_in_millimetres(tmp_path: Path) -> None:
    write_zju_mocap(tmp_path, ["CoreView_377"])
    cams = load_numpy(tmp_path / "CoreView_377/annots.npy").item()["cams"]
    # The cameras stand some three metres away.
    assert len(cams["T"]) == 21
    assert 2500 < np.linalg.norm(cams["T"][0]) < 4500
    assert np.shape(cams["T"][0]) == (3, 1)

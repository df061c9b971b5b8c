"""The wardrobe's files fit together and fit the embedded body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sherf_core
from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body

WARDROBE = Path(sherf_core.__file__).parent / "data" / "people" / "wardrobe"
BODY_VERTICES = 13380


def _load(name: str) -> dict[str, np.ndarray]:
    with np.load(WARDROBE / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def full() -> dict[str, np.ndarray]:
    return _load("full")


@pytest.fixture(scope="module")
def body() -> BodyArrays:
    return load_body()


def test_the_free_body_is_a_part_of_the_full_mesh(full: dict[str, np.ndarray], body: BodyArrays) -> None:
    np.testing.assert_array_equal(full["vertices"][full["keep"]], body.v_template)
    np.testing.assert_array_equal(full["shapedirs"][full["keep"]].astype(np.float32), body.shapedirs)
    weights = np.zeros((len(full["vertices"]), 24), np.float32)
    np.put_along_axis(weights, full["weight_joints"].astype(int), full["weight_values"].astype(np.float32), axis=1)
    np.testing.assert_array_equal(weights[full["keep"]], body.weights)


def test_the_transfer_gives_the_free_body_back_exactly(full: dict[str, np.ndarray], body: BodyArrays) -> None:
    rows = full["keep"]
    corners = body.v_template[body.faces[full["transfer_faces"][rows]]]
    places = np.einsum("nc,ncd->nd", full["transfer_barycentric"][rows].astype(np.float32), corners)
    np.testing.assert_array_equal(places, body.v_template)


def test_body_and_tights_lie_near_their_place_on_the_free_body(full: dict[str, np.ndarray], body: BodyArrays) -> None:
    corners = body.v_template[body.faces[full["transfer_faces"]]]
    places = np.einsum("nc,ncd->nd", full["transfer_barycentric"].astype(np.float32), corners)
    distance = np.linalg.norm(places - full["vertices"], axis=1)
    assert distance[:BODY_VERTICES].mean() < 0.0005
    assert distance[np.unique(full["faces_tights"])].max() < 0.02


@pytest.mark.parametrize("group", ["body", "left_eye", "right_eye", "lashes", "tights", "skirt", "hair"])
def test_groups_have_a_texture_coordinate_a_corner(full: dict[str, np.ndarray], group: str) -> None:
    faces, corners = full[f"faces_{group}"], full[f"uv_faces_{group}"]
    assert faces.shape == corners.shape
    assert faces.max() < len(full["vertices"])
    assert corners.max() < len(full["uv"])


def test_phenotypes_give_betas_that_mean_what_they_say(full: dict[str, np.ndarray]) -> None:
    names, centre = full["phenotype_names"].tolist(), full["phenotype_centre"]

    def stature(**wanted: float) -> float:
        offset = np.zeros(len(names))
        for name, value in wanted.items():
            offset[names.index(name)] = value - centre[names.index(name)]
        products = [offset[i] * offset[j] for i in range(len(names)) for j in range(i, len(names))]
        betas = np.concatenate([[1], offset, products]) @ full["phenotype_coefficients"]
        shaped = full["vertices"] + full["shapedirs"].astype(np.float64) @ betas
        return float(np.ptp(shaped[:BODY_VERTICES, 1]))

    assert 1.74 < stature(gender=0.0) < 1.82
    assert 1.60 < stature(gender=1.0) < 1.69
    assert stature(height=0.45) > stature(height=0.33) + 0.08


def test_the_jeans_are_a_mesh_like_the_full_one(body: BodyArrays) -> None:
    item = _load("jeans")
    count = len(item["vertices"])
    assert item["shapedirs"].shape == (count, 3, 10)
    assert item["faces"].max() < count
    assert item["corner_uv"].shape == (len(item["faces"]), 3, 2)
    assert item["transfer_faces"].max() < len(body.faces)
    assert item["hides"].shape == (BODY_VERTICES,)
    np.testing.assert_array_equal(item["weight_values"].astype(np.float64).sum(axis=1), 1)


def test_the_jeans_hide_what_they_cover_and_nothing_else(full: dict[str, np.ndarray]) -> None:
    hidden = full["vertices"][:BODY_VERTICES, 1][_load("jeans")["hides"]]
    assert hidden.max() < -0.1
    assert hidden.min() > -1.12


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("skin.jpg", "RGB", 1024),
        ("jeans.jpg", "RGB", 1024),
        ("face_masks.png", "RGB", 1024),
    ],
)
def test_textures(name: str, mode: str, size: int) -> None:
    with Image.open(WARDROBE / name) as image:
        assert (image.mode, image.size) == (mode, (size, size))


def test_every_file_has_a_licence() -> None:
    listed = (WARDROBE / "LICENSES.txt").read_text(encoding="utf-8")
    for path in WARDROBE.iterdir():
        if path.name != "LICENSES.txt":
            assert path.name in listed

import numpy as np
import pytest
from PIL import Image

from sherf_core.data.images import (
    area_downscale,
    area_downscale_by_shares,
    border_band,
    nearest_downscale,
    picture_bytes,
    read_image,
    read_mask,
)
from sherf_core.errors import DatasetError


def test_area_downscale_by_a_whole_factor_is_the_mean_of_blocks():
    image = np.random.default_rng(0).random((12, 12, 3)).astype(np.float32)
    expected = image.reshape(4, 3, 4, 3, 3).mean(axis=(1, 3))
    assert np.allclose(area_downscale(image, 4), expected, atol=1e-6)


def test_area_downscale_by_a_fraction_counts_parts_of_pixels():
    column = np.repeat(np.array([0.0, 0.3, 0.9], np.float32)[:, None], 3, axis=1)[..., None]
    small = area_downscale(column, 2)[:, 0, 0]
    assert small == pytest.approx([(0.0 + 0.3 / 2) / 1.5, (0.3 / 2 + 0.9) / 1.5], abs=1e-6)


@pytest.mark.parametrize(("width", "height"), [(8, 6), (24, 4), (12, 18)])
def test_whole_factors_take_a_short_cut_to_the_same_picture(width, height):
    image = np.random.default_rng(1).random((36, 48, 3)).astype(np.float32)
    made = area_downscale(image, width, height)
    assert made.shape == (height, width, 3)
    assert np.allclose(made, area_downscale_by_shares(image, width, height), atol=1e-6)


def test_oblong_masks_and_pictures_keep_rows_and_columns():
    image = np.zeros((4, 6, 1), np.float32)
    image[3, 5] = 1
    assert np.argwhere(area_downscale(image, 3, 2)[..., 0]).tolist() == [[1, 2]]
    mask = np.zeros((4, 6), bool)
    mask[2, 4] = True
    assert np.argwhere(nearest_downscale(mask, 3, 2)).tolist() == [[1, 2]]


def test_the_border_band_by_hand():
    mask = np.zeros((12, 12), bool)
    mask[4:, 5:] = True
    band = border_band(mask, 5)
    # Two pixels on each side of row 4 and column 5; the picture's own rim is no edge of the person.
    assert band[10].tolist() == [column in (3, 4, 5, 6) for column in range(12)]
    assert band[:, 10].tolist() == [row in (2, 3, 4, 5) for row in range(12)]


def test_nearest_downscale_takes_the_first_pixel_of_each_block():
    mask = np.zeros((8, 8), bool)
    mask[4, 6] = True
    assert np.argwhere(nearest_downscale(mask, 4)).tolist() == [[2, 3]]
    assert not nearest_downscale(np.roll(mask, 1, axis=0), 4).any()


def test_same_size_changes_nothing():
    image = np.random.default_rng(0).random((5, 5, 3)).astype(np.float32)
    assert area_downscale(image, 5) is image


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_masks_of_every_mode(tmp_path, mode):
    person = np.zeros((6, 6), np.uint8)
    person[2:4, 1:5] = 1 if mode != "1" else 255
    picture = Image.fromarray(person)
    if mode == "1":
        picture = picture.convert("1")
    elif mode == "P":
        picture.putpalette([0, 0, 0, 128, 0, 0] + [0] * 762)
    elif mode == "RGB":
        picture = Image.fromarray(np.stack([person, 0 * person, 0 * person], axis=-1))
    elif mode == "RGBA":
        picture = Image.fromarray(np.stack([person, person, person, np.full_like(person, 255)], axis=-1))
    elif mode == "LA":
        picture = Image.merge("LA", (picture, Image.new("L", picture.size, 255)))
    elif mode == "I;16":
        picture = Image.fromarray(person.astype(np.uint16))
    picture.save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png") == (person > 0)).all()


def test_images_are_rgb_in_0_to_1(tmp_path):
    Image.new("L", (4, 3), 51).save(tmp_path / "grey.png")
    image = read_image(tmp_path / "grey.png")
    assert image.shape == (3, 4, 3)
    assert image.dtype == np.float32
    assert np.allclose(image, 0.2)


def test_missing_and_broken_pictures_are_typed_errors(tmp_path):
    with pytest.raises(DatasetError, match=r"0000\.jpg is missing") as missing:
        read_image(tmp_path / "0000.jpg")
    assert missing.value.fix
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:700])
    (tmp_path / "page.jpg").write_text("<html>")
    for name in ("cut.jpg", "page.jpg"):
        with pytest.raises(DatasetError, match="cannot be read as a picture") as caught:
            read_image(tmp_path / name)
        assert caught.value.path == tmp_path / name
    assert f"cannot identify image file '{tmp_path / 'page.jpg'}'" in str(caught.value)


def test_bytes_that_were_read_already_stand_for_the_file(tmp_path):
    Image.new("L", (4, 3), 51).save(tmp_path / "grey.png")
    content = picture_bytes(tmp_path / "grey.png")
    (tmp_path / "grey.png").unlink()
    assert np.allclose(read_image(tmp_path / "grey.png", content), 0.2)
    assert read_mask(tmp_path / "grey.png", content).all()
    with pytest.raises(DatasetError, match=r"grey\.png is missing"):
        picture_bytes(tmp_path / "grey.png")
    with pytest.raises(DatasetError, match=r"grey\.png cannot be read as a picture"):
        read_mask(tmp_path / "grey.png", content[:20])

import io

import numpy as np
import pytest
from PIL import Image

from sherf_core.io.png import png_bytes


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (9, 1, 3), (40, 23, 3)])
def test_pillow_reads_the_same_pixels(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(png_bytes(pixels))) as read:
        read.verify()
    with Image.open(io.BytesIO(png_bytes(pixels))) as read:
        assert (read.format, read.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(read), pixels)


def test_a_slice_of_a_larger_picture_is_itself():
    pixels = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)[3:17:2, 5:25]
    with Image.open(io.BytesIO(png_bytes(pixels))) as read:
        assert np.array_equal(np.asarray(read), pixels)


def test_a_person_on_black_is_as_small_as_pillow_makes_it():
    y, x = np.mgrid[0:256, 0:256]
    person = (np.abs(x - 128) < 40 - np.abs(y - 128) / 8)[..., None]
    shade = np.stack([y, x, x + y], axis=-1) // 2 + np.random.default_rng(3).integers(0, 5, (256, 256, 3))
    pixels = np.where(person, shade, 0).astype(np.uint8)
    by_pillow = io.BytesIO()
    Image.fromarray(pixels).save(by_pillow, format="PNG")
    assert len(png_bytes(pixels)) < 1.2 * len(by_pillow.getvalue())

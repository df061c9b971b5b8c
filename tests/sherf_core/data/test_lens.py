import numpy as np
import pytest

from sherf_core.data.lens import distort, undistorted

K = np.array([[100.0, 0, 32], [0, 80.0, 24], [0, 0, 1]], np.float32)


def test_points_by_hand():
    # k1 = 0.1 at (0.5, 0): r² = 0.25, factor 1.025.
    assert distort(np.array([[0.5, 0.0]]), np.array([0.1, 0, 0, 0, 0]))[0] == pytest.approx([0.5125, 0])
    # k2 = 0.2 at (0, 1): r⁴ = 1, factor 1.2; k3 = -0.5 at (1, 1): r⁶ = 8, factor -3.
    assert distort(np.array([[0.0, 1.0]]), np.array([0, 0.2, 0, 0, 0]))[0] == pytest.approx([0, 1.2])
    assert distort(np.array([[1.0, 1.0]]), np.array([0, 0, 0, 0, -0.5]))[0] == pytest.approx([-3, -3])
    # p1 = 0.01, p2 = 0.02 at (1, 2): r² = 5; x + 2·0.01·2 + 0.02·(5 + 2), y + 0.01·(5 + 8) + 2·0.02·2.
    assert distort(np.array([[1.0, 2.0]]), np.array([0, 0, 0.01, 0.02, 0]))[0] == pytest.approx([1.18, 2.21])


def test_a_pixel_comes_from_where_the_lens_put_it():
    """By hand: pixel (52, 24) is x = 0.2, y = 0; k1 = 1.25 puts it at 0.2 · 1.05 = 0.21, pixel (53, 24)."""
    image = np.zeros((48, 64, 3), np.float32)
    image[24, 53] = [1, 0.5, 0.25]
    mask = image[..., 0] > 0
    straight, person = undistorted(image, mask, K, np.array([1.25, 0, 0, 0, 0]))
    assert straight[24, 52] == pytest.approx([1, 0.5, 0.25], abs=1e-5)
    assert person[24, 52]
    # Half-way between pixels: y = 0.25 at row 44, k1 = 0.1 -> 0.25 · 1.00625, row 24 + 80 · 0.2515625 = 44.125.
    image[:] = 0
    image[44, 32], image[45, 32] = 0.8, 0.4
    straight, _ = undistorted(image, mask, K, np.array([0.1, 0, 0, 0, 0]))
    assert straight[44, 32, 0] == pytest.approx(0.875 * 0.8 + 0.125 * 0.4, abs=1e-5)


def test_what_the_lens_did_not_see_is_black_and_no_lens_changes_nothing():
    image, mask = np.ones((48, 64, 3), np.float32), np.ones((48, 64), bool)
    straight, person = undistorted(image, mask, K, np.array([1.5, 0, 0, 0, 0]))
    assert not person[0, 0]
    assert (straight[0, 0] == 0).all()
    assert person[24, 32]
    assert undistorted(image, mask, K, np.zeros(5))[0] is image

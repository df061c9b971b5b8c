import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from sherf_core.metrics.measurement import EMPTY_MASK, IDENTICAL, NOT_FINITE, Protocol
from sherf_core.metrics.psnr import psnr
from sherf_core.metrics.region import masked_rectangle
from sherf_core.metrics.ssim import ssim
from sherf_core.metrics.suite import MetricSuite


@pytest.fixture
def pair():
    random = np.random.default_rng(7)
    truth = random.random((40, 32, 3)).astype(np.float32)
    prediction = np.clip(truth + random.normal(0, 0.1, truth.shape), 0, 1).astype(np.float32)
    mask = np.zeros((40, 32), bool)
    mask[5:30, 8:28] = True
    mask[5:9, 8:12] = False
    return prediction, truth, mask


def independent_ssim(a, b, data_range):
    """Wang et al. 2004 written out with a uniform 7x7 window and unbiased variances, borders of 3 pixels left out."""
    values = []
    for channel in range(3):
        x, y = a[..., channel].astype(np.float64), b[..., channel].astype(np.float64)
        mean_x, mean_y = uniform_filter(x, 7), uniform_filter(y, 7)
        unbiased = 49 / 48
        var_x = unbiased * (uniform_filter(x * x, 7) - mean_x**2)
        var_y = unbiased * (uniform_filter(y * y, 7) - mean_y**2)
        covariance = unbiased * (uniform_filter(x * y, 7) - mean_x * mean_y)
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
        values.append((top / bottom)[3:-3, 3:-3].mean())
    return np.mean(values)


def test_psnr_of_a_known_error():
    truth = np.zeros((4, 4, 3), np.float32)
    prediction = np.full_like(truth, 0.1)
    assert psnr(prediction, truth, np.ones((4, 4), bool)).value == pytest.approx(20.0, abs=1e-6)


def test_psnr_looks_inside_the_mask_only():
    truth = np.zeros((4, 4, 3), np.float32)
    prediction = np.full_like(truth, 0.1)
    prediction[0] = 1.0
    mask = np.ones((4, 4), bool)
    mask[0] = False
    assert psnr(prediction, truth, mask).value == pytest.approx(20.0, abs=1e-6)


def test_psnr_of_identical_images_is_no_number(pair):
    _, truth, mask = pair
    assert psnr(truth, truth, mask).value is None
    assert psnr(truth, truth, mask).note == IDENTICAL


@pytest.mark.parametrize(("protocol", "data_range"), [(Protocol.PAPER, 2.0), (Protocol.STANDARD, 1.0)])
def test_ssim_agrees_with_an_independent_computation(pair, protocol, data_range):
    prediction, truth, mask = pair
    rows, columns = slice(5, 30), slice(8, 28)
    black_outside = [np.where(mask[..., None], image, 0)[rows, columns] for image in (prediction, truth)]
    expected = independent_ssim(*black_outside, data_range)
    assert ssim(prediction, truth, mask, protocol).value == pytest.approx(expected, abs=1e-9)


def test_ssim_of_identical_images_is_one(pair):
    _, truth, mask = pair
    assert ssim(truth, truth, mask, Protocol.PAPER).value == pytest.approx(1.0, abs=1e-12)


def test_ssim_ignores_what_lies_outside_the_mask(pair):
    prediction, truth, mask = pair
    painted = np.where(mask[..., None], prediction, np.float32(0.9))
    assert ssim(painted, truth, mask, Protocol.PAPER) == ssim(prediction, truth, mask, Protocol.PAPER)


def test_ssim_of_a_tiny_rectangle_says_why_not(pair):
    prediction, truth, _ = pair
    mask = np.zeros((40, 32), bool)
    mask[2:8, 2:20] = True
    measured = ssim(prediction, truth, mask, Protocol.PAPER)
    assert measured.value is None
    assert "7x7" in measured.note


def test_rectangle_is_that_of_the_mask_and_black_outside_it(pair):
    prediction, _, mask = pair
    crop = masked_rectangle(prediction, mask)
    assert crop.shape == (25, 20, 3)
    assert (crop[:4, :4] == 0).all()
    assert (crop[10:, 10:] == prediction[15:30, 18:28]).all()


def test_empty_masks_and_nan_give_reasons(pair):
    prediction, truth, mask = pair
    suite = MetricSuite(lpips_note="not measured: no VGG")
    nothing = suite.measure(prediction, truth, np.zeros_like(mask))
    assert {nothing[p][m].note for p in nothing for m in ("psnr", "ssim")} == {EMPTY_MASK}
    broken = prediction.copy()
    broken[10, 15, 1] = np.nan
    measured = suite.measure(broken, truth, mask)
    assert {measured[p][m].note for p in measured for m in ("psnr", "ssim")} == {NOT_FINITE}


def test_nan_outside_the_mask_does_no_harm(pair):
    prediction, truth, mask = pair
    outside = prediction.copy()
    outside[0, 0] = np.nan
    assert ssim(outside, truth, mask, Protocol.PAPER) == ssim(prediction, truth, mask, Protocol.PAPER)
    assert psnr(outside, truth, mask) == psnr(prediction, truth, mask)


def test_without_vgg_lpips_is_words_never_a_number(pair):
    measured = MetricSuite(lpips_note="not measured: no VGG").measure(*pair)
    assert [measured[p]["lpips"].value for p in ("paper", "standard")] == [None, None]
    assert measured["paper"]["lpips"].note == "not measured: no VGG"
    assert measured["paper"]["psnr"] == measured["standard"]["psnr"]
    assert measured["paper"]["ssim"].value > measured["standard"]["ssim"].value

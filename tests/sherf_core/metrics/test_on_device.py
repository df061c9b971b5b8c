"""Metrics of tensors beside the reference on the host, skimage's SSIM and the LPIPS that each protocol gives."""

import numpy as np
import pytest
import torch

from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.measurement import EMPTY_MASK, IDENTICAL, NOT_FINITE
from sherf_core.metrics.on_device import rectangle_bounds
from sherf_core.metrics.suite import MetricSuite
from sherf_core.metrics.vgg import Vgg16Features

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
TOLERANCE = {"psnr": 1e-9, "ssim": 1e-9, "lpips": 1e-5}


@pytest.fixture(scope="module")
def suites():
    """One suite for each device, with the same random VGG."""
    torch.manual_seed(4)
    features = Vgg16Features()
    for name, parameter in features.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(parameter)

    def make(device):
        return MetricSuite(Lpips(features).to(device).eval().requires_grad_(False))

    return make


@pytest.fixture
def pair():
    random = np.random.default_rng(8)
    truth = random.random((60, 50, 3)).astype(np.float32)
    prediction = (truth + random.normal(0, 0.1, truth.shape)).astype(np.float32)
    mask = np.zeros((60, 50), bool)
    mask[5:45, 8:39] = True
    mask[5:19, 8:20] = False
    return prediction, truth, mask


def bounds(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if mask.any() else None


def ordered(suite, device, prediction, truth, mask):
    tensors = [torch.from_numpy(array).to(device) for array in (prediction, truth, mask)]
    return suite.order(*tensors, bounds(mask)).result()


@pytest.mark.parametrize("device", DEVICES)
def test_agrees_with_the_reference(suites, pair, device):
    suite = suites(device)
    reference, found = suite.measure(*pair), ordered(suite, device, *pair)
    assert list(found) == list(reference) == ["paper", "standard"]
    for protocol, of_protocol in reference.items():
        for name, one in of_protocol.items():
            assert one.value is not None
            assert found[protocol][name].value == pytest.approx(one.value, abs=TOLERANCE[name], rel=0)
    assert reference["paper"]["ssim"].value != reference["standard"]["ssim"].value
    assert reference["paper"]["lpips"].value != reference["standard"]["lpips"].value


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(4))
def test_agrees_for_any_region_and_nearly_equal_pictures(device, seed):
    random = np.random.default_rng(seed)
    height, width = random.integers(9, 70, 2)
    truth = random.random((height, width, 3)).astype(np.float32)
    prediction = truth + np.float32(10.0 ** -random.integers(1, 6)) * random.random(truth.shape).astype(np.float32)
    mask = random.random((height, width)) < 0.3
    suite = MetricSuite()
    reference, found = suite.measure(prediction, truth, mask), ordered(suite, device, prediction, truth, mask)
    for protocol in reference:
        for name in ("psnr", "ssim"):
            assert found[protocol][name].value == pytest.approx(reference[protocol][name].value, abs=1e-9, rel=0)


def cases(pair):
    prediction, truth, mask = pair
    broken, outside = prediction.copy(), prediction.copy()
    broken[30, 25, 1] = np.inf
    outside[0, 0] = np.nan
    rows, strip, dot, small = (np.zeros_like(mask) for _ in range(4))
    small[29:32, 24:27] = True
    rows[10:16, 5:40] = True
    strip[10:25, 5:40] = True
    dot[59, 49] = True
    return {
        "identical": (truth, truth, mask),
        "empty": (prediction, truth, np.zeros_like(mask)),
        "broken": (broken, truth, mask),
        "broken and too small": (broken, truth, small),
        "broken truth": (truth, broken, mask),
        "nan outside": (outside, truth, mask),
        "too small for a window": (prediction, truth, rows),
        "too small for the network": (prediction, truth, strip),
        "one pixel": (prediction, truth, dot),
        "whole": (prediction, truth, np.ones_like(mask)),
    }


@pytest.mark.parametrize("network", [True, False])
def test_says_the_same_where_there_is_no_number(suites, pair, network):
    suite = suites("cpu") if network else MetricSuite(lpips_note="no VGG here")
    seen = set()
    for case in cases(pair).values():
        reference, found = suite.measure(*case), ordered(suite, "cpu", *case)
        for protocol, of_protocol in reference.items():
            for name, one in of_protocol.items():
                assert found[protocol][name].note == one.note
                assert (found[protocol][name].value is None) == (one.value is None)
                if one.value is not None:
                    assert found[protocol][name].value == pytest.approx(one.value, abs=TOLERANCE[name], rel=0)
                seen.add(one.note)
    assert {IDENTICAL, EMPTY_MASK, NOT_FINITE} <= seen
    assert any("7x7" in note for note in seen)
    assert any("16 pixels" in note for note in seen) == network


@pytest.mark.parametrize("device", DEVICES)
def test_bounds_of_the_mask(pair, device):
    for _, _, mask in cases(pair).values():
        found = rectangle_bounds(torch.from_numpy(mask).to(device)).tolist()
        rectangle = bounds(mask)
        expected = [0, 0, 0, 0] if rectangle is None else [end for one in rectangle for end in (one.start, one.stop)]
        assert found == expected

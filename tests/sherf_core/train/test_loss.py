"""The loss against another library's SSIM, and its parts against hand calculations."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.vgg import Vgg16Features
from sherf_core.train.config import LossWeights
from sherf_core.train.loss import PARTS, ReconstructionLoss
from sherf_core.train.ssim import gaussian_ssim


def _pictures(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    a = rng.uniform(size=(3, height, width))
    b = np.clip(a + rng.normal(size=a.shape) * 0.2, 0, 1)
    return torch.from_numpy(a), torch.from_numpy(b)


@pytest.mark.parametrize("size", [(11, 11), (24, 37)])
def test_ssim_is_that_of_scikit_image(size):
    a, b = _pictures(*size)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = structural_similarity(a.numpy(), b.numpy(), channel_axis=0, **options)
    assert float(gaussian_ssim(a, b)) == pytest.approx(expected, abs=1e-10)


def test_ssim_has_the_right_gradient():
    a, b = _pictures(12, 13)
    assert torch.autograd.gradcheck(gaussian_ssim, (a[:1].requires_grad_(), b[:1].requires_grad_()))


def _rays(height: int, width: int) -> tuple[torch.Tensor, ...]:
    a, b = (picture.float().flatten(1).T.contiguous() for picture in _pictures(height, width))
    count = height * width
    mask = torch.arange(count) % 2 == 0
    return a, torch.full((count,), 0.25), b, mask, torch.ones(count, dtype=torch.bool)


def test_parts_are_means_over_the_rays_that_hit():
    colour, coverage, truth, mask, hit = _rays(4, 5)
    hit[7:] = False
    total, mse, acc, ssim, lpips = ReconstructionLoss(LossWeights())(colour, coverage, truth, mask, hit, (4, 5))
    assert float(mse) == pytest.approx(float(np.mean((colour[:7] - truth[:7]).numpy() ** 2)), rel=1e-6)
    # Four rays on the person, three beside it: (4·0.75² + 3·0.25²) / 7.
    assert float(acc) == pytest.approx((4 * 0.5625 + 3 * 0.0625) / 7, rel=1e-6)
    assert float(ssim) == float(lpips) == 0  # the patch is too small for them
    assert float(total) == pytest.approx(100 * float(mse) + 10 * float(acc), rel=1e-6)


def test_ssim_sees_black_where_rays_miss():
    colour, coverage, truth, mask, hit = _rays(16, 20)
    hit[:100] = False
    _, _, _, ssim, _ = ReconstructionLoss(LossWeights())(colour, coverage, truth, mask, hit, (16, 20))
    pictures = [np.where(hit[:, None], values, 0).reshape(16, 20, 3) for values in (colour, truth)]
    expected = structural_similarity(
        *pictures, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    assert float(ssim) == pytest.approx(1 - expected, abs=1e-5)


def test_rays_after_the_patch_count_for_the_means_only():
    colour, coverage, truth, mask, hit = _rays(16, 20)
    patch = ReconstructionLoss(LossWeights())(
        colour[:256], coverage[:256], truth[:256], mask[:256], hit[:256], (16, 16)
    )
    more = ReconstructionLoss(LossWeights())(colour, coverage, truth, mask, hit, (16, 16))
    assert float(more[3]) == float(patch[3])
    assert float(more[1]) != float(patch[1])


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    torch.manual_seed(0)
    return Lpips(Vgg16Features())


def test_lpips_enters_with_its_weight(lpips):
    rays = _rays(16, 20)
    without = ReconstructionLoss(LossWeights())(*rays, (16, 20))
    loss = ReconstructionLoss(LossWeights(lpips=3.0), lpips)(*rays, (16, 20))
    a, b = (values.T.unflatten(1, (16, 20))[None] for values in (rays[0], rays[2]))
    assert float(loss[4]) == pytest.approx(float(lpips(a, b)), rel=1e-5)
    assert float(loss[0]) == pytest.approx(float(without[0]) + 3 * float(loss[4]), rel=1e-5)


def test_lpips_has_a_finite_gradient_for_the_picture_alone(lpips):
    colour, coverage, truth, mask, hit = _rays(16, 20)
    colour[:50] = 0
    truth[:50] = 0
    colour.requires_grad_()
    loss = ReconstructionLoss(LossWeights(mse=0.0, acc=0.0, ssim=0.0), lpips)
    loss(colour, coverage, truth, mask, hit, (16, 20))[0].backward()
    assert torch.isfinite(colour.grad).all()
    assert colour.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_features_of_length_0_have_no_gradient_and_no_nan():
    lpips = Lpips(Vgg16Features())
    for parameter in lpips.parameters():
        parameter.data.zero_()
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    lpips(picture, torch.rand(1, 3, 16, 16)).sum().backward()
    assert picture.grad.abs().max() == 0


def test_a_sample_without_hits_counts_0_and_can_go_backward():
    colour, coverage, truth, mask, hit = _rays(4, 5)
    colour.requires_grad_()
    losses = ReconstructionLoss(LossWeights())(colour, coverage, truth, mask, hit & False, (4, 5))
    losses[0].backward()
    assert losses.tolist() == [0.0] * len(PARTS)
    assert colour.grad.abs().max() == 0

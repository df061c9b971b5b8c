import math

import pytest
import torch

from sherf_core.render.compositing import EMPTY_SIGMA, composite
from sherf_core.render.sampling import ray_steps, sample_depths


def test_samples_include_both_ends():
    depths = sample_depths(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0]), ray_steps(5, torch.tensor(0.0)))
    assert depths.tolist() == [[1, 1.5, 2, 2.5, 3], [2, 2, 2, 2, 2]]


def test_two_samples_by_hand():
    # delta = 0.5·‖d‖ = 1: alpha_0 = 1 - e^-1; the second sample is endless, so it takes all that is left.
    sigma, depths = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.5]])
    colour = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    rgb, depth, alpha = composite(sigma, colour, depths, torch.tensor([[0.0, 0, 2.0]]))
    first = 1 - math.exp(-1)
    assert rgb[0].tolist() == pytest.approx([first, 1 - first, 0])
    assert alpha.item() == pytest.approx(1)
    assert depth.item() == pytest.approx(first * 1 + (1 - first) * 1.5)


def test_an_empty_ray_is_black_and_endless():
    sigma = torch.full((1, 4), EMPTY_SIGMA)
    rgb, depth, alpha = composite(sigma, torch.ones(1, 4, 3), torch.arange(4.0)[None], torch.ones(1, 3))
    assert rgb.abs().max() == 0
    assert alpha.item() == 0
    assert depth.item() == math.inf


def test_weights_never_exceed_one():
    generator = torch.Generator().manual_seed(0)
    sigma = 30 * torch.randn(50, 48, generator=generator)
    depths = torch.rand(50, 48, generator=generator).sort(1).values
    rgb, _, alpha = composite(sigma, torch.ones(50, 48, 3), depths, torch.randn(50, 3, generator=generator))
    assert alpha.max() <= 1 + 1e-5
    assert torch.allclose(rgb[:, 0], alpha, atol=1e-6)


def test_gradients_are_right():
    generator = torch.Generator().manual_seed(1)
    sigma = torch.rand(3, 5, dtype=torch.float64, generator=generator).requires_grad_()
    colour = torch.rand(3, 5, 3, dtype=torch.float64, generator=generator).requires_grad_()
    depths = torch.linspace(1, 2, 5, dtype=torch.float64).expand(3, 5)
    directions = torch.ones(3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s, c: composite(s, c, depths, directions), (sigma, colour))

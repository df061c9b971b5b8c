"""Learning rates by hand."""

import math

import pytest
import torch

from sherf_core.train.average import Average, decay
from sherf_core.train.config import TrainConfig
from sherf_core.train.schedule import learning_rate, scheduler_steps


def _rate(config: TrainConfig, step: int, batch: int = 4) -> float:
    return learning_rate(config, step=step, images=step * batch, batch=batch)


def test_the_published_rate_is_four_fifths_and_halves_every_4000_iterations():
    config = TrainConfig(schedule="published")
    rates = [_rate(config, step) for step in (0, 3999, 4000, 7999, 8000, 199_999)]
    assert rates == pytest.approx([0.002, 0.002, 0.001, 0.001, 0.0005, 0.002 / 2**49])


def test_the_published_scheduler_is_stepped_again_in_every_fourth_iteration():
    # Iterations 0 and 4 step it twice.
    assert [scheduler_steps(step) for step in range(7)] == [0, 2, 3, 4, 5, 7, 8]


def test_the_published_rule_counts_images_whatever_the_batch():
    config = TrainConfig(schedule="published")
    # 20,000 / 8 = 2,500 scheduler steps are 2,000 iterations.
    assert [_rate(config, step, 8) for step in (1999, 2000)] == pytest.approx([0.002, 0.001])


def test_cosine_rises_by_images_then_falls_to_its_share():
    config = TrainConfig(schedule="cosine", steps=10_000, warm_up_images=400, final_rate=0.1)
    assert _rate(config, 0) == pytest.approx(0.002 * 4 / 400, rel=1e-3)
    assert _rate(config, 5_000) == pytest.approx(0.002 * 0.55)
    assert _rate(config, 9_999) == pytest.approx(0.002 * (0.1 + 0.45 * (1 + math.cos(math.pi * 0.9999))))
    rates = [_rate(config, step) for step in range(0, 10_000, 100)]
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_a_short_training_warms_up_for_a_tenth():
    config = TrainConfig(schedule="constant", steps=100, warm_up_images=1000)
    assert [_rate(config, step) for step in (0, 9, 99)] == pytest.approx([0.0002, 0.002, 0.002])


def test_the_average_moves_half_the_way_in_one_half_life():
    config = TrainConfig(average_half_life=0.4)  # 400 images: 100 steps of 4
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    average = Average(model)
    torch.nn.init.ones_(model.weight)
    for step in range(100):
        average.update(model, images=4 * (step + 1), batch=4, config=config)
    assert average.values["weight"].item() == pytest.approx(0.5, abs=1e-5)


def test_a_ramp_up_bounds_the_half_life_by_the_images_seen():
    config = TrainConfig(average_half_life=10.0, average_ramp_up=0.05)
    assert decay(1000, 4, config) == pytest.approx(0.5 ** (4 / 50))
    assert decay(10**7, 4, config) == pytest.approx(0.5 ** (4 / 10_000))


def test_parameters_that_are_not_trained_are_not_averaged():
    model = torch.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    assert list(Average(model).values) == ["weight"]

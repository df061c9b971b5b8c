"""The learning rate of each step."""

from __future__ import annotations

import math

from sherf_core.train.config import TrainConfig

LONGEST_WARM_UP = 0.1
"""Share of a training, so that a short one is not all warm-up."""


def learning_rate(config: TrainConfig, *, step: int, images: int, batch: int) -> float:
    """The rate of a step.

    Args:
        config: the schedule and Adam's full rate, which is corrected for lazy regularisation.
        step: steps before this one.
        images: images before this step.
        batch: images of this step.
    """
    full = config.adam.learning_rate * config.adam.ratio
    if config.schedule == "published":
        return full * 0.5 ** (scheduler_steps(step) // max(1, config.halving_images // batch))
    rise = min(config.warm_up_images, config.steps * batch * LONGEST_WARM_UP)
    warm = min(1.0, (images + batch) / rise) if rise else 1.0
    if config.schedule == "constant":
        return full * warm
    # The last step's share is a batch short of the end, so that no step is without effect when `final_rate` is 0.
    share = min(1.0, images / max(1, config.steps * batch))
    return full * warm * (config.final_rate + (1 - config.final_rate) * 0.5 * (1 + math.cos(math.pi * share)))


def scheduler_steps(step: int) -> int:
    """How often the published code stepped its scheduler before iteration `step`: each time, and again in every fourth.

    The scheduler belonged to the optimiser's two phases, the second of which came every fourth iteration, beginning
    with the first. With a batch of 4 it halves the rate every 5,000 of its steps: every 4,000 iterations.
    """
    return step + -(-step // 4)

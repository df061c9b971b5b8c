"""Which pictures, noise and rays are sample number i of a training: a function of the seed and i alone.

Ranks, workers, accumulation and resumption only decide who computes a sample, and when. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from sherf_core.data.records import Frame

# What a generator's numbers are for: none of them may follow from another's.
_ORDER, _CHOICE, _NOISE, _RAYS = range(4)


@runtime_checkable
class PairSource(Protocol):
    """The targets of a data set, each with observations of the same person to choose from. Must be picklable."""

    def __len__(self) -> int:
        """How many targets there are."""

    def pair(self, index: int, seed: int, /) -> tuple[Frame, Frame]:
        """An observation and the target.

        Args:
            index: of the target, 0 to len - 1.
            seed: a number of 32 bits that decides which observation.
        """


@dataclass(frozen=True)
class Sample:
    """One sample of a training.

    Attributes:
        index: its number, counted from the training's start.
        target: number of the target in the source.
        choice: decides the observation.
        noise_seed: of the noise on the density.
        rays_seed: of the rays that are drawn.
    """

    index: int
    target: int
    choice: int
    noise_seed: int
    rays_seed: int


def sample(seed: int, index: int, targets: int) -> Sample:
    """Sample number `index`: each pass shows every target once, in an order of its own."""
    order = _order(seed, index // targets, targets)
    return Sample(
        index=index,
        target=int(order[index % targets]),
        choice=_number(seed, _CHOICE, index, 32),
        noise_seed=_number(seed, _NOISE, index, 62),
        rays_seed=_number(seed, _RAYS, index, 62),
    )


def own_indices(first: int, *, rank: int, count: int) -> range:
    """Numbers of a rank's samples in the step that begins with sample `first`; ranks come one after another.

    Args:
        first: images before this step.
        rank: of this process.
        count: samples of a process in a step.
    """
    return range(first + rank * count, first + (rank + 1) * count)


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, targets: int) -> Int64[np.ndarray, "{targets}"]:
    return np.random.default_rng([seed, _ORDER, turn]).permutation(targets)


def _number(seed: int, purpose: int, index: int, bits: int) -> int:
    return int(np.random.default_rng([seed, purpose, index]).integers(0, 1 << bits))

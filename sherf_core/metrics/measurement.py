"""What a metric returns, and how measurements are averaged: the one place that states the rules.

* A measurement is a finite number, or no number and the reason in words. NaN and infinity never leave this package,
  so every result fits strict JSON.
* Identical images have an infinite PSNR: value None, note "identical images".
* A mean is the mean of the finite values. What could not be measured is left out and counted by its reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

IDENTICAL = "identical images"
EMPTY_MASK = "empty mask"
NOT_FINITE = "an image holds NaN or infinity"


class Protocol(str, Enum):
    """How a metric is taken; both look at the pixels whose rays meet the body's box.

    PAPER: the published evaluation: SSIM with data range 2, LPIPS on images in 0..1.
    STANDARD: the metrics as their authors define them: SSIM with data range 1, LPIPS on images in -1..1.
    PSNR has data range 1 in both, so both give the same number.
    """

    PAPER = "paper"
    STANDARD = "standard"


@dataclass(frozen=True)
class Measurement:
    """A finite number, or None with the reason why there is none."""

    value: float | None
    note: str = ""

    def __post_init__(self) -> None:
        if self.value is None and not self.note:
            raise ValueError("a measurement without a value needs a reason")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError("a measurement's value is finite; say the reason in `note` instead")


def measured(value: float) -> Measurement:
    """A metric's value, which is no number where its way led over one that is none."""
    return Measurement(value) if math.isfinite(value) else Measurement(None, NOT_FINITE)


@dataclass(frozen=True)
class Average:
    """Mean over the finite values; `left_out` counts the rest by reason."""

    mean: float | None
    count: int
    left_out: dict[str, int] = field(default_factory=dict)


def average(measurements: Iterable[Measurement]) -> Average:
    """Mean of the finite values, with the count of what was left out and why.

    >>> average([Measurement(20.0), Measurement(30.0), Measurement(None, IDENTICAL)])
    Average(mean=25.0, count=2, left_out={'identical images': 1})
    """
    measured = list(measurements)
    values = [item.value for item in measured if item.value is not None]
    reasons = Counter(item.note for item in measured if item.value is None)
    mean = math.fsum(values) / len(values) if values else None
    return Average(mean=mean, count=len(values), left_out=dict(reasons))

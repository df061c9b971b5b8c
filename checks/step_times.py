"""How long a training step takes on GPUs on which it was measured; nothing is scaled to others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "step_times.json"


@dataclass(frozen=True)
class StepTime:
    """One measurement.

    Args:
        gpu: a word in the GPU's name.
        code: whose training step it was.
        seconds_per_picture: forward and backward of one picture of 512 x 512.
        precision: the arithmetic.
        source: how it was measured.
        noted: when.
    """

    gpu: str
    code: str
    seconds_per_picture: float
    precision: str
    source: str
    noted: str

    def hours(self, pictures: int) -> float:
        """For so many pictures, one after the other."""
        return self.seconds_per_picture * pictures / 3600


@cache
def step_times() -> tuple[int, tuple[StepTime, ...]]:
    """The number of pictures of the published recipe, and all measurements."""
    document = json.loads(TABLE.read_bytes())
    return document["published_pictures"], tuple(StepTime(**entry) for entry in document["measured"])

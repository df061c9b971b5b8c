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

    def fits(self, name: str) -> bool:
        """Whether it was measured on a GPU of that name; an instance of a split one (MIG) is another GPU."""
        words = name.replace("-", " ").split()
        return self.gpu in words and "MIG" not in words

    def hours(self, pictures: int) -> float:
        """For so many pictures, one after the other."""
        return self.seconds_per_picture * pictures / 3600


@cache
def step_times() -> tuple[int, tuple[StepTime, ...]]:
    """The number of pictures of the published recipe, and all measurements; 0 and () where the table is not there.

    A table that is missing is an incomplete installation (SYS.INSTALL), which is no reason to stop the diagnosis.
    """
    try:
        document = json.loads(TABLE.read_bytes())
    except (OSError, ValueError):
        return 0, ()
    return document["published_pictures"], tuple(StepTime(**entry) for entry in document["measured"])

"""What the user wants to do; how grave a finding is depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sherf_core.precision import Precision

Action = Literal["eval", "train"]
EMBEDDED = "demo"
"""The data set that ships with the program."""
PUBLISHED = "RenderPeople"
"""The data set that the published weights and figures belong to."""
DATASETS = (EMBEDDED, PUBLISHED, "THuman", "HuMMan", "ZJU-MoCap")


@dataclass(frozen=True)
class Purpose:
    """An action on a data set.

    Args:
        action: evaluate or train.
        dataset: `demo` is the one that ships with the program and needs no file of the user's.
        data: the data set's folder, if the user named it.
        gpus: how many GPUs the user wants to use, None for "what suits".
        precision: the arithmetic that the launch profile asks for, None where no profile was named.
    """

    action: Action = "eval"
    dataset: str = EMBEDDED
    data: Path | None = None
    gpus: int | None = None
    precision: Precision | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether everything that is needed ships with the program."""
        return self.dataset == EMBEDDED

    def __str__(self) -> str:
        verb = {"eval": "evaluate", "train": "train"}[self.action]
        return f"{verb} on {'the demo data' if self.is_embedded else self.dataset}"

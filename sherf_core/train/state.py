"""All that a training is between two steps: what a checkpoint holds, and what comes back from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from sherf_core.errors import TrainingError
from sherf_core.model.sherf import Sherf
from sherf_core.train.average import Average
from sherf_core.train.config import TrainConfig
from sherf_core.train.random_states import random_states, restore_random_states

WEIGHTS, AVERAGE, OPTIMIZER, SCALER = "weights.", "average.", "optimizer.", "scaler."


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a training is.

    Attributes:
        step: steps done, the bad ones among them.
        images: samples used, which is the number of the next one.
        bad_steps: steps whose loss was no number.
        seconds: time spent in steps, over all runs.
    """

    step: int = 0
    images: int = 0
    bad_steps: int = 0
    seconds: float = 0.0


@dataclass(kw_only=True)
class TrainingState:
    """The model and everything that goes with it; the same on every process.

    Attributes:
        model: the network.
        optimizer: over the parameters that are trained.
        scaler: of float16's gradients; None in other precisions.
        average: exponential average of the parameters.
        position: how far the training is.
        config: how it runs. The learning rate follows from it and the position.
    """

    model: Sherf
    optimizer: Adam
    scaler: torch.amp.GradScaler | None
    average: Average
    position: Position
    config: TrainConfig

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor under its group's prefix: `weights.`, `average.`, `optimizer.`, `scaler.`."""
        found = {WEIGHTS + name: value for name, value in self.model.state_dict().items()}
        found |= {AVERAGE + name: value for name, value in self.average.values.items()}
        for name, parameter in self._optimized().items():
            for moment, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{OPTIMIZER}{moment}.{name}"] = value
        if self.scaler is not None:
            scaler = self.scaler.state_dict()
            found[f"{SCALER}scale"] = torch.tensor(scaler["scale"], dtype=torch.float64)
            found[f"{SCALER}growth_tracker"] = torch.tensor(scaler["_growth_tracker"])
        return found

    def plain(self) -> dict[str, Any]:
        """The rest, as JSON holds it: position, configuration, random numbers' states, versions."""
        return {
            "position": asdict(self.position),
            "config": self.config.as_dict(),
            "random": random_states(),
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
        }

    def restore(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Take up what `tensors` and `plain` held; the configuration stays this training's.

        Raises:
            TrainingError: the tensors are not those of this model, or the seed is another.
        """
        earlier = TrainConfig.from_dict(plain["config"])
        if earlier.seed != self.config.seed:
            raise TrainingError(
                f"the checkpoint's training has seed {earlier.seed}, this one {self.config.seed}",
                fix=f"go on with --set seed={earlier.seed}, or begin anew with --resume no",
            )
        groups = {prefix: _group(tensors, prefix) for prefix in (WEIGHTS, AVERAGE, OPTIMIZER, SCALER)}
        self._require_names(groups)
        self.model.load_state_dict(groups[WEIGHTS])
        for name, value in self.average.values.items():
            value.copy_(groups[AVERAGE][name])
        self._restore_optimizer(groups[OPTIMIZER])
        if self.scaler is not None and groups[SCALER]:
            current = self.scaler.state_dict()
            current["scale"] = groups[SCALER]["scale"].item()
            current["_growth_tracker"] = int(groups[SCALER]["growth_tracker"])
            self.scaler.load_state_dict(current)
        self.position = Position(**plain["position"])
        restore_random_states(plain["random"])

    def _optimized(self) -> dict[str, torch.nn.Parameter]:
        return {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}

    def _require_names(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        wanted: dict[str, Mapping[str, Tensor]] = {WEIGHTS: self.model.state_dict(), AVERAGE: self.average.values}
        for prefix, expected in wanted.items():
            found = groups[prefix]
            wrong = sorted(
                name
                for name in expected.keys() | found.keys()
                if name not in expected or name not in found or expected[name].shape != found[name].shape
            )
            if wrong:
                raise TrainingError(
                    f"the checkpoint's {prefix.rstrip('.')} are not this model's: "
                    f"{', '.join(wrong[:3])}{' and more' if len(wrong) > 3 else ''}",
                    expected=f"{len(expected)} tensors with the names and shapes of the model",
                    fix="begin anew with --resume no, or use the version that wrote the checkpoint",
                )

    def _restore_optimizer(self, moments: Mapping[str, Tensor]) -> None:
        self.optimizer.state.clear()
        for name, parameter in self._optimized().items():
            own = {key.partition(".")[0]: value for key, value in moments.items() if key.partition(".")[2] == name}
            if own:
                # Adam's step counter lives on the CPU, its moments beside the parameter.
                self.optimizer.state[parameter] = {
                    moment: value.clone() if moment == "step" else value.to(parameter, copy=True)
                    for moment, value in own.items()
                }


def _group(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

"""The demo weights: a short fit on generated people, so that everything runs for real without a download.

Only the tensors that the fit changed are shipped (float16, a few MB); the image encoder of the tri-plane and the
tri-plane generator keep their initial values. `tools/fit_demo_weights.py` made them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from sherf_core.errors import CheckpointError
from sherf_core.model.initial import initial_weights

DEMO_WEIGHTS = Path(__file__).with_name("demo_weights.safetensors")
DEMO_SEED = 0


def demo_weights(like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A whole state dict for a model whose `state_dict()` is `like`.

    Raises:
        CheckpointError: the shipped file holds a name or shape that the model does not have.
    """
    weights = initial_weights(like, DEMO_SEED)
    with safe_open(DEMO_WEIGHTS, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 (it is no dict)
            tensor = file.get_tensor(name)
            if name not in weights or weights[name].shape != tensor.shape:
                raise CheckpointError(
                    f"{DEMO_WEIGHTS.name} holds {name} {tuple(tensor.shape)}, which the model does not have",
                    fix="reinstall sherfctl; the file belongs to another version",
                    code="CKPT.KEYS",
                    path=DEMO_WEIGHTS,
                )
            weights[name] = tensor.float()
    return weights


def demo_description() -> str:
    """How the demo weights were made, in one sentence, as the fit recorded it."""
    with safe_open(DEMO_WEIGHTS, framework="pt") as file:
        return (file.metadata() or {}).get("description", "")

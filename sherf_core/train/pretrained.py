"""ImageNet weights of the two image encoders, where the file is there, as in the published training."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from sherf_core.assets.catalogue import torch_file
from sherf_core.assets.torch_places import find_torch_file
from sherf_core.errors import BrokenFileError
from sherf_core.metrics.vgg import require_named_digest

RESNET_NAME = torch_file("resnet").name
"""torchvision's file of ImageNet weights; the digits are the first of its SHA-256."""
RESNET_ADDRESS = torch_file("resnet").address
HOW_TO_GET = (
    f"`sherfctl fetch-assets resnet`, or download {RESNET_ADDRESS} (45 MB) and put it in assets/ or in "
    "~/.cache/torch/hub/checkpoints/"
)
ENCODERS = ("encoder_2d.backbone.", "encoder_2d_feature.backbone.")

_FIX = f"download {RESNET_ADDRESS} again and put it in assets/"


def find_resnet_weights(roots: Iterable[Path]) -> Path | None:
    """The first ResNet-18 file in `assets/` of these folders or in torch's own caches, or None."""
    return find_torch_file(RESNET_NAME, roots)


def load_resnet(path: Path, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A model's state with both encoders from a file in torchvision's format.

    Raises:
        BrokenFileError: not a file of tensors, cut short, or with other names and shapes.
    """
    require_named_digest(path, "ResNet-18 weights: 46,830,571 bytes", _FIX)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise BrokenFileError(f"{path} cannot be read as PyTorch weights: {error}", fix=_FIX, path=path) from error
    changed = dict(state)
    for prefix in ENCODERS:
        for name, value in state.items():
            # Counters came to torchvision's format later than this file.
            if not name.startswith(prefix) or name.endswith("num_batches_tracked"):
                continue
            own = found.get(name.removeprefix(prefix)) if isinstance(found, dict) else None
            if not isinstance(own, Tensor) or own.shape != value.shape:
                raise BrokenFileError(
                    f"{path} holds no ResNet-18 in torchvision's format: {name.removeprefix(prefix)} is missing or of "
                    "another shape",
                    fix=_FIX,
                    path=path,
                )
            changed[name] = own.to(value)
    return changed

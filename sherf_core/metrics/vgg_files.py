"""Where torchvision's files of ImageNet weights may lie: VGG16 for LPIPS and others (nothing here imports torch)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sherf_core.assets.catalogue import torch_file
from sherf_core.assets.torch_places import find_torch_file

WEIGHTS_NAME = torch_file("perceptual").name
"""torchvision's file of ImageNet weights; the digits are the first of its SHA-256."""
ADDRESS = torch_file("perceptual").address

HOW_TO_GET = (
    f"it needs the VGG16 weights (528 MB): `sherfctl fetch-assets perceptual`, or download {ADDRESS} and put it in "
    "assets/ or in ~/.cache/torch/hub/checkpoints/"
)


def find_vgg_weights(roots: Iterable[Path]) -> Path | None:
    """The first VGG16 weights file that exists, or None; `roots` are the folders that may hold `assets/`."""
    return find_torch_file(WEIGHTS_NAME, roots)

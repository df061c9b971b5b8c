"""Where torchvision's files of ImageNet weights may lie: VGG16 for LPIPS and others (nothing here imports torch)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

WEIGHTS_NAME = "vgg16-397923af.pth"
"""torchvision's file of ImageNet weights; the digits are the first of its SHA-256."""
ADDRESS = f"https://download.pytorch.org/models/{WEIGHTS_NAME}"

HOW_TO_GET = (
    f"it needs the VGG16 weights (528 MB): download {ADDRESS} and put it in assets/ or in "
    "~/.cache/torch/hub/checkpoints/"
)


def vgg_candidates(roots: Iterable[Path], name: str = WEIGHTS_NAME) -> Iterator[Path]:
    """Where the weights may lie, best first: `assets/` in each of these folders, then torch's own download caches."""
    for root in roots:
        yield root / "assets" / name
    home = Path(os.path.expanduser("~"))  # unlike Path.home(), no error where there is no home folder
    caches = [home / ".cache" / "torch"]
    if "XDG_CACHE_HOME" in os.environ:
        caches.insert(0, Path(os.environ["XDG_CACHE_HOME"]) / "torch")
    if "TORCH_HOME" in os.environ:
        caches.insert(0, Path(os.environ["TORCH_HOME"]))
    for cache in caches:
        yield cache / "hub" / "checkpoints" / name
        yield cache / "checkpoints" / name


def find_vgg_weights(roots: Iterable[Path]) -> Path | None:
    """The first VGG16 weights file that exists, or None; `roots` are the folders that may hold `assets/`."""
    return next((path for path in vgg_candidates(roots) if path.is_file()), None)

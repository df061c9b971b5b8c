"""The convolutions of VGG16, with torchvision's parameter names."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sherf_core.errors import BrokenFileError
from sherf_core.io.digest import sha256
from sherf_core.metrics.vgg_files import ADDRESS

# (index in torchvision's `features`, input channels, output channels) of the convolutions between two poolings
STAGES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    ((0, 3, 64), (2, 64, 64)),
    ((5, 64, 128), (7, 128, 128)),
    ((10, 128, 256), (12, 256, 256), (14, 256, 256)),
    ((17, 256, 512), (19, 512, 512), (21, 512, 512)),
    ((24, 512, 512), (26, 512, 512), (28, 512, 512)),
)
CHANNELS = tuple(stage[-1][2] for stage in STAGES)


_FIX = f"download {ADDRESS} again and put it in assets/"
# torchvision's names end in the first digits of the SHA-256: vgg16-397923af.pth.
_DIGEST_IN_NAME = re.compile(r".+-([0-9a-f]{8,64})\.pth")


class Vgg16Features(nn.Module):
    """relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 of VGG16."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = {
            str(index): nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            for stage in STAGES
            for index, inputs, outputs in stage
        }
        self.features = nn.ModuleDict(convolutions)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """The last activation of each of the five stages; each stage halves the size of the one before."""
        outputs, x = [], images
        for number, stage in enumerate(STAGES):
            if number:
                x = functional.max_pool2d(x, kernel_size=2, stride=2)
            for index, _, _ in stage:
                x = functional.relu(self.features[str(index)](x))
            outputs.append(x)
        return outputs


def require_named_digest(path: Path, what: str = "VGG16 weights: 553,433,881 bytes", fix: str = _FIX) -> None:
    """See that a file's content is what its name promises; a name without digits of a digest promises nothing.

    Raises:
        BrokenFileError: its SHA-256 begins with other digits than those in its name.
    """
    promised = _DIGEST_IN_NAME.fullmatch(path.name)
    if promised is None:
        return
    digest = sha256(path)
    if not digest.startswith(promised[1]):
        raise BrokenFileError(
            f"{path} is not the file that its name says: its SHA-256 begins with {digest[: len(promised[1])]}",
            expected=f"a SHA-256 that begins with {promised[1]} (torchvision's {what})",
            fix=fix,
            path=path,
        )


def load_vgg(path: Path) -> Vgg16Features:
    """VGG16's convolutions from a file in torchvision's format; its classifier is left out.

    Raises:
        BrokenFileError: not a file of tensors, cut short, or with other names and shapes.
    """
    require_named_digest(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise BrokenFileError(f"{path} cannot be read as PyTorch weights: {error}", fix=_FIX, path=path) from error
    model = Vgg16Features()
    wanted = model.state_dict()
    wrong = [
        name
        for name, value in wanted.items()
        if not isinstance(state, dict) or name not in state or state[name].shape != value.shape
    ]
    if wrong:
        raise BrokenFileError(
            f"{path} holds no VGG16 in torchvision's format: {', '.join(wrong[:3])} missing or of another shape",
            fix=_FIX,
            path=path,
        )
    model.load_state_dict({name: state[name] for name in wanted})
    return model.eval().requires_grad_(False)

"""What a training begins with: the model, its loss, the optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from sherf_core.body.model import BodyModel
from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.vgg_files import HOW_TO_GET as HOW_TO_GET_VGG
from sherf_core.model.initial import initial_weights
from sherf_core.model.sherf import Sherf, SherfConfig
from sherf_core.train.average import Average
from sherf_core.train.config import TrainConfig
from sherf_core.train.loss import ReconstructionLoss
from sherf_core.train.pretrained import HOW_TO_GET as HOW_TO_GET_RESNET
from sherf_core.train.pretrained import load_resnet
from sherf_core.train.state import Position, TrainingState
from sherf_core.train.step import freeze_unused


def new_state(
    config: TrainConfig,
    body_model: BodyModel,
    device: torch.device,
    *,
    resnet: Path | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> TrainingState:
    """A training before its first step, the same on every process.

    Args:
        config: how it runs.
        body_model: the body whose vertices carry features.
        device: where it computes.
        resnet: torchvision's ResNet-18, for the image encoders.
        weights: of a model to go on from; they come before everything else.
    """
    model = Sherf(
        body_model,
        SherfConfig(
            points_per_chunk=config.points_per_chunk,
            density_noise=config.density_noise,
            precision=config.precision,
            gradient_checkpointing=config.gradient_checkpointing,
        ),
    )
    state = dict(weights) if weights is not None else initial_weights(model.state_dict(), config.seed)
    if weights is None and resnet is not None and config.pretrained_encoders:
        state = load_resnet(resnet, state)
    model.load_state_dict(state)
    model = model.to(device).train()
    freeze_unused(model)
    adam, ratio = config.adam, config.adam.ratio
    optimizer = torch.optim.Adam(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=adam.learning_rate * ratio,
        betas=(adam.beta1**ratio, adam.beta2**ratio),
        eps=adam.epsilon,
    )
    scaler = torch.amp.GradScaler(device.type) if config.precision == "float16" else None
    return TrainingState(
        model=model, optimizer=optimizer, scaler=scaler, average=Average(model), position=Position(), config=config
    )


def new_loss(config: TrainConfig, vgg: Path | None, device: torch.device) -> ReconstructionLoss:
    """The loss; without the VGG16 weights it has no LPIPS."""
    wanted = config.loss.lpips > 0 and vgg is not None
    return ReconstructionLoss(config.loss, Lpips.from_file(vgg, device) if wanted and vgg else None)


def left_out(config: TrainConfig, vgg: Path | None, resnet: Path | None) -> tuple[str, ...]:
    """What of the published recipe a training goes without, in sentences."""
    sentences = []
    if config.loss.lpips > 0 and vgg is None:
        sentences.append(f"the loss has no LPIPS: {HOW_TO_GET_VGG}")
    if config.pretrained_encoders and resnet is None:
        sentences.append(f"the image encoders start from scratch, not from ImageNet weights: {HOW_TO_GET_RESNET}")
    return tuple(sentences)


@contextmanager
def matrix_arithmetic(config: TrainConfig) -> Iterator[None]:
    """TF32 in matrix products and convolutions if it was asked for, and only then; what was set before comes back."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = config.precision == "tf32"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before

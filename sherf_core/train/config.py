"""Every constant of a training, in one record. Nothing here imports torch.

The defaults of the loss, the optimiser and the average are those of the published training (specification, section 7);
its learning rate's course is `schedule=published`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, cast, get_args, get_type_hints

from sherf_core.errors import ConfigurationError
from sherf_core.precision import Precision

Schedule = Literal["published", "cosine", "constant"]

SMALLEST_RESOLUTION = 16
SMALLEST_RAYS = 512
"""Fewer rays would leave a patch smaller than LPIPS and SSIM need."""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weights of the loss's parts; 0 leaves a part out.

    Attributes:
        mse: mean squared error over the rays that meet the body's box, and the three channels.
        acc: mean squared difference of a ray's coverage and the person's mask, over the same rays.
        ssim: 1 - SSIM (data range 1, Gaussian window of 11) on the bounding rectangle of those rays.
        lpips: LPIPS with VGG16 on the same rectangle, where its weights are there.
    """

    mse: float = 100.0
    acc: float = 10.0
    ssim: float = 1.0
    lpips: float = 1.0


@dataclass(frozen=True, kw_only=True)
class AdamSettings:
    """The optimiser; rates are those before the correction for lazy regularisation.

    Attributes:
        learning_rate: scaled by interval / (interval + 1).
        beta1: decay of the first moment, to the power of the same ratio.
        beta2: decay of the second moment, to the power of the same ratio.
        epsilon: added to the square root of the second moment.
        regularisation_interval: the published code regularised every so many iterations (Karras et al. 2020, appendix
            B); the regulariser is gone, its correction stays. 0: no correction.
    """

    learning_rate: float = 0.0025
    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8
    regularisation_interval: int = 4

    @property
    def ratio(self) -> float:
        """What the rate is multiplied by, and the power of the betas: 4/5 as published."""
        interval = self.regularisation_interval
        return interval / (interval + 1) if interval else 1.0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a training runs. A dotted name sets a field: `loss.mse=50`.

    Attributes:
        seed: all randomness follows from it and from counters.
        steps: steps of the whole training; the published one is 800 kimg, 200,000 steps of 4.
        resolution: side of the pictures in pixels.
        samples_per_gpu: samples of a process in a round. Each is computed alone, so that they need no more memory than
            one and the result is that of any other spread.
        accumulation: rounds whose gradients are added up before a step.
        precision: of the networks; geometry, compositing and losses are in float32 whatever it is.
        rays_per_sample: rays drawn for each sample, half of them one patch; None: the full frame, as published.
        points_per_chunk: points near the body that go through the model at once.
        gradient_checkpointing: compute a chunk's features again in the backward pass, which saves memory.
        density_noise: standard deviation of the noise on the density.
        workers: processes that read pictures, for each GPU; 0: a thread reads ahead.
        schedule: course of the learning rate. "published": halved every `halving_images` images' worth of scheduler
            steps, with the published stepping rule; "cosine": linear warm-up, then a half cosine; "constant".
        halving_images: scheduler steps times batch after which "published" halves the rate.
        warm_up_images: images over which "cosine" and "constant" rise to the full rate, at most a tenth of the
            training.
        final_rate: what "cosine" ends at, as a share of the full rate.
        average_half_life: half-life of the weights' exponential average, in thousands of images.
        average_ramp_up: the half-life is at most this share of the images seen; 0: no limit, as published.
        loss: weights of the loss's parts.
        adam: the optimiser.
        pretrained_encoders: start the image encoders from ImageNet weights where the file is there, as published.
        gradient_limit: infinite gradients become plus or minus this; NaN becomes 0 (as published).
        max_bad_steps: steps in a row whose loss is no number before the training gives up.
        save_every_steps: a checkpoint after so many steps; 0: not by steps.
        save_every_minutes: a checkpoint after so many minutes; 0: not by time.
        keep_last: newest checkpoints that are kept, besides the one with the lowest mean loss since the save before it.
        log_every: steps between two lines of the log.
        images_every: steps between two pictures for the log; 0: none.
    """

    seed: int = 0
    steps: int = 200_000
    resolution: int = 512
    samples_per_gpu: int = 1
    accumulation: int = 4
    precision: Precision = "float32"
    rays_per_sample: int | None = None
    points_per_chunk: int = 65_536
    gradient_checkpointing: bool = False
    density_noise: float = 1.0
    workers: int = 0
    schedule: Schedule = "cosine"
    halving_images: int = 20_000
    warm_up_images: int = 1_000
    final_rate: float = 0.02
    average_half_life: float = 10.0
    average_ramp_up: float = 0.0
    loss: LossWeights = field(default_factory=LossWeights)
    adam: AdamSettings = field(default_factory=AdamSettings)
    pretrained_encoders: bool = True
    gradient_limit: float = 1e5
    max_bad_steps: int = 20
    save_every_steps: int = 1_000
    save_every_minutes: float = 15.0
    keep_last: int = 3
    log_every: int = 1
    images_every: int = 500

    def __post_init__(self) -> None:
        at_least: dict[str, float] = {
            "seed": 0, "steps": 1, "resolution": SMALLEST_RESOLUTION, "samples_per_gpu": 1, "accumulation": 1,
            "points_per_chunk": 1, "density_noise": 0, "workers": 0, "halving_images": 1, "warm_up_images": 0,
            "final_rate": 0, "average_half_life": 0, "average_ramp_up": 0, "max_bad_steps": 1, "gradient_limit": 0,
            "save_every_steps": 0, "save_every_minutes": 0, "keep_last": 1, "log_every": 1, "images_every": 0,
        }  # fmt: skip
        for name, least in at_least.items():
            value = getattr(self, name)
            if not value >= least:
                raise _impossible(name, value, f"{least:g} or more")
        if self.rays_per_sample is not None and self.rays_per_sample < SMALLEST_RAYS:
            raise _impossible("rays_per_sample", self.rays_per_sample, f"{SMALLEST_RAYS} or more, or none")
        for name, weight in asdict(self.loss).items():
            if not weight >= 0:
                raise _impossible(f"loss.{name}", weight, "0 or more")
        if not self.adam.learning_rate > 0:
            raise _impossible("adam.learning_rate", self.adam.learning_rate, "more than 0")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self.adam, name) < 1:
                raise _impossible(f"adam.{name}", getattr(self.adam, name), "0 or more and less than 1")

    @classmethod
    def from_settings(cls, settings: Iterable[str]) -> TrainConfig:
        """The defaults with these `name=value` settings."""
        return cls().with_settings(settings)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """What `as_dict` wrote; fields that are not named keep their defaults."""
        nested = {"loss": LossWeights, "adam": AdamSettings}
        return cls(**{name: nested[name](**value) if name in nested else value for name, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return asdict(self)

    def with_settings(self, settings: Iterable[str]) -> TrainConfig:
        """This configuration with `name=value` settings, such as `loss.mse=50` or `rays_per_sample=none`.

        Raises:
            ConfigurationError: a name that is not a field, or a value of the wrong kind.
        """
        config = self
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                raise ConfigurationError(
                    f"{setting!r} is no setting", expected="name=value, such as loss.mse=50", fix=_known()
                )
            config = _changed(config, name.strip(), text.strip())
        return config

    def effective_batch(self, processes: int) -> int:
        """Samples behind each step."""
        return processes * self.samples_per_gpu * self.accumulation


def setting_names() -> list[str]:
    """Every name that `with_settings` knows."""
    names = []
    for part in fields(TrainConfig):
        value = getattr(TrainConfig(), part.name)
        names += [f"{part.name}.{inner.name}" for inner in fields(value)] if is_dataclass(value) else [part.name]
    return names


def _changed(config: Any, name: str, text: str, whole: str = "") -> Any:
    whole = whole or name
    first, dot, rest = name.partition(".")
    kind = get_type_hints(type(config)).get(first)
    if kind is None or is_dataclass(kind) is not bool(dot):
        raise ConfigurationError(f"there is no setting {whole!r}", fix=_known())
    value = _changed(getattr(config, first), rest, text, whole) if dot else _parsed(whole, kind, text)
    return replace(config, **{first: value})


def _parsed(name: str, kind: Any, text: str) -> Any:
    """The text as a value of a field's type."""
    if get_args(kind) and all(isinstance(choice, str) for choice in get_args(kind)):
        if text not in get_args(kind):
            raise _impossible(name, text, " or ".join(get_args(kind)))
        return text
    if type(None) in get_args(kind):
        if text.lower() in {"none", "null"}:
            return None
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
    try:
        value = json.loads(text.lower().replace("_", "")) if kind is not float else float(text)
    except ValueError as error:
        raise _impossible(name, text, _KINDS[kind]) from error
    if type(value) is not kind or (kind is float and not abs(cast(float, value)) < float("inf")):
        raise _impossible(name, text, _KINDS[kind])
    return value


_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def _impossible(name: str, value: object, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is {value}", expected=expected, fix=f"--set {name}=VALUE")


def _known() -> str:
    return f"choose one of {', '.join(setting_names())}"

"""How one picture is made and measured: step by step on the host, or ordered from a GPU that is never waited for.

`PlainMaker` is the reference and what a CPU does. `QueueMaker` orders rendering and metrics one after the other and
returns at once; who finishes the picture, in another thread, waits for the device, while it is given the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32

from sherf_core.data.records import Frame
from sherf_core.evaluate.renderer import Renderer, SherfRenderer
from sherf_core.metrics.on_device import Pending
from sherf_core.metrics.suite import Measurements, MetricSuite
from sherf_core.transfer import HostCopy, Span, to_device

HOST = torch.device("cpu")


@dataclass(frozen=True)
class Made:
    """A picture that is there.

    Attributes:
        image: the rendering.
        truth: what it was compared with.
        measurements: of the comparison.
        render_seconds: that the device took to render it, without encoding and measuring.
        measure_seconds: that it took to measure it.
    """

    image: Float32[np.ndarray, "H W 3"]
    truth: Float32[np.ndarray, "H W 3"]
    measurements: Measurements
    render_seconds: float
    measure_seconds: float


Finish = Callable[[], Made]
"""Waits until a picture is there; any thread may call it."""


@runtime_checkable
class Maker(Protocol):
    """Encodes people and makes pictures of them."""

    on_gpu: tuple[str, ...]
    """The stages that a GPU works at."""

    def encode(self, observation: Frame) -> tuple[Any, Span]:
        """Everything that one observation tells, and the time that it takes."""

    def make(self, person: Any, target: Frame) -> Finish:
        """Begin a picture of the encoded person."""


def maker_of(renderer: Renderer, metrics: MetricSuite) -> Maker:
    """The way that suits the renderer's device."""
    if isinstance(renderer, SherfRenderer) and renderer.device.type == "cuda":
        return QueueMaker(renderer, metrics)
    return PlainMaker(renderer, metrics)


class PlainMaker:
    """One step after the other; every picture is there when `make` returns."""

    def __init__(self, renderer: Renderer, metrics: MetricSuite) -> None:
        self.renderer, self.metrics = renderer, metrics
        self.device = renderer.device if isinstance(renderer, SherfRenderer) else HOST
        self.on_gpu: tuple[str, ...] = ("encoding", "rendering") if self.device.type == "cuda" else ()

    def encode(self, observation: Frame) -> tuple[Any, Span]:
        """As `Maker` says."""
        with Span(self.device) as span:
            person = self.renderer.encode(observation)
        return person, span

    def make(self, person: Any, target: Frame) -> Finish:
        """As `Maker` says."""
        with Span(self.device) as render:
            picture = self.renderer.render(person, target)
        truth, _ = target.truth(picture.clip)
        with Span(self.device) as measure:
            measurements = self.metrics.measure(picture.image, truth, picture.hit)
        made = Made(picture.image, truth, measurements, render.seconds(), measure.seconds())
        return lambda: made


class QueueMaker:
    """Everything joins the device's queue; the host waits only for what it needs to know beforehand."""

    def __init__(self, renderer: SherfRenderer, metrics: MetricSuite) -> None:
        self.renderer, self.metrics, self.device = renderer, metrics, renderer.device
        self.on_gpu: tuple[str, ...] = ("encoding", "rendering", "measuring") if self.device.type == "cuda" else ()

    def encode(self, observation: Frame) -> tuple[Any, Span]:
        """As `Maker` says."""
        with Span(self.device) as span:
            person = self.renderer.encode(observation)
        return person, span

    @torch.inference_mode()
    def make(self, person: Any, target: Frame) -> Finish:
        """As `Maker` says."""
        with Span(self.device) as render:
            drawing = self.renderer.draw(person, target)
        truth, _ = target.truth(drawing.clip())
        with Span(self.device) as measure:
            on_device = to_device(truth, self.device)
            pending = self.metrics.order(drawing.image, on_device, drawing.hit, drawing.rectangle())
        return partial(_finish, HostCopy(drawing.image), truth, pending, render, measure)


def _finish(
    image: HostCopy, truth: Float32[np.ndarray, "H W 3"], pending: Pending, render: Span, measure: Span
) -> Made:
    return Made(image.numpy(), truth, pending.result(), render.seconds(), measure.seconds())

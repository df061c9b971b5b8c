"""What a training shows: what it will cost, how far it is, and what happens on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sherfctl.console import Console, Progress
from sherfctl.console.layout import size

if TYPE_CHECKING:
    from checks import Facts
    from sherfctl.commands.train_settings import Plan

MEASURED_SIDE = 512
"""Side of the pictures with which step times were measured."""
FIRST_STEPS = 3
"""Steps after the first, which warms up, that an estimate is made from."""
LONG_SECONDS = 600.0
RECENT_STEPS = 50
ON_CPU = (
    "on a CPU this is slow: a picture takes seconds where a GPU takes tenths (about 6 s at 128x128 on two cores); the "
    "first steps will tell how long all takes"
)


def cost_words(plan: Plan, device: str, gpu_names: list[str], images: int) -> str:
    """What the whole training will take, from what was measured before it; "" where nothing is known.

    Args:
        plan: processes and configuration.
        device: cpu or cuda.
        gpu_names: of this computer, in torch's order.
        images: how many the training sees, over all processes.
    """
    from checks.step_times import step_times

    if device == "cpu":
        return ON_CPU
    if not gpu_names or plan.config.resolution != MEASURED_SIDE or plan.config.rays_per_sample is not None:
        return ""
    _, measured = step_times()
    fitting = [
        one
        for one in measured
        if one.fits(gpu_names[0]) and one.code == "this program" and one.precision == plan.config.precision
    ]
    if not fitting:
        return ""
    count = plan.launch.world_size
    hours = fitting[0].hours(images) / count
    where = f"this {fitting[0].gpu}" if count == 1 else f"{count} x {fitting[0].gpu}"
    return (
        f"about {hours_words(3600 * hours)} on {where}: {images:,} pictures, {fitting[0].seconds_per_picture:.2f} s "
        f"each as measured ({fitting[0].noted})"
    )


def gpu_names(facts: Facts) -> list[str]:
    """Names of the GPUs that torch uses, or of those that the driver lists."""
    return [device.name for device in facts.torch.devices or facts.gpu.devices]


def hours_words(seconds: float) -> str:
    """A long time as people say it: `25 min`, `3.4 h`, `41 h`, `12 days`."""
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    hours = seconds / 3600
    if hours < 10:
        return f"{hours:.1f} h"
    return f"{hours:.0f} h" if hours < 120 else f"{hours / 24:.0f} days"


class TrainProgress:
    """Turns what a training reports into a progress bar and notes.

    Args:
        console: where to.
        progress: the bar, of steps.
        where: `this GPU`, `this CPU`, `4 GPUs`, for the estimate.
        clock: seconds; tests inject one.
    """

    def __init__(
        self, console: Console, progress: Progress, where: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console, self.progress, self.where = console, progress, where
        self._clock = clock
        self._times: deque[tuple[float, int]] = deque(maxlen=RECENT_STEPS)
        self._steps = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Show one report."""
        if event["kind"] == "step":
            self._step(event)
        elif event["kind"] == "resumed":
            self.progress.skip(event["step"] - self.progress.done)
            self.console.note(event["words"])
        elif event["kind"] == "note":
            self.console.note(event["words"])
        elif event["kind"] == "warning":
            self.console.warn(event["words"])

    @property
    def images_per_second(self) -> float | None:
        """Over the last steps; None before there are two."""
        if len(self._times) < 2:
            return None
        (first, images), (last, more) = self._times[0], self._times[-1]
        return (more - images) / (last - first) if last > first else None

    def _step(self, event: Mapping[str, Any]) -> None:
        self._steps += 1
        self._times.append((self._clock(), event["images"]))
        pace = self.images_per_second
        loss = event.get("loss")
        words = [
            "loss not a number" if loss is None else f"loss {loss:.3f}",
            "" if pace is None else f"{pace:.2f} images/s",
            size(event["memory"]) if event.get("memory") else "",
        ]
        self.progress.advance(event["step"] - self.progress.done, note=", ".join(word for word in words if word))
        if self._steps == FIRST_STEPS + 1 and pace:
            per_step = (self._times[-1][0] - self._times[0][0]) / (len(self._times) - 1)
            left = per_step * (self.progress.total - event["step"])
            if left >= LONG_SECONDS:
                self.console.note(
                    f"at the pace of the first steps, {1 / pace:.2f} s a picture, the rest takes about "
                    f"{hours_words(left)} on {self.where}"
                )

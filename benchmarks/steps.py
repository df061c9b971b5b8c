"""A training step's time and peak memory: a full frame, 100·MSE + 10·acc, forward, backward and Adam.

The person of `workload.turned_person`, whose points near the body are those that the published code was measured with.
`training.py` measures whole training steps of the recipe, with its loss, in all its modes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

from depth import Depth
from measuring import MEMORY, TIMES, Report, Values, arithmetic, peak_of, timed
from memory import Row, training_step
from paths import PRECISIONS
from sherf_core.model.sherf import Sherf, SherfConfig
from sherf_core.precision import Precision
from workload import PLAIN, Scene, configure, excuses, new_model, usual


def configurations(device: str) -> dict[str, SherfConfig]:
    """What is compared, by name: the precisions, less memory for more time, and without the fast paths."""
    precisions: tuple[Precision, ...] = ("float32", *PRECISIONS[device])
    found: dict[str, SherfConfig] = {precision: SherfConfig(precision=precision) for precision in precisions}
    found["float32, features computed again"] = SherfConfig(gradient_checkpointing=True)
    found["float32, kernels off"] = SherfConfig(kernels="off")
    found["float32, all plain"] = PLAIN
    return found


def step_of(model: Sherf, config: SherfConfig, size: int, device: str, repeats: int) -> Callable[[], Values]:
    """Measures steps of a model in one configuration."""

    def work() -> Values:
        configure(model, usual(device, replace(config, density_noise=1.0)))
        scene = Scene.turned(size, device)
        row = Row("train", size, model.config.points_per_chunk)
        with arithmetic(config.precision):
            step = training_step(model.train(), scene.observation, scene.bodies, scene.rays(model), row)
            return {**timed(step, device, repeats).values(), **peak_of(step, device).values()}

    return work


def run(report: Report, device: str, depth: Depth) -> None:
    """A table of precisions."""
    report.table("training", f"training step, full frame of {depth.training}²", (*TIMES, *MEMORY))
    for name, config in configurations(device).items():
        _row(report, name, config, device, depth)


def _row(report: Report, name: str, config: SherfConfig, device: str, depth: Depth) -> None:
    # A step moves the weights: each row has a new model, and the one before is gone by then.
    gc.collect()
    model = new_model(device)
    report.row(name, step_of(model, config, depth.training, device, depth.repeats))
    report.remark(excuses(model) if config.cuda_graphs else "")

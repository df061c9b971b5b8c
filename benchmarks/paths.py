"""Each optional fast path beside the plain one: time, ratio, and how far the picture is off.

A shipped person with the demo's weights, seen from another view. The reference is in float32 with every fast path left
out. Ratios are the reference's time over the row's. The PSNR is over the pixels that the body's box covers, against the
reference's picture, not against a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from depth import Depth
from measuring import ERRORS, Column, Report, Row, Values, arithmetic, picture_error, timed
from sherf_core.geometry.nearest import Method
from sherf_core.kernels import why_not
from sherf_core.model.sherf import Sherf, SherfConfig
from sherf_core.precision import Precision
from workload import PLAIN, Scene, configure, excuses, new_model, shipped_pair, usual

COLUMNS = (
    Column("encode", "encode ms"),
    Column("encode_ratio", "x", ".2f"),
    Column("frame", "frame ms"),
    Column("frame_ratio", "x", ".2f"),
    *ERRORS,
)
BRUTE = replace(PLAIN, nearest="brute")
PRECISIONS: dict[str, tuple[Precision, ...]] = {"cuda": ("tf32", "float16", "bfloat16"), "cpu": ("bfloat16",)}
METHODS: dict[str, tuple[Method, ...]] = {"cuda": ("cells",), "cpu": ("tree", "cells")}


@dataclass(frozen=True)
class Path:
    """A way to compute, and its name."""

    name: str
    config: SherfConfig = field(default_factory=SherfConfig)


def paths(device: str) -> list[Path]:
    """One fast path after the other on top of the plain ones, then all, then all in lower precisions."""
    found = [
        Path("encoding as a CUDA graph", replace(PLAIN, cuda_graphs=True)),
        Path("merged features", replace(PLAIN, features="merged")),
        Path("merged features, kernels", replace(PLAIN, features="merged", kernels="auto")),
        Path("all of them: the defaults"),
    ]
    found += [Path(f"the defaults, {precision}", SherfConfig(precision=precision)) for precision in PRECISIONS[device]]
    plain = [Path(f"plain, {precision}", replace(PLAIN, precision=precision)) for precision in PRECISIONS[device]]
    return found + plain


def nearest_paths(device: str) -> list[Path]:
    """The ways to find the nearest vertex beside the comparison of all pairs."""
    return [Path(method, replace(PLAIN, nearest=method)) for method in METHODS[device]]


def missing(config: SherfConfig, device: str) -> str:
    """Why a configuration would compute as another row does."""
    if replace(config, kernels="off") == replace(PLAIN, features="merged"):
        return why_not(device) if config.kernels == "auto" else ""
    if config == replace(PLAIN, cuda_graphs=True) and device != "cuda":
        return f"CUDA graphs need a CUDA device, this is {device}"
    return ""


class Comparison:
    """Times and pictures of one scene, beside those of the reference.

    Args:
        report: with a table begun.
        model: computes in each way in turn.
        scene: what is encoded and rendered.
        device: where.
        repeats: of each time.
    """

    def __init__(self, report: Report, model: Sherf, scene: Scene, device: str, repeats: int) -> None:
        self.report, self.model, self.scene, self.device, self.repeats = report, model, scene, device, repeats
        self.rays = scene.rays(model)
        self._reference: tuple[dict[str, float], Tensor] | None = None

    def row(self, path: Path) -> Row:
        """The first one is the reference."""
        configure(self.model, usual(self.device, path.config))
        row = self.report.row(path.name, lambda: self._values(path))
        self.report.remark(excuses(self.model))
        return row

    def _values(self, path: Path) -> Values:
        if reason := missing(path.config, self.device):
            raise RuntimeError(reason)
        model, scene = self.model, self.scene
        with torch.inference_mode(), arithmetic(path.config.precision):
            person = model.encode(scene.observation)
            rendering = model.render(person, scene.bodies, self.rays)
            encode = timed(lambda: model.encode(scene.observation), self.device, self.repeats).median
            frame = timed(lambda: model.render(person, scene.bodies, self.rays), self.device, self.repeats).median
        picture = rendering.rgb[0]
        if self._reference is None:
            self._reference = {"encode": encode, "frame": frame}, picture
            return self._reference[0]
        before, expected = self._reference
        ratios = {"encode_ratio": before["encode"] / encode, "frame_ratio": before["frame"] / frame}
        return {"encode": encode, "frame": frame, **ratios, **picture_error(picture, expected, self.rays.hit[0])}


def run(report: Report, device: str, depth: Depth) -> None:
    """Two tables, the second one small, as all pairs take long."""
    model = new_model(device)
    for key, title, size, reference, others in (
        ("paths", "fast paths", depth.paths, Path("all plain, float32: the reference", PLAIN), paths(device)),
        ("nearest", "nearest vertices", depth.nearest, Path("all pairs: the reference", BRUTE), nearest_paths(device)),
    ):
        seen, other = shipped_pair(size)
        report.table(key, f"{title} at {size}², beside the reference", COLUMNS)
        comparison = Comparison(report, model, Scene.of([seen], [other], device), device, depth.repeats)
        if comparison.row(reference).values:
            for path in others:
                comparison.row(path)

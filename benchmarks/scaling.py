"""How time and memory grow: with resolution, samples a ray, people at once, views of a person, points in a chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from depth import Depth
from frame import picture
from measuring import Column, Report, Values, peak_of, timed
from sherf_core.model.sherf import Sherf
from workload import Scene, configure, near_points, new_model, usual

ENCODE = Column("encode", "encode ms")
COLUMNS = (
    Column("frame", "frame ms"),
    Column("each", "ms each"),
    Column("points", "points", ",d"),
    Column("peak", "peak GiB"),
    Column("reserved", "reserved"),
)


class Scaling:
    """Measures scenes with one model."""

    def __init__(self, device: str, repeats: int) -> None:
        self.device, self.repeats, self.model = device, repeats, new_model(device)

    def set(self, **changes: int) -> Sherf:
        """The model with a changed configuration."""
        configure(self.model, replace(usual(self.device), **changes))  # type: ignore[arg-type]
        return self.model

    def people(self, size: int, count: int = 1) -> Callable[[], Values]:
        """Encode and render so many people at once."""
        rendering = self.rendering(size, count)

        def work() -> Values:
            found, scene = rendering(), Scene.turned(size, self.device, count)
            with torch.inference_mode():
                encode = timed(lambda: self.model.encode(scene.observation), self.device, self.repeats).median
            return {"encode": encode, **found}

        return work

    def rendering(self, size: int, count: int = 1, **changes: int) -> Callable[[], Values]:
        """Render so many people at once; the points are one person's."""

        def work() -> Values:
            model, scene = self.set(**changes), Scene.turned(size, self.device, count)
            with torch.inference_mode():
                person = model.encode(scene.observation)
                frame = timed(lambda: picture(model, scene, person), self.device, self.repeats).median
                peak = peak_of(lambda: picture(model, scene, person), self.device)
                points = near_points(model, scene.bodies, scene.rays(model))
            return {"frame": frame, "each": frame / count, "points": points, **peak.values()}

        return work

    def views(self, size: int, count: int) -> Callable[[], Values]:
        """Encode once and render so many pictures, all from the same camera so that they take the same time."""

        def work() -> Values:
            model, scene = self.set(), Scene.turned(size, self.device)

            def pictures() -> None:
                person = model.encode(scene.observation)
                for _ in range(count):
                    picture(model, scene, person)

            with torch.inference_mode():
                whole = timed(pictures, self.device, self.repeats).median
            return {"frame": whole, "each": whole / count}

        return work


def run(report: Report, device: str, depth: Depth) -> None:
    """A table for each quantity."""
    scaling, size = Scaling(device, depth.repeats), depth.scaling
    report.table("resolution", "resolution, one person", (ENCODE, *COLUMNS))
    for resolution in depth.resolutions:
        report.row(f"{resolution}²", scaling.people(resolution))
    report.table("samples per ray", f"samples a ray, {size}²", COLUMNS)
    for samples in depth.samples_per_ray:
        report.row(f"{samples} samples", scaling.rendering(size, samples_per_ray=samples))
    report.table("batch", f"people at once, {size}²; points are each person's", (ENCODE, *COLUMNS))
    for count in depth.batches:
        report.row(f"{count} people" if count > 1 else "1 person", scaling.people(size, count))
    report.table("chunk", f"points in a chunk, {size}²", COLUMNS)
    for chunk in depth.chunks:
        report.row(f"{chunk:,} points", scaling.rendering(size, points_per_chunk=chunk))
    columns = (Column("frame", "all ms"), Column("each", "ms a picture"))
    report.table("views", f"views of a person who is encoded once, {size}², encoding included", columns)
    for count in depth.views:
        report.row(f"{count} views" if count > 1 else "1 view", scaling.views(size, count))

"""`march.py` with Triton kernels: rays to canonical points to pictures, without gradients.

The host waits for the device once a picture, to know how many samples lie near the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from sherf_core.geometry.boxes import padded_box
from sherf_core.kernels.cells import DeviceCells, cells_around
from sherf_core.kernels.composite import composite_slots
from sherf_core.kernels.locate import Rays, locate
from sherf_core.model.deform import Skinning
from sherf_core.model.graphs import Replays
from sherf_core.model.inputs import Bodies, RayBundle
from sherf_core.model.march import SHELL_RADIUS, NearSamples
from sherf_core.model.person_field import PersonField
from sherf_core.render.sampling import ray_steps

if TYPE_CHECKING:
    from sherf_core.model.sherf import EncodedPerson, Sherf

SAMPLES_AT_ONCE = 1 << 25
"""Of rays: 128 MiB for what is found of them."""

Picture = tuple[Float[Tensor, "M 3"], Float[Tensor, "M"], Float[Tensor, "M"]]


class KernelMarch:
    """Renders with kernels; what a pose makes of the body, a hundred small launches, is replayed as a CUDA graph.

    Args:
        model: whose layers and constants are used, as its configuration says.
    """

    def __init__(self, model: Sherf) -> None:
        self._model = model
        self._boxes = Replays(lambda *body: (padded_box(Bodies(*body).vertices(model.body_model)),))
        self._poses = Replays(self._posed)

    def __reduce__(self) -> tuple[type[KernelMarch], tuple[Sherf]]:
        """Graphs belong to their model's memory: a copy records its own."""
        return KernelMarch, (self._model,)

    @property
    def failure(self) -> str:
        """Why poses could not be recorded; "" where nothing is known against it."""
        return self._poses.failure or self._boxes.failure

    def boxes(self, bodies: Bodies) -> Float[Tensor, "B 2 3"]:
        """The padded box around each posed body, in world space; valid until the next call."""
        (boxes,) = self._boxes(*_tensors(bodies), recording=self._model.config.cuda_graphs)
        return boxes

    def pictures(self, person: EncodedPerson, bodies: Bodies, rays: RayBundle) -> list[Picture]:
        """(rgb, depth, alpha) of each sample."""
        rows, posed = self.posed(bodies)
        steps = ray_steps(self._model.config.samples_per_ray, rays.near)
        found = []
        for sample, cells in enumerate(posed):
            field = PersonField(self._model, person, sample, kernels=True)
            found.append(self._picture(field, cells, rows[sample], bodies, rays, sample, steps))
        return found

    @torch.no_grad()
    def located(self, bodies: Bodies, rays: RayBundle, steps: Float[Tensor, "S"]) -> Iterator[NearSamples]:
        """Each body's samples within 5 cm, as `march.locate` gives them: for who wants gradients of what follows."""
        rows, posed = self.posed(bodies)
        for sample, cells in enumerate(posed):
            place = bodies.R[sample], bodies.Th[sample]
            found = locate(cells, self._model.canonical_cells(), rows[sample], _columns(rays, sample), steps, *place)
            hit = rays.hit[sample].nonzero().squeeze(1)
            kept = (found.slots.index_select(0, hit).flatten() >= 0).nonzero().squeeze(1)
            yield NearSamples(hit, kept, found.points, found.directions, found.vertex)

    def posed(self, bodies: Bodies) -> tuple[Float[Tensor, "B V 3 4"], list[DeviceCells]]:
        """What a pose makes of the bodies: maps to canonical space, and cells around them; until the next call."""
        rows, *tables = self._poses(*_tensors(bodies), recording=self._model.config.cuda_graphs)
        # Four tables each, see `_posed`.
        cells = [
            DeviceCells(layout, starts, members, vertices, SHELL_RADIUS)
            for layout, starts, members, vertices in zip(*(tables[kind::4] for kind in range(4)), strict=True)
        ]
        return rows, cells

    def _posed(self, *body: Tensor) -> tuple[Tensor, ...]:
        """Maps to canonical space (B, V, 3, 4), then each sample's cells: layout, starts, members, vertices."""
        model, bodies = self._model, Bodies(*body)
        skinning = Skinning.of(model.body_model, bodies)
        cells = [cells_around(vertices, SHELL_RADIUS) for vertices in skinning.vertices(model.body_model)]
        return skinning.to(model.big).rows, *(table for each in cells for table in each.tables())

    def _picture(
        self,
        field: PersonField,
        cells: DeviceCells,
        maps: Float[Tensor, "V 3 4"],
        bodies: Bodies,
        rays: RayBundle,
        sample: int,
        steps: Float[Tensor, "S"],
    ) -> Picture:
        canonical = self._model.canonical_cells()
        at_once = max(1, SAMPLES_AT_ONCE // len(steps))
        parts = []
        for piece in zip(*(column.split(at_once) for column in _columns(rays, sample)), strict=True):
            found = locate(cells, canonical, maps, piece, steps, bodies.R[sample], bodies.Th[sample])
            sigma, colour = field.in_chunks(found.points, found.directions, found.vertex)
            _, directions, near, far, _ = piece
            parts.append(composite_slots(found.slots, steps, directions, near, far, sigma, colour))
        rgb, depth, alpha = (torch.cat(part) if len(parts) > 1 else part[0] for part in zip(*parts, strict=True))
        return rgb, depth.clamp(min=rays.near[sample].min(), max=rays.far[sample].max()), alpha


def _tensors(bodies: Bodies) -> tuple[Tensor, ...]:
    return bodies.poses, bodies.shapes, bodies.R, bodies.Th


def _columns(rays: RayBundle, sample: int) -> Rays:
    origins, directions, near, far = (every[sample] for every in (rays.origins, rays.directions, rays.near, rays.far))
    return origins, directions, near, far, rays.hit[sample]

"""From rays to canonical points near the body, and from their densities and colours back to rays."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sherf_core.geometry.nearest import VertexSearch
from sherf_core.geometry.ray_samples import samples_within
from sherf_core.model.deform import VertexMaps
from sherf_core.model.inputs import Bodies, RayBundle
from sherf_core.render.compositing import EMPTY_SIGMA, composite
from sherf_core.render.sampling import sample_depths

SHELL_RADIUS = 0.05
"""Samples farther from the posed body, metres, are empty."""


@dataclass(frozen=True)
class NearSamples:
    """A sample's ray samples within 5 cm of the body.

    Attributes:
        hit: rays that meet the body's box.
        kept: where each sample is among all samples of those rays, ray by ray.
        points: in canonical space.
        directions: of their rays, in canonical space.
        vertex: the canonical vertex nearest to each point, where it is known already.
    """

    hit: Int64[Tensor, "M"]
    kept: Int64[Tensor, "P"]
    points: Float[Tensor, "P 3"]
    directions: Float[Tensor, "P 3"]
    vertex: Int64[Tensor, "P"] | None = None


def locate(
    rays: RayBundle,
    bodies: Bodies,
    sample: int,
    steps: Float[Tensor, "S"],
    search: VertexSearch,
    maps: VertexMaps,
) -> NearSamples:
    """Find the samples near the body, and lead them into canonical space.

    Args:
        rays: of all samples of the batch.
        bodies: of all samples.
        sample: which of them.
        steps: of the samples along a ray, from 0 to 1.
        search: in the posed vertices.
        maps: from the posed body to the canonical one.
    """
    hit = rays.hit[sample].nonzero().squeeze(1)
    columns = (rays.origins, rays.directions, rays.near, rays.far)
    origins, directions, near, far = (column[sample].index_select(0, hit) for column in columns)
    R, Th = bodies.R[sample], bodies.Th[sample]
    kept, vertex, posed = samples_within(search, origins, directions, near, far, steps, R, Th)
    view = (directions @ R).index_select(0, kept // len(steps))
    return NearSamples(hit, kept, maps.points(sample, vertex, posed), maps.directions(sample, vertex, view))


def composite_near(
    rays: RayBundle,
    sample: int,
    steps: Float[Tensor, "S"],
    near: NearSamples,
    sigma: Float[Tensor, "P"],
    colour: Float[Tensor, "P 3"],
) -> tuple[Float[Tensor, "M 3"], Float[Tensor, "M"], Float[Tensor, "M"]]:
    """Composite the rays that have samples near the body: (rgb, depth, alpha) of all; the others meet nothing."""
    nearest, farthest = rays.near[sample], rays.far[sample]
    on_ray = near.kept // len(steps)
    meets = torch.zeros(len(near.hit), dtype=torch.bool, device=near.hit.device).index_fill(0, on_ray, True)
    met = near.hit[meets]
    place = (meets.cumsum(0) - 1)[on_ray] * len(steps) + near.kept % len(steps)
    depths = sample_depths(nearest[met], farthest[met], steps)
    sigma = torch.full_like(depths, EMPTY_SIGMA).flatten().index_put((place,), sigma).view_as(depths)
    colour = depths.new_zeros(depths.numel(), 3).index_put((place,), colour).unflatten(0, depths.shape)
    found = composite(sigma, colour, depths, rays.directions[sample].index_select(0, met))
    nothing = nearest.new_zeros(len(nearest), 3), torch.full_like(nearest, torch.inf), torch.zeros_like(nearest)
    rgb, depth, alpha = (whole.index_put((met,), part) for whole, part in zip(nothing, found, strict=True))
    return rgb, depth.clamp(min=nearest.min(), max=farthest.max()), alpha

"""Samples' frames -> tensors, and the rays that are drawn for each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sherf_core.body.model import BodyModel
from sherf_core.data.records import Camera, Frame
from sherf_core.model.inputs import Bodies, Observation, RayBundle, bodies_of, observation_of, rays_of
from sherf_core.train.samples import Sample


@dataclass(frozen=True)
class TrainingPair:
    """One sample as tensors; the batch dimension of the model's inputs is 1.

    Attributes:
        sample: its number and seeds.
        key: "subject pose view <- pose view" of the target and its observation.
        observation: what the model sees.
        bodies: what it renders.
        camera: from where.
        truth: the target's picture, in 0..1 and black outside of the person.
        mask: the target's person.
    """

    sample: Sample
    key: str
    observation: Observation
    bodies: Bodies
    camera: Camera
    truth: Float[Tensor, "H W 3"]
    mask: Bool[Tensor, "H W"]

    def to(self, device: torch.device | str) -> TrainingPair:
        observation, bodies = self.observation.to(device), self.bodies.to(device)
        return replace(
            self, observation=observation, bodies=bodies, truth=self.truth.to(device), mask=self.mask.to(device)
        )


@dataclass(frozen=True)
class ChosenRays:
    """Rays of one sample.

    Attributes:
        rays: to render, with a batch dimension of 1.
        pixels: place of each ray in the picture, row by row.
        patch: height and width of the picture that the first rays make.
    """

    rays: RayBundle
    pixels: Int64[Tensor, "R"]
    patch: tuple[int, int]


def training_pair(sample: Sample, frames: tuple[Frame, Frame]) -> TrainingPair:
    """A sample's (observation, target) as tensors on the CPU."""
    observed, target = frames
    return TrainingPair(
        sample=sample,
        key=f"{target.subject} {target.pose} {target.view} <- {observed.pose} {observed.view}",
        observation=observation_of([observed]),
        bodies=bodies_of([target.body]),
        camera=target.camera,
        truth=torch.from_numpy(target.image),
        mask=torch.from_numpy(target.mask),
    )


def choose_rays(pair: TrainingPair, body_model: BodyModel, rays_per_sample: int | None) -> ChosenRays:
    """Those rays of the picture that matter, or as many as are asked for (`choose_pixels` says which)."""
    height, width = pair.mask.shape
    rays = rays_of([pair.camera], pair.bodies, body_model, height, width)
    hit = rays.hit.unflatten(1, (height, width))[0].cpu().numpy()
    places, patch = choose_pixels(hit, rays_per_sample, pair.sample.rays_seed)
    pixels = torch.from_numpy(places).to(rays.hit.device)
    names = ("origins", "directions", "near", "far", "hit")
    return ChosenRays(RayBundle(*[getattr(rays, name)[:, pixels] for name in names]), pixels, patch)


def choose_pixels(hit: Bool[np.ndarray, "H W"], count: int | None, seed: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Places of the pixels to render, and the size of the patch that the first of them make.

    Without a count: the bounding rectangle of `hit`, all of it a patch. No other pixel enters the published loss.
    With one: half of the pixels are a square patch somewhere in that rectangle, for SSIM and LPIPS; the other half are
    drawn from the rest of `hit`. The mean over the hit pixels then weighs the middle of the person a little more than
    the full picture's does. Where the rectangle has no more pixels than `count`, it is taken whole.
    """
    rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
    if not len(rows):
        return np.zeros(1, np.int64), (1, 1)
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    if count is None or height * width <= count:
        return _rectangle(top, left, height, width, hit.shape[1]), (height, width)
    rng = np.random.default_rng(seed)
    side = int((count / 2) ** 0.5)
    patch = min(side, height), min(side, width)
    top, left = top + int(rng.integers(height - patch[0] + 1)), left + int(rng.integers(width - patch[1] + 1))
    inside = _rectangle(top, left, *patch, hit.shape[1])
    others = np.setdiff1d(np.flatnonzero(hit), inside)
    drawn = rng.choice(others, min(count - len(inside), len(others)), replace=False)
    return np.concatenate([inside, drawn]), patch


def _rectangle(top: int, left: int, height: int, width: int, row_length: int) -> np.ndarray:
    return ((top + np.arange(height))[:, None] * row_length + left + np.arange(width)).reshape(-1)

"""Samples' frames -> tensors, and the rays that are drawn for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sherf_core.body.model import BodyModel
from sherf_core.data.records import Camera, Frame
from sherf_core.model.inputs import Bodies, Observation, RayBundle, bodies_of, observation_of, rays_of
from sherf_core.train.samples import Sample


@dataclass(frozen=True)
class Batch:
    """Samples that are computed together.

    Attributes:
        samples: their numbers and seeds.
        keys: "subject pose view <- pose view" of each target and its observation.
        observation: what the model sees.
        bodies: what it renders.
        cameras: from where.
        truth: the targets' pictures, in 0..1 and black outside of the person.
        mask: the targets' persons.
    """

    samples: tuple[Sample, ...]
    keys: tuple[str, ...]
    observation: Observation
    bodies: Bodies
    cameras: tuple[Camera, ...]
    truth: Float[Tensor, "B H W 3"]
    mask: Bool[Tensor, "B H W"]

    def to(self, device: torch.device | str) -> Batch:
        observation, bodies = self.observation.to(device), self.bodies.to(device)
        truth, mask = self.truth.to(device), self.mask.to(device)
        return Batch(self.samples, self.keys, observation, bodies, self.cameras, truth, mask)


@dataclass(frozen=True)
class ChosenRays:
    """Rays of each sample; those of samples with fewer are filled up with ones that miss.

    Attributes:
        rays: to render.
        pixels: place of each ray in its picture, row by row; 0 for the filling.
        patches: (height, width) of the picture that each sample's first rays make.
        counts: how many rays of each sample are no filling.
    """

    rays: RayBundle
    pixels: Tensor
    patches: tuple[tuple[int, int], ...]
    counts: tuple[int, ...]


def batch_of(pairs: Sequence[tuple[Sample, tuple[Frame, Frame]]]) -> Batch:
    """Batch (sample, (observation, target)) of one image size."""
    observed, targets = [pair[0] for _, pair in pairs], [pair[1] for _, pair in pairs]
    keys = [f"{t.subject} {t.pose} {t.view} <- {o.pose} {o.view}" for o, t in zip(observed, targets, strict=True)]
    return Batch(
        samples=tuple(one for one, _ in pairs),
        keys=tuple(keys),
        observation=observation_of(observed),
        bodies=bodies_of([target.body for target in targets]),
        cameras=tuple(target.camera for target in targets),
        truth=torch.from_numpy(np.stack([target.image for target in targets])),
        mask=torch.from_numpy(np.stack([target.mask for target in targets])),
    )


def choose_rays(batch: Batch, body_model: BodyModel, rays_per_sample: int | None) -> ChosenRays:
    """Rays of each sample: those of the whole picture that matter, or as many as are asked for.

    Args:
        batch: on the device where the rays are wanted.
        body_model: gives the bodies' boxes.
        rays_per_sample: see `choose_pixels`.
    """
    height, width = batch.mask.shape[1:]
    rays = rays_of(batch.cameras, batch.bodies, body_model, height, width)
    hits = rays.hit.unflatten(1, (height, width)).cpu().numpy()
    chosen, patches = [], []
    for hit, one in zip(hits, batch.samples, strict=True):
        pixels, patch = choose_pixels(hit, rays_per_sample, one.rays_seed)
        chosen.append(pixels)
        patches.append(patch)
    counts = tuple(len(pixels) for pixels in chosen)
    padded = np.stack([np.pad(pixels, (0, max(counts) - len(pixels))) for pixels in chosen])
    index = torch.from_numpy(padded).to(rays.hit.device)
    there = torch.arange(max(counts), device=index.device) < torch.tensor(counts, device=index.device)[:, None]
    row = torch.arange(len(index), device=index.device)[:, None]
    picked = RayBundle(
        origins=rays.origins[row, index],
        directions=rays.directions[row, index],
        near=rays.near[row, index],
        far=rays.far[row, index],
        hit=rays.hit[row, index] & there,
    )
    return ChosenRays(picked, index, tuple(patches), counts)


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

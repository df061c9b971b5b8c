"""The model as the evaluation sees it: one frame in, pictures of that person out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32

from sherf_core.data.records import Frame
from sherf_core.geometry.boxes import padded_box, projected_box_mask
from sherf_core.model.inputs import bodies_of, observation_of, rays_of
from sherf_core.model.sherf import EncodedPerson, Sherf


@dataclass(frozen=True)
class Picture:
    """A rendered target.

    Attributes:
        image: RGB, in 0..1 up to a thousandth, black where no ray met the body's box.
        hit: pixels whose rays met the box: the mask of every metric.
        clip: pixels inside the box's projection; the truth is black outside of it.
    """

    image: Float32[np.ndarray, "H W 3"]
    hit: Bool[np.ndarray, "H W"]
    clip: Bool[np.ndarray, "H W"]


@runtime_checkable
class Renderer(Protocol):
    """Turns observations into pictures; `encode` once, `render` as often as there are targets."""

    def encode(self, observation: Frame) -> Any:
        """Everything that one observation tells."""

    def render(self, person: Any, target: Frame) -> Picture:
        """The encoded person with the target's body, from the target's camera."""


class SherfRenderer:
    """A `Sherf` model as a renderer, on the device where its parameters are."""

    def __init__(self, model: Sherf) -> None:
        self.model = model.eval()
        self.device = next(model.parameters()).device

    @torch.inference_mode()
    def encode(self, observation: Frame) -> EncodedPerson:
        """Encode one observation."""
        return self.model.encode(observation_of([observation]).to(self.device))

    @torch.inference_mode()
    def render(self, person: EncodedPerson, target: Frame) -> Picture:
        """Render one target."""
        height, width = target.mask.shape
        bodies = bodies_of([target.body]).to(self.device)
        rays = rays_of([target.camera], bodies, self.model.body_model, height, width)
        colours = self.model.render(person, bodies, rays).rgb[0].float().cpu().numpy().reshape(height, width, 3)
        hit = rays.hit[0].cpu().numpy().reshape(height, width)
        box = padded_box(bodies.vertices(self.model.body_model), target.clip_padding)[0].cpu().numpy()
        camera = target.camera
        return Picture(
            image=np.where(hit[..., None], colours, np.float32(0)),
            hit=hit,
            clip=projected_box_mask(box, camera.K, camera.R, camera.T, height, width),
        )

"""The model as the evaluation sees it: one frame in, pictures of that person out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from sherf_core.data.records import Frame
from sherf_core.geometry.boxes import padded_box, projected_box_mask
from sherf_core.metrics.on_device import Rectangle, rectangle_bounds
from sherf_core.model.inputs import bodies_of, observation_of
from sherf_core.model.sherf import EncodedPerson, Sherf
from sherf_core.transfer import HostCopy


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


@dataclass(frozen=True)
class Drawing:
    """A picture on the device, which may still be at it.

    Attributes:
        image: as in `Picture`.
        hit: as in `Picture`.
        facts: minimum and maximum of the body's box (6), then the bounds of `hit` (4); there before the image is.
        target: what is drawn.
    """

    image: Float32[Tensor, "H W 3"]
    hit: Bool[Tensor, "H W"]
    facts: HostCopy
    target: Frame

    def clip(self) -> Bool[np.ndarray, "H W"]:
        """As in `Picture`; does not wait for the image."""
        camera, (height, width) = self.target.camera, self.hit.shape
        box = self.facts.numpy()[:6].reshape(2, 3)
        return projected_box_mask(box, camera.K, camera.R, camera.T, height, width)

    def rectangle(self) -> Rectangle | None:
        """The bounding rectangle of `hit`, None where no ray met the box; does not wait for the image."""
        top, bottom, left, right = (int(bound) for bound in self.facts.numpy()[6:])
        return (slice(top, bottom), slice(left, right)) if bottom > top else None

    def picture(self) -> Picture:
        """The picture on the host, once it is there."""
        return Picture(self.image.cpu().numpy(), self.hit.cpu().numpy(), self.clip())


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

    def render(self, person: EncodedPerson, target: Frame) -> Picture:
        """Render one target."""
        return self.draw(person, target).picture()

    @torch.inference_mode()
    def draw(self, person: EncodedPerson, target: Frame) -> Drawing:
        """Order one target's rendering."""
        height, width = target.mask.shape
        bodies = bodies_of([target.body]).to(self.device)
        rays = self.model.rays([target.camera], bodies, height, width)
        hit = rays.hit[0].reshape(height, width)
        box = padded_box(bodies.vertices(self.model.body_model), target.clip_padding)[0]
        # Ordered before the picture, so that whoever needs them need not wait for it.
        facts = HostCopy(torch.cat([box.flatten().double(), rectangle_bounds(hit).double()]))
        colours = self.model.render(person, bodies, rays).rgb[0].float().reshape(height, width, 3)
        return Drawing(torch.where(hit[..., None], colours, 0.0), hit, facts, target)

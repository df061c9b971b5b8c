"""What a data set reader returns: one picture of one person, with its camera and its body.

Conventions (the one place that states them):

* x_cam = R x + T, pixel = K x_cam; x right, y down, z forward; metres; pixel centres are integers.
* world = smpl @ R.T + Th for the body; `poses` holds all 24 joints as axis-angle, root first.
* images are RGB in 0..1, background 0 outside the person's mask;
* height and width are independent: nothing may take a picture for a square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

BODY_PADDING = 0.05
"""Metres by which the body's box is grown for its rays; most data sets also clip the truth to that box."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: x_cam = R x + T, pixel = K x_cam."""

    K: Float32[np.ndarray, "3 3"]
    R: Float32[np.ndarray, "3 3"]
    T: Float32[np.ndarray, "3"]


@dataclass(frozen=True)
class BodyPose:
    """SMPL parameters of one person in one frame: world = smpl @ R.T + Th."""

    poses: Float32[np.ndarray, "72"]
    shapes: Float32[np.ndarray, "10"]
    R: Float32[np.ndarray, "3 3"]
    Th: Float32[np.ndarray, "3"]


@dataclass(frozen=True)
class Frame:
    """One picture: image (H, W, 3) in 0..1 and zero outside `mask`, with its camera and body.

    Attributes:
        subject: the person.
        pose: number of the moment.
        view: number of the camera.
        image: as an observation uses it; `truth` is what a rendering is compared with.
        mask: the person.
        camera: belongs to a picture of this size.
        body: in this frame.
        clip_padding: the truth is black outside the projection of the body's box grown by so many metres.
        border: pixels so near to the mask's edge that nobody knows whether they show the person: the truth is black
            there. None where the data set trusts its masks.
    """

    subject: str
    pose: int
    view: int
    image: Float32[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]
    camera: Camera
    body: BodyPose
    clip_padding: float = BODY_PADDING
    border: Bool[np.ndarray, "H W"] | None = None

    def truth(self, clip: Bool[np.ndarray, "H W"]) -> tuple[Float32[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
        """What a rendering is compared with, image and mask: black outside `clip`, the body's box as it is seen."""
        kept = clip if self.border is None else clip & ~self.border
        return np.where(kept[..., None], self.image, np.float32(0)), self.mask & kept

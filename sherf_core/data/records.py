"""What a data set reader returns: one picture of one person, with its camera and its body.

Conventions (the one place that states them):

* x_cam = R x + T, pixel = K x_cam; x right, y down, z forward; metres; pixel centres are integers.
* world = smpl @ R.T + Th for the body; `poses` holds all 24 joints as axis-angle, root first.
* images are RGB in 0..1, background 0 outside the person's mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32


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
    """One picture: image (H, W, 3) in 0..1 and zero outside `mask`, with its camera and body."""

    subject: str
    pose: int
    view: int
    image: Float32[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]
    camera: Camera
    body: BodyPose

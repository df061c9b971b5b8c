"""The model's inputs as batches of tensors, and how they are made from a reader's frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sherf_core.body.model import BodyModel
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.geometry.boxes import padded_box
from sherf_core.geometry.rays import box_interval, camera_rays


@dataclass(frozen=True)
class Bodies:
    """SMPL parameters of B bodies: world = smpl @ R.T + Th."""

    poses: Float[Tensor, "B 72"]
    shapes: Float[Tensor, "B 10"]
    R: Float[Tensor, "B 3 3"]
    Th: Float[Tensor, "B 3"]

    def to(self, device: torch.device | str) -> Bodies:
        return Bodies(*(_moved(x, device) for x in (self.poses, self.shapes, self.R, self.Th)))

    def vertices(self, body_model: BodyModel) -> Float[Tensor, "B V 3"]:
        """Posed vertices in world space."""
        return body_model.vertices(self.poses, self.shapes) @ self.R.transpose(1, 2) + self.Th[:, None]


@dataclass(frozen=True)
class Observation:
    """The one image of each of B people: masked RGB in 0..1, camera x_cam = R x + T, body."""

    image: Float[Tensor, "B 3 H W"]
    K: Float[Tensor, "B 3 3"]
    R: Float[Tensor, "B 3 3"]
    T: Float[Tensor, "B 3"]
    body: Bodies

    def to(self, device: torch.device | str) -> Observation:
        image, K, R, T = (_moved(x, device) for x in (self.image, self.K, self.R, self.T))
        return Observation(image, K, R, T, self.body.to(device))


@dataclass(frozen=True)
class RayBundle:
    """M rays for each of B samples; near and far in multiples of the direction, 0 and 1 for rays that miss."""

    origins: Float[Tensor, "B M 3"]
    directions: Float[Tensor, "B M 3"]
    near: Float[Tensor, "B M"]
    far: Float[Tensor, "B M"]
    hit: Bool[Tensor, "B M"]

    def to(self, device: torch.device | str) -> RayBundle:
        tensors = (self.origins, self.directions, self.near, self.far, self.hit)
        return RayBundle(*[_moved(x, device) for x in tensors])


def _moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    # To a GPU the host need not wait; from one it must, or it would read what has not come yet.
    return tensor.to(device, non_blocking=torch.device(device).type == "cuda")


def bodies_of(poses: Sequence[BodyPose]) -> Bodies:
    """Batch the bodies of several frames."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(pose, name) for pose in poses]).astype(np.float32))

    return Bodies(stack("poses"), stack("shapes"), stack("R"), stack("Th"))


def observation_of(frames: Sequence[Frame]) -> Observation:
    """Batch frames of one image size."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(frame.camera, name) for frame in frames]).astype(np.float32))

    image = torch.from_numpy(np.stack([frame.image for frame in frames])).permute(0, 3, 1, 2).contiguous()
    return Observation(image, stack("K"), stack("R"), stack("T"), bodies_of([frame.body for frame in frames]))


def rays_of(cameras: Sequence[Camera], bodies: Bodies, body_model: BodyModel, height: int, width: int) -> RayBundle:
    """Rays through every pixel of each camera, cut to the padded box of its posed body."""
    boxes = padded_box(bodies.vertices(body_model))
    columns: list[list[Tensor]] = [[], [], [], [], []]
    for camera, box in zip(cameras, boxes, strict=True):
        K, R, T = (torch.from_numpy(value).to(box.device) for value in (camera.K, camera.R, camera.T))
        origins, directions = camera_rays(K, R, T, height, width)
        for column, value in zip(columns, (origins, directions, *box_interval(origins, directions, box)), strict=True):
            column.append(value)
    return RayBundle(*[torch.stack(column) for column in columns])

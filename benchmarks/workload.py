"""What the benchmarks work at: made-up people in front of a camera, a shipped person, and the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.model.deform import Skinning
from sherf_core.model.demo import demo_weights
from sherf_core.model.graphs import EncodeGraphs
from sherf_core.model.inputs import Bodies, Observation, RayBundle, bodies_of, observation_of
from sherf_core.model.kernel_march import KernelMarch
from sherf_core.model.march import SHELL_RADIUS, locate
from sherf_core.model.sherf import Sherf, SherfConfig
from sherf_core.render.sampling import ray_steps

FOCAL_AT_512 = 900.0
DISTANCE = 3.4
TURN = 0.75
"""How far the person of the tables is turned about the vertical, radians, as the published measurements' input is."""
LOWERED = 0.9
"""How far its arms are lowered, radians."""
LEFT_SHOULDER, RIGHT_SHOULDER = 3 * 16 + 2, 3 * 17 + 2
PLAIN = SherfConfig(features="plain", kernels="off", cuda_graphs=False)
"""The reference of every fast path."""
FASTER_ON_GPUS = 1 << 18
"""Points in a chunk: GPUs like fewer, larger ones, and 1 GiB is enough for them."""


def camera(size: int) -> Camera:
    """3.4 m in front of the person, focal length 900 pixels at 512²."""
    focal = FOCAL_AT_512 * size / 512
    K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    return Camera(K, np.diag([1, -1, -1]).astype(np.float32), np.array([0, -0.3, DISTANCE], np.float32))


def standing_person(size: int) -> Frame:
    """Noise on a person who faces the camera, arms spread: 1,032,673 points near the body at 512².

    The 48 samples of a ray share the depth of the body's box, 0.4 m here: no pose has many more points. The memory
    model (`sherf_core/memory.py`) was measured with it.
    """
    rng = np.random.default_rng(0)
    poses = (rng.normal(size=72) * 0.1).astype(np.float32)
    return _frame(poses, np.eye(3), rng.uniform(size=(size, size, 3)).astype(np.float32))


def turned_person(size: int) -> Frame:
    """Noise on a person who is turned, arms lowered: 618,191 points near the body at 512².

    The published code was measured with 621,365; the box is 0.8 m deep, and the samples lie that much farther apart.
    """
    poses = np.zeros(72, np.float32)
    poses[LEFT_SHOULDER], poses[RIGHT_SHOULDER] = -LOWERED, LOWERED
    cosine, sine = math.cos(TURN), math.sin(TURN)
    R = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return _frame(poses, R, np.random.default_rng(0).uniform(size=(size, size, 3)).astype(np.float32))


def _frame(poses: np.ndarray, R: np.ndarray, image: np.ndarray) -> Frame:
    body = BodyPose(poses, np.zeros(10, np.float32), R.astype(np.float32), np.zeros(3, np.float32))
    return Frame("nobody", 0, 0, image, np.ones(image.shape[:2], bool), camera(len(image)), body)


def shipped_pair(size: int) -> tuple[Frame, Frame]:
    """A shipped person as the model sees it, and from another view; at most 512²."""
    reader = RenderPeople(DEMO_ROOT, resolution=size)
    subject = reader.subjects()[0]
    seen, other, *_ = reader.views(subject)
    return reader.frame(subject, 0, seen), reader.frame(subject, 0, other)


@dataclass(frozen=True)
class Scene:
    """One or more people as they are observed, and as they are to be rendered."""

    observation: Observation
    bodies: Bodies
    cameras: list[Camera]
    size: int

    @classmethod
    def of(cls, observed: list[Frame], rendered: list[Frame], device: str) -> Scene:
        """On a device."""
        bodies = bodies_of([frame.body for frame in rendered]).to(device)
        cameras = [frame.camera for frame in rendered]
        return cls(observation_of(observed).to(device), bodies, cameras, len(rendered[0].image))

    @classmethod
    def turned(cls, size: int, device: str, count: int = 1) -> Scene:
        """The tables' person, so many times."""
        frames = [turned_person(size)] * count
        return cls.of(frames, frames, device)

    def rays(self, model: Sherf) -> RayBundle:
        """Through every pixel."""
        return model.rays(self.cameras, self.bodies, self.size, self.size)


def new_model(device: str) -> Sherf:
    """With the demo's weights; times do not depend on them, errors do."""
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(demo_weights(model.state_dict()))
    return model.eval().to(device)


def configure(model: Sherf, config: SherfConfig) -> None:
    """Let a model compute in another way, as if it were new."""
    model.config = config
    model.plain_because = model.modules_because = ""
    model._canonical_search = model._canonical_cells = model._packed = None
    model._graphs, model._march = EncodeGraphs(model), KernelMarch(model)


def excuses(model: Sherf) -> str:
    """Which fast paths a model that has worked could not take, and why."""
    reasons = {
        "no CUDA graph": model.ungraphed_because,
        "no kernels": model.plain_because,
        "no kernel of the field": model.modules_because,
    }
    return "; ".join(f"{what}: {reason}" for what, reason in reasons.items() if reason)


def usual(device: str, like: SherfConfig | None = None) -> SherfConfig:
    """The defaults, or a configuration like another one, with the chunks that suit a device."""
    config = like or SherfConfig()
    return replace(config, points_per_chunk=FASTER_ON_GPUS) if device == "cuda" else config


def near_points(model: Sherf, bodies: Bodies, rays: RayBundle) -> int:
    """How many samples of the first frame lie within 5 cm of the body."""
    with torch.inference_mode():
        skinning = Skinning.of(model.body_model, bodies)
        search = VertexSearch(skinning.vertices(model.body_model)[0], radius=SHELL_RADIUS)
        steps = ray_steps(model.config.samples_per_ray, rays.near)
        return len(locate(rays, bodies, 0, steps, search, skinning.to(model.big)).kept)

"""Fit the demo weights: a short training on generated people, on a CPU, of the parts that are small enough to ship.

    sherfctl make-people PEOPLE --subjects 12 --seed 100 --size 256
    python tools/fit_demo_weights.py PEOPLE --steps 1200

The tri-plane generator and its image encoder (54 of 56 million parameters) keep their initial values, so that their
outputs are computed once an observation. Everything else is trained with the published loss on random rays, 100·MSE +
10·accumulation, and the average of the last weights is written. Progress is kept in OUT.state; run again to go on.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import Frame
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.io.atomic import atomic_write
from sherf_core.model.deform import to_posed
from sherf_core.model.demo import DEMO_SEED, DEMO_WEIGHTS
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import Bodies, RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.sherf import EncodedPerson, Sherf

FROZEN = ("encoder_2d.", "backbone.")
TARGETS, RAYS = 3, 1400
LEARNING_RATE, WARM_UP, AVERAGE = 1.5e-3, 30, 0.99


class People:
    """The frames of a generated data set, read once; planes are made once an observation and kept as float16."""

    def __init__(self, root: Path, resolution: int, view_step: int) -> None:
        reader = RenderPeople(root, resolution=resolution)
        self.resolution = resolution
        self.frames: dict[tuple[str, int, int], Frame] = {}
        for subject in reader.subjects():
            for pose in reader.poses(subject):
                for view in reader.views(subject)[::view_step]:
                    self.frames[subject, pose, view] = reader.frame(subject, pose, view)
        self._planes: dict[tuple[str, int, int], tuple[Tensor, Tensor]] = {}

    def planes(self, model: Sherf, frame: Frame) -> tuple[Tensor, Tensor]:
        key = (frame.subject, frame.pose, frame.view)
        if key not in self._planes:
            with torch.no_grad():
                z = model.encoder_2d(observation_of([frame]).image)
                self._planes[key] = z, model.backbone(z).half()
        z, planes = self._planes[key]
        return z, planes.float()

    def draw(self, rng: np.random.Generator) -> tuple[Frame, list[Frame]]:
        """An observation, from somewhere in front more often than not, and targets of the same person."""
        keys = list(self.frames)
        subject, pose, _ = keys[rng.integers(len(keys))]
        views = sorted({key[2] for key in keys if key[0] == subject})
        poses = sorted({key[1] for key in keys if key[0] == subject})
        observed = views[int(rng.integers(max(1, len(views) // 3))) * 3 % len(views)]
        targets = [
            self.frames[subject, pose if index == 0 else int(rng.choice(poses)), int(rng.choice(views))]
            for index in range(TARGETS)
        ]
        return self.frames[subject, pose, observed], targets


def encode(model: Sherf, people: People, frame: Frame) -> EncodedPerson:
    """`Sherf.encode` with the frozen part looked up."""
    observation = observation_of([frame])
    z, planes = people.planes(model, frame)
    feature_map = model.encoder_2d_feature(observation.image)
    levels = model.renderer.encoder_3d(model.vertex_features(observation, feature_map), model.volume)
    to_observation = to_posed(model.body_model, observation.body)
    return EncodedPerson(observation, z, planes, feature_map, levels, to_observation)


def draw_rays(frame: Frame, bodies: Bodies, model: Sherf, rng: np.random.Generator) -> tuple[RayBundle, Tensor, Tensor]:
    """Random rays that meet the body's box, most of them on or near the person, with their truth."""
    height, width = frame.mask.shape
    rays = rays_of([frame.camera], bodies, model.body_model, height, width)
    hit = rays.hit[0].numpy()
    near = torch.nn.functional.max_pool2d(torch.from_numpy(frame.mask).float()[None, None], 9, 1, 4)[0, 0] > 0
    close = np.flatnonzero(near.flatten().numpy() & hit)
    far = np.flatnonzero(~near.flatten().numpy() & hit)
    picked = np.concatenate([rng.choice(close, RAYS), rng.choice(far, RAYS // 5)])
    chosen = RayBundle(*[getattr(rays, name)[:, picked] for name in ("origins", "directions", "near", "far", "hit")])
    truth = torch.from_numpy(frame.image.reshape(-1, 3)[picked])
    return chosen, truth, torch.from_numpy(frame.mask.reshape(-1)[picked]).float()


def learning_rate(step: int, steps: int) -> float:
    """Warm up, then a cosine down to a fiftieth."""
    return LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def fit(model: Sherf, people: People, steps: int, out: Path) -> None:
    """Train, average, and keep the state every hundred steps."""
    parameters = {
        name: parameter for name, parameter in model.named_parameters() if not name.startswith(FROZEN)
    }
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in parameters)
    optimizer = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    state_path, first = out.with_suffix(".state"), 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, first = state["average"], state["step"]
    model.train()
    started, losses = time.time(), []
    for step in range(first, steps):
        rng = np.random.default_rng([DEMO_SEED, step])
        torch.manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        observed, targets = people.draw(rng)
        person = encode(model, people, observed)
        loss = torch.zeros(())
        for target in targets:
            bodies = bodies_of([target.body])
            rays, truth, mask = draw_rays(target, bodies, model, rng)
            rendering = model.render(person, bodies, rays)
            squared = (rendering.rgb[0] - truth).square().mean()
            loss = loss + (100 * squared + 10 * (rendering.alpha[0] - mask).square().mean()) / TARGETS
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 5.0)
        optimizer.step()
        with torch.no_grad():
            for name, parameter in parameters.items():
                average[name].lerp_(parameter, 1 - min(AVERAGE, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if (step + 1) % 20 == 0:
            pace = (time.time() - started) / (step + 1 - first)
            print(f"step {step + 1}/{steps}  loss {np.mean(losses[-20:]):.3f}  {pace:.2f} s/step", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            with atomic_write(state_path) as path:
                torch.save({**state, "average": average, "step": step + 1}, path)
            write(model, average, out, step + 1, people)


def write(model: Sherf, average: dict[str, Tensor], out: Path, steps: int, people: People) -> None:
    """Ship what the fit changed, as float16."""
    initial = initial_weights(model.state_dict(), DEMO_SEED)
    changed = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in {**model.state_dict(), **average}.items()
        if not torch.equal(tensor, initial[name])
    }
    subjects = len({key[0] for key in people.frames})
    description = (
        f"fitted for {steps:,} steps on {subjects} generated people at {people.resolution} pixels, on a CPU; "
        "the tri-plane generator and its image encoder are untrained"
    )
    with atomic_write(out) as path:
        save_file(changed, path, metadata={"description": description})


def main() -> None:
    """Read the people, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, help="a folder that `sherfctl make-people` wrote")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--view-step", type=int, default=2, help="use every n-th view")
    parser.add_argument("--out", type=Path, default=DEMO_WEIGHTS)
    options = parser.parse_args()
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(initial_weights(model.state_dict(), DEMO_SEED))
    fit(model, People(options.people, options.resolution, options.view_step), options.steps, options.out)


if __name__ == "__main__":
    main()

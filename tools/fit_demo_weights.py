"""Fit the demo weights: a short training on generated people, of the parts that are small enough to ship.

    sherfctl make-people PEOPLE --subjects 44 --seed 100 --views 18 --size 256
    python tools/fit_demo_weights.py PEOPLE --steps 2000 --device cuda

The tri-plane generator and its image encoder (54 of 56 million parameters) keep their initial values, so that their
outputs are computed once an observation. Everything else is trained with the published loss on random rays, 100·MSE +
10·accumulation; each step sees several people, and the average of the last weights is written. The shipped file took
1,850 steps on one H100 in two runs (`--resume`), fifteen minutes in all.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.ndimage import maximum_filter
from torch import Tensor

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import Frame
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.io.atomic import atomic_write
from sherf_core.model.demo import DEMO_SEED, DEMO_WEIGHTS
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.sherf import EncodedPerson, Sherf

FROZEN = ("encoder_2d.", "backbone.")
PEOPLE_PER_STEP, RAYS = 4, 5000
LEARNING_RATE, WARM_UP, AVERAGE = 1.5e-3, 50, 0.99


class People:
    """The frames of a generated data set, read once; planes are made once an observation and kept as float16."""

    def __init__(self, root: Path, resolution: int) -> None:
        reader = RenderPeople(root, resolution=resolution)
        self.resolution = resolution
        self.frames: dict[str, dict[tuple[int, int], Frame]] = {}
        for subject in reader.subjects():
            pairs = [(pose, view) for pose in reader.poses(subject) for view in reader.views(subject)]
            self.frames[subject] = {pair: reader.frame(subject, *pair) for pair in pairs}
        self._planes: dict[tuple[str, int, int], tuple[Tensor, Tensor]] = {}

    def planes(self, model: Sherf, frame: Frame) -> tuple[Tensor, Tensor]:
        key = (frame.subject, frame.pose, frame.view)
        if key not in self._planes:
            with torch.no_grad():
                z, planes = model.encode_global(observation_of([frame]).image.to(model.box.device))
                self._planes[key] = z, planes.half()
        z, planes = self._planes[key]
        return z, planes.float()

    def draw(self, rng: np.random.Generator) -> tuple[Frame, Frame]:
        """An observation, often from the front, and a target of the same person, in the same pose half the time."""
        frames = self.frames[str(rng.choice(list(self.frames)))]
        poses, views = (sorted({pair[index] for pair in frames}) for index in range(2))
        pose = int(rng.choice(poses))
        front = [*views[:2], views[-1]]
        observed = frames[pose, int(rng.choice(front if rng.random() < 0.5 else views))]
        target_pose = pose if rng.random() < 0.5 else int(rng.choice(poses))
        return observed, frames[target_pose, int(rng.choice(views))]


def encode(model: Sherf, people: People, frames: Sequence[Frame]) -> EncodedPerson:
    """`Sherf.encode` with the frozen half looked up."""
    observation = observation_of(frames).to(model.box.device)
    z, planes = (torch.cat(parts) for parts in zip(*[people.planes(model, frame) for frame in frames], strict=True))
    return model.encode_local(observation, z, planes)


def draw_rays(frame: Frame, hit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels whose rays meet the body's box, most of them on or near the person."""
    near = maximum_filter(frame.mask, 9).reshape(-1)
    return np.concatenate(
        [rng.choice(np.flatnonzero(near & hit), RAYS), rng.choice(np.flatnonzero(~near & hit), RAYS // 5)]
    )


def step_loss(model: Sherf, people: People, rng: np.random.Generator) -> Tensor:
    """100·MSE + 10·accumulation over random rays of several people."""
    device = model.box.device
    observed, targets = zip(*[people.draw(rng) for _ in range(PEOPLE_PER_STEP)], strict=True)
    bodies = bodies_of([target.body for target in targets]).to(device)
    rays = rays_of(
        [target.camera for target in targets], bodies, model.body_model, people.resolution, people.resolution
    )
    hit = rays.hit.cpu().numpy()
    picked = np.stack([draw_rays(target, hit[index], rng) for index, target in enumerate(targets)])
    rows, columns = torch.arange(len(targets), device=device)[:, None], torch.from_numpy(picked).to(device)
    names = ("origins", "directions", "near", "far", "hit")
    chosen = RayBundle(*[getattr(rays, name)[rows, columns] for name in names])
    truth = torch.from_numpy(np.stack([f.image.reshape(-1, 3)[p] for f, p in zip(targets, picked, strict=True)]))
    mask = torch.from_numpy(np.stack([f.mask.reshape(-1)[p] for f, p in zip(targets, picked, strict=True)]))
    rendering = model.render(encode(model, people, observed), bodies, chosen)
    squared = (rendering.rgb - truth.to(device)).square().mean()
    return 100 * squared + 10 * (rendering.alpha - mask.float().to(device)).square().mean()


def learning_rate(step: int, steps: int) -> float:
    """Warm up, then a cosine down to a fiftieth."""
    return LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def fit(model: Sherf, people: People, steps: int, earlier_steps: int, out: Path) -> None:
    """Train and average; the average is written every 250 steps."""
    parameters = {name: parameter for name, parameter in model.named_parameters() if not name.startswith(FROZEN)}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in parameters)
    optimizer = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    model.train()
    started, losses = time.time(), []
    for step in range(steps):
        rng = np.random.default_rng([DEMO_SEED, earlier_steps + step])
        torch.manual_seed(earlier_steps + step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        loss = step_loss(model, people, rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 5.0)
        optimizer.step()
        with torch.no_grad():
            rate = 1 - min(AVERAGE, (step + 1) / (step + 10))
            torch._foreach_lerp_(list(average.values()), list(parameters.values()), rate)
        losses.append(loss.detach())
        if (step + 1) % 50 == 0:
            pace = (time.time() - started) / (step + 1)
            print(
                f"step {step + 1}/{steps}  loss {torch.stack(losses[-50:]).mean():.3f}  {pace:.3f} s/step", flush=True
            )
        if (step + 1) % 250 == 0 or step + 1 == steps:
            write(model, average, out, earlier_steps + step + 1, people)


def write(model: Sherf, average: dict[str, Tensor], out: Path, steps: int, people: People) -> None:
    """Ship what the fit changed, as float16."""
    values = {name: tensor.cpu() for name, tensor in {**model.state_dict(), **average}.items()}
    initial = initial_weights(values, DEMO_SEED)
    changed = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in values.items()
        if not torch.equal(tensor, initial[name])
    }
    description = (
        f"fitted for {steps:,} steps on {len(people.frames)} generated people at {people.resolution} pixels; "
        "the tri-plane generator and its image encoder are untrained"
    )
    with atomic_write(out) as path:
        save_file(changed, path, metadata={"description": description, "steps": str(steps)})


def main() -> None:
    """Read the people, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, help="a folder that `sherfctl make-people` wrote")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--resume", action="store_true", help="go on from the weights in OUT")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=DEMO_WEIGHTS)
    options = parser.parse_args()
    model = Sherf(BodyModel(load_body()))
    weights, earlier_steps = initial_weights(model.state_dict(), DEMO_SEED), 0
    if options.resume:
        with safe_open(options.out, framework="pt") as file:
            earlier_steps = int(file.metadata()["steps"])
            weights.update({name: file.get_tensor(name).to(weights[name].dtype) for name in file.keys()})  # noqa: SIM118
    model.load_state_dict(weights)
    people = People(options.people, options.resolution)
    fit(model.to(options.device), people, options.steps, earlier_steps, options.out)


if __name__ == "__main__":
    main()

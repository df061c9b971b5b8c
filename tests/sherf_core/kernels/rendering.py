"""Tokens and pictures of a shipped person, by kernels and without: what a process of its own computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.model.demo import demo_weights
from sherf_core.model.inputs import RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.person_field import PersonField
from sherf_core.model.sherf import Sherf, SherfConfig

SIZE = 64
BOTH = (False, True)


def found() -> dict[str, list[Tensor]]:
    """By name, the plain path's result and the kernels'."""
    reader = RenderPeople(Path(renderpeople.__file__).parent / "demo", resolution=SIZE)
    frame = reader.frame(reader.subjects()[0], 0, 0)
    model = Sherf(BodyModel(load_body()), SherfConfig(nearest="cells")).eval()
    model.load_state_dict(demo_weights(model.state_dict()))
    bodies = bodies_of([frame.body])
    person = model.encode(observation_of([frame]))
    generator = torch.Generator().manual_seed(0)
    near = model.canonical[::40] + 0.02 * torch.randn(len(model.canonical[::40]), 3, generator=generator)
    # Far away nothing is found in planes, picture and volume.
    points = torch.cat([near, torch.tensor([[9.0, 9.0, 9.0], [-3.0, 0.0, 0.1]])])
    fields = [PersonField(model, person, 0, kernels=kernels) for kernels in BOTH]
    tokens = [field.tokens(points) for field in fields]
    plain_rays = rays_of([frame.camera], bodies, model.body_model, SIZE, SIZE)
    kernel_rays = model.rays([frame.camera], bodies, SIZE, SIZE)
    rays = _some(plain_rays)
    pictures = []
    for kernels in ("off", "auto"):
        model.config = replace(model.config, kernels=kernels)
        pictures.append(model.render(person, bodies, rays))
    assert model.modules_because == model.plain_because == ""
    return {
        "tokens": tokens,
        **{f"rays: {name}": [getattr(both, name) for both in (plain_rays, kernel_rays)] for name in vars(rays)},
        **{name: [getattr(picture, name) for picture in pictures] for name in ("rgb", "depth", "alpha")},
    }


def _some(rays: RayBundle) -> RayBundle:
    """Rays through the middle rows: the interpreter is slow."""
    chosen = slice(SIZE * SIZE // 2, SIZE * SIZE // 2 + SIZE)
    columns = (rays.origins, rays.directions, rays.near, rays.far, rays.hit)
    return RayBundle(*[column[:, chosen].contiguous() for column in columns])

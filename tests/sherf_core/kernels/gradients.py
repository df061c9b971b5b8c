"""Gradients through a shipped person's look-ups, by kernels and without: what a process of its own computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.kernels import tokens as token_kernels
from sherf_core.model.demo import demo_weights
from sherf_core.model.inputs import RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.person_field import PersonField
from sherf_core.model.sherf import EncodedPerson, Sherf, SherfConfig
from tests.sherf_core.kernels.rendering import BOTH

SIZE = 64
TABLES = ("planes", "pixels", "volume", "bias", "colour")
HALF = TABLES[:4]

Pairs = dict[str, list[Tensor]]


@torch.inference_mode(False)
def found(device: str) -> Pairs:
    """By name, what the plain path gives and what the kernels give."""
    reader = RenderPeople(Path(renderpeople.__file__).parent / "demo", resolution=SIZE)
    frame = reader.frame(reader.subjects()[0], 0, 0)
    model = Sherf(BodyModel(load_body()), SherfConfig(nearest="cells", density_noise=0.0, cuda_graphs=False))
    model.load_state_dict(demo_weights(model.state_dict()))
    model.to(device)
    bodies = bodies_of([frame.body]).to(device)
    with torch.no_grad():
        person = model.eval().encode(observation_of([frame]).to(device))
    for maps in (person.planes, person.feature_map, *person.levels):
        maps.requires_grad_()
    rays = rays_of([frame.camera], bodies, model.body_model, SIZE, SIZE)
    chosen = slice(SIZE * SIZE // 2 + 20, SIZE * SIZE // 2 + 44)
    columns = (rays.origins, rays.directions, rays.near, rays.far, rays.hit)
    few = RayBundle(*[column[:, chosen].contiguous() for column in columns])
    values = _of_tokens(model, person)
    for checkpointing in BOTH:
        values |= _of_rendering(model, person, lambda: model.train().render(person, bodies, few), checkpointing)
    return values


def _of_tokens(model: Sherf, person: EncodedPerson) -> Pairs:
    generator = torch.Generator().manual_seed(0)
    some = model.canonical.cpu()[::40]
    near = some + 0.02 * torch.randn(len(some), 3, generator=generator)
    # Far away there is nothing in planes, picture and volume; the same place several times shares all rows.
    far = torch.tensor([[9.0, 9.0, 9.0], [-3.0, 0.0, 0.1]])
    points = torch.cat([near, far, near[:1].expand(40, 3)]).to(model.box)
    weight = torch.randn(len(points), 3, 32, generator=generator).to(model.box)
    values: Pairs = {}
    for by_kernels in BOTH:
        field = PersonField(model, person, 0, token_kernels=by_kernels)
        tables = field._tables
        assert tables is not None
        layers = model.renderer.conv1d_reprojection, model.renderer.conv1d_projection
        wanted = {name: getattr(tables, name) for name in TABLES}
        wanted |= {f"layers {name} {one}": getattr(layers[one], name) for one in (0, 1) for name in ("weight", "bias")}
        wanted |= {"tri-plane": person.planes, "feature map": person.feature_map}
        wanted |= {f"level {number}": level for number, level in enumerate(person.levels)}
        tokens = field.tokens(points)
        values.setdefault("tokens", []).append(tokens.detach())
        gradients = torch.autograd.grad((tokens * weight).sum(), list(wanted.values()))
        for name, gradient in zip(wanted, gradients, strict=True):
            values.setdefault(name, []).append(gradient)
        moved = points[:20].clone().requires_grad_()
        (gradient,) = torch.autograd.grad((field.tokens(moved) * weight[:20]).sum(), moved)
        values.setdefault("points", []).append(gradient)
        alone = field.tokens(points[:0])
        assert alone.shape == (0, 3, 32)
        assert not any(one.any() for one in torch.autograd.grad(alone.sum(), [wanted[name] for name in HALF]))
    field._tables = replace(tables, **{name: getattr(tables, name).half() for name in HALF})
    half = [getattr(field._tables, name) for name in HALF]
    gradients = torch.autograd.grad((field.tokens(points) * weight).sum(), half)
    assert {gradient.dtype for gradient in gradients} == {torch.float16}
    return values | {
        f"half {name}": [values[name][0], gradient.float()] for name, gradient in zip(HALF, gradients, strict=True)
    }


def _of_rendering(model: Sherf, person: EncodedPerson, render, checkpointing: bool) -> Pairs:
    values: Pairs = {}
    learned = {name: one for name, one in model.named_parameters() if name.startswith(("renderer.", "decoder."))}
    learned |= {"tri-plane": person.planes, "feature map": person.feature_map, "level 0": person.levels[0]}
    for by_kernels in BOTH:
        kernels = "auto" if by_kernels else "off"
        model.config = replace(model.config, kernels=kernels, gradient_checkpointing=checkpointing)
        with patch.object(token_kernels, "tokens", wraps=token_kernels.tokens) as called:
            rendering = render()
            loss = rendering.rgb.square().sum() + rendering.alpha.sum()
            gradients = torch.autograd.grad(loss, list(learned.values()), allow_unused=True)
        assert model.plain_because == ""
        assert called.called == by_kernels
        for name, gradient in zip(learned, gradients, strict=True):
            if gradient is not None:
                values.setdefault(f"rendering {name}{' again' * checkpointing}", []).append(gradient)
        values.setdefault("rgb", []).append(rendering.rgb.detach())
    return values

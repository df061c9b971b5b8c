"""The stages of a frame: what encoding a person and rendering a picture are made of, their time and peak memory.

The person of `workload.turned_person`. Each stage is given what the ones before it made. On a GPU the rows may add up
to more than the whole: a stage of small launches waits for the host when it is alone. Stages that loop over chunks keep
all of their results, which the whole does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from depth import Depth
from measuring import MEMORY, TIMES, Report, Stage, peak_of, timed
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.kernels.locate import Located
from sherf_core.model.deform import Skinning
from sherf_core.model.march import SHELL_RADIUS, composite_near, locate
from sherf_core.model.person_field import PersonField
from sherf_core.model.sherf import EncodedPerson, Sherf
from sherf_core.render.sampling import ray_steps
from workload import PLAIN, Scene, configure, excuses, near_points, new_model, usual


def encode_stages(model: Sherf, scene: Scene) -> Iterator[Stage]:
    """The parts of `Sherf.encode`, launched piece by piece."""
    observation, networks = scene.observation, model.renderer
    z = model.encoder_2d(observation.image)
    feature_map = model.encoder_2d_feature(observation.image)
    on_vertices = model.vertex_features(observation, feature_map)
    yield "global encoder (ResNet-18)", lambda: model.encoder_2d(observation.image)
    yield "tri-plane generator", lambda: model.backbone(z)
    yield "pixel encoder", lambda: model.encoder_2d_feature(observation.image)
    yield "features of the body's vertices", lambda: model.vertex_features(observation, feature_map)
    yield "sparse volume", lambda: networks.encoder_3d(on_vertices, model.volume)
    yield "maps of the body's vertices", lambda: model.big.to(Skinning.of(model.body_model, observation.body))


def frame_stages(model: Sherf, scene: Scene, person: EncodedPerson) -> Iterator[Stage]:
    """The parts of a picture without kernels that render."""
    rays, bodies, size = scene.rays(model), scene.bodies, model.config.points_per_chunk

    def pose() -> tuple[Skinning, Tensor]:
        skinning = Skinning.of(model.body_model, bodies)
        return skinning, skinning.vertices(model.body_model)

    skinning, vertices = pose()
    maps, steps = skinning.to(model.big), ray_steps(model.config.samples_per_ray, rays.near)

    def search() -> VertexSearch:
        return VertexSearch(vertices[0], radius=SHELL_RADIUS, method=model.config.nearest)

    found = search()
    near = locate(rays, bodies, 0, steps, found, maps)
    field = PersonField(model, person, 0)
    count = max(1, -(-len(near.points) // size))
    points, directions = near.points.tensor_split(count), near.directions.tensor_split(count)
    nearest = [field._nearest(chunk) for chunk in points]
    tokens = [field.tokens(chunk, vertex) for chunk, vertex in zip(points, nearest, strict=True)]
    yield "rays through every pixel", lambda: scene.rays(model)
    yield "body: pose, maps to canonical space", lambda: pose()[0].to(model.big)
    yield "search: cells or tree around the body", search
    yield "locate samples near the body", lambda: locate(rays, bodies, 0, steps, found, maps)
    if model.config.features == "merged":
        yield "tables: merged features (once a person)", lambda: _merged_anew(model, person)
    yield "canonical search", lambda: [field._nearest(chunk) for chunk in points]
    pairs = list(zip(points, nearest, strict=True))
    yield "tokens", lambda: [field.tokens(chunk, vertex) for chunk, vertex in pairs]
    layers, triples = model.renderer, list(zip(tokens, points, directions, strict=True))
    fused = [layers.transformer(chunk, kept=2) for chunk in tokens]
    encoded = [(layers.pos_enc(a), layers.view_enc(b), c) for a, b, c in zip(points, directions, fused, strict=True)]
    yield "fusion transformer", lambda: [layers.transformer(chunk, kept=2) for chunk in tokens]
    yield "encoding of points and directions", lambda: [(layers.pos_enc(a), layers.view_enc(b)) for _, a, b in triples]
    yield "decoder", lambda: [model.decoder(*chunk) for chunk in encoded]
    sigma, colour = field.in_chunks(near.points, near.directions)
    yield "composite", lambda: composite_near(rays, 0, steps, near, sigma, colour)


def kernel_stages(model: Sherf, scene: Scene, person: EncodedPerson) -> Iterator[Stage]:
    """The parts of a picture by kernels."""
    from sherf_core.kernels.composite import composite_slots
    from sherf_core.kernels.field import evaluate
    from sherf_core.kernels.locate import locate as locate_by_kernels

    rays, bodies, size, march = scene.rays(model), scene.bodies, model.config.points_per_chunk, model._march
    steps = ray_steps(model.config.samples_per_ray, rays.near)
    rows, (cells, *_) = march.posed(bodies)
    near, far, directions_of_rays = rays.near[0], rays.far[0], rays.directions[0]
    columns = (rays.origins[0], directions_of_rays, near, far, rays.hit[0])

    def find() -> Located:
        return locate_by_kernels(cells, model.canonical_cells(), rows[0], columns, steps, bodies.R[0], bodies.Th[0])

    found, field = find(), PersonField(model, person, 0, kernels=True)
    count = max(1, -(-len(found.points) // size))
    parts = list(
        zip(*(part.tensor_split(count) for part in (found.points, found.directions, found.vertex)), strict=True)
    )
    tokens = [field.tokens(points, vertex) for points, _, vertex in parts]
    sigma, colour = field.in_chunks(found.points, found.directions, found.vertex)
    packed = model.packed()
    yield "rays through every pixel", lambda: scene.rays(model)
    yield "pose: maps to canonical space, cells", lambda: march.posed(bodies)
    yield "locate samples, lead them to canonical space", find
    yield "tables: merged features (once a person)", lambda: _merged_anew(model, person)
    yield "tokens", lambda: [field.tokens(points, vertex) for points, _, vertex in parts]
    if packed is not None:
        yield (
            "fusion and decoder (one kernel)",
            lambda: [evaluate(packed, chunk, *part[:2]) for chunk, part in zip(tokens, parts, strict=True)],
        )
    yield "composite", lambda: composite_slots(found.slots, steps, directions_of_rays, near, far, sigma, colour)


def _merged_anew(model: Sherf, person: EncodedPerson) -> PersonField:
    return PersonField(model, replace(person, tables={}), 0)


def measure(run: Callable[[], object], device: str, repeats: int) -> dict[str, float | str | None]:
    """Times, then the peak."""
    return {**timed(run, device, repeats).values(), **peak_of(run, device).values()}


def picture(model: Sherf, scene: Scene, person: EncodedPerson) -> Tensor:
    """A whole frame, from a camera."""
    return model.render(person, scene.bodies, scene.rays(model)).rgb


def run(report: Report, device: str, depth: Depth) -> None:
    """A table with the fast paths that run here; on GPUs another one without."""
    model, scene = new_model(device), Scene.turned(depth.frame, device)
    with torch.inference_mode():
        points = near_points(model, scene.bodies, scene.rays(model))
        for key, config in (("frame", usual(device)), ("frame, plain", usual(device, like=PLAIN))):
            configure(model, config)
            kernels = model._takes_kernels()
            how = "all plain" if config.features == "plain" else "merged features" + ", kernels" * kernels
            title = f"stages at {depth.frame}², {points:,} points within 5 cm, {how}, by {config.points_per_chunk:,}"
            report.table(key, title, (*TIMES, *MEMORY))
            _rows(report, device, depth.repeats, model, scene, kernels)
            if device == "cpu":
                return


def _rows(report: Report, device: str, repeats: int, model: Sherf, scene: Scene, kernels: bool) -> None:
    def encode() -> EncodedPerson:
        return model.encode(scene.observation)

    report.stages(encode_stages(model, scene), device, repeats)
    report.row(
        "encode, piece by piece", lambda: measure(lambda: model.encode_plainly(scene.observation), device, repeats)
    )
    if device == "cuda" and model.config.cuda_graphs:
        report.row("encode, replayed graph", lambda: measure(encode, device, repeats))
        report.remark(model.ungraphed_because)
    person = encode()
    stages = kernel_stages if kernels else frame_stages
    report.stages(stages(model, scene, person), device, repeats)
    report.row("frame, from a camera", lambda: measure(lambda: picture(model, scene, person), device, repeats))
    report.remark(excuses(model) if kernels else "")

"""The stages of a frame: what encoding a person and rendering a picture are made of, their time and peak memory.

The person of `workload.turned_person`. Each stage is given what the ones before it made. On a GPU the rows may add up
to more than the whole: a stage of small launches waits for the host when it is alone. Stages that loop over chunks keep
all of their results, which the whole does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from depth import Depth
from measuring import MEMORY, TIMES, Report, Stage, peak_of, timed
from sherf_core.geometry.nearest import VertexSearch
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


def frame_stages(model: Sherf, scene: Scene, person: EncodedPerson, kernels: bool) -> Iterator[Stage]:
    """The parts of a picture."""
    rays, bodies, size = scene.rays(model), scene.bodies, model.config.points_per_chunk

    def pose() -> tuple[Skinning, Tensor]:
        skinning = Skinning.of(model.body_model, bodies)
        return skinning, skinning.vertices(model.body_model)

    skinning, vertices = pose()
    maps, steps = skinning.to(model.big), ray_steps(model.config.samples_per_ray, rays.near)

    def search() -> VertexSearch:
        return VertexSearch(vertices[0], radius=SHELL_RADIUS, method=model.config.nearest)

    found = search()
    near = locate(rays, bodies, 0, steps, found, maps, kernels=kernels)
    field = PersonField(model, person, 0, kernels=kernels)
    count = max(1, -(-len(near.points) // size))
    points, directions = near.points.tensor_split(count), near.directions.tensor_split(count)
    nearest = [field._nearest(chunk) for chunk in points]
    tokens = [field.tokens(chunk, vertex) for chunk, vertex in zip(points, nearest, strict=True)]
    yield "rays through every pixel", lambda: scene.rays(model)
    yield "body: pose, maps to canonical space", lambda: pose()[0].to(model.big)
    yield "search: cells or tree around the body", search
    yield "locate samples near the body", lambda: locate(rays, bodies, 0, steps, found, maps, kernels=kernels)
    if kernels or model.config.features == "merged":
        yield "tables: merged features", lambda: PersonField(model, person, 0, kernels=kernels)
    yield "canonical search", lambda: [field._nearest(chunk) for chunk in points]
    pairs = list(zip(points, nearest, strict=True))
    yield "tokens", lambda: [field.tokens(chunk, vertex) for chunk, vertex in pairs]
    triples = list(zip(tokens, points, directions, strict=True))
    packed = model.packed() if kernels else None
    if packed is not None:
        from sherf_core.kernels.field import evaluate

        yield "fusion and decoder (one kernel)", lambda: [evaluate(packed, *triple) for triple in triples]
    else:
        layers = model.renderer
        fused = [layers.transformer(chunk, kept=2) for chunk in tokens]
        encoded = [
            (layers.pos_enc(a), layers.view_enc(b), c) for a, b, c in zip(points, directions, fused, strict=True)
        ]
        yield "fusion transformer", lambda: [layers.transformer(chunk, kept=2) for chunk in tokens]
        yield (
            "encoding of points and directions",
            lambda: [(layers.pos_enc(a), layers.view_enc(b)) for _, a, b in triples],
        )
        yield "decoder", lambda: [model.decoder(*chunk) for chunk in encoded]
    sigma, colour = field.in_chunks(near.points, near.directions)
    yield "composite", lambda: composite_near(rays, 0, steps, near, sigma, colour)


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
    report.stages(frame_stages(model, scene, person, kernels), device, repeats)
    report.row("frame, from a camera", lambda: measure(lambda: picture(model, scene, person), device, repeats))
    report.remark(excuses(model) if kernels else "")

"""The whole model on the embedded body with initial weights: structure, batches, chunks, training mode."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.kernels import KernelError
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import Bodies, Observation, RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.person_field import PersonField
from sherf_core.model.sherf import Sherf

SIZE = 64
# Shipped weights lean on these values, so they may never change.
FIRST_VALUES = [-0.0250686, -0.0397896, -0.0199885]


@pytest.fixture(scope="module")
def model() -> Sherf:
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(initial_weights(model.state_dict()))
    # Random weights are nearly transparent; make the body solid so that pictures differ from black.
    torch.nn.init.constant_(model.decoder.alpha_linear.bias, 20.0)
    return model.eval()


def _frame(seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    poses = (rng.normal(size=72) * 0.15).astype(np.float32)
    image = rng.uniform(size=(SIZE, SIZE, 3)).astype(np.float32)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[8:56, 20:44] = True
    K = np.array([[70, 0, 31.5], [0, 70, 31.5], [0, 0, 1]], np.float32)
    R = np.diag([1, -1, -1]).astype(np.float32)
    camera = Camera(K, R, np.array([0, -0.2, 2.6], np.float32))
    shapes = rng.normal(size=10).astype(np.float32) * 0.5
    body = BodyPose(poses, shapes, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    return Frame("nobody", 0, 0, image * mask[..., None], mask, camera, body)


def _batch(model: Sherf, seeds: list[int]) -> tuple[Observation, Bodies, RayBundle]:
    frames = [_frame(seed) for seed in seeds]
    bodies = bodies_of([frame.body for frame in frames[::-1]])
    rays = rays_of([frame.camera for frame in frames], bodies, model.body_model, SIZE, SIZE)
    return observation_of(frames), bodies, rays


def test_names_and_shapes_are_the_published_ones(model, shared):
    manifest = json.loads((shared / "golden" / "state_dict_manifest.json").read_text())
    published = {row["name"]: tuple(row["shape"]) for row in manifest if not row["name"].startswith("superresolution.")}
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == published


def test_a_picture_has_the_body_where_it_is(model):
    observation, bodies, rays = _batch(model, [0])
    with torch.no_grad():
        rendering = model(observation, bodies, rays)
    alpha = rendering.alpha[0].reshape(SIZE, SIZE)
    pelvis = bodies.vertices(model.body_model)[0].mean(0)
    camera = _frame(0).camera
    projected = camera.K @ (camera.R @ pelvis.numpy() + camera.T)
    u, v = (projected[:2] / projected[2]).round().astype(int)
    assert alpha[v, u] > 0.9
    assert alpha[0].max() == 0
    assert torch.equal(rendering.rgb[0].abs().sum(1) > 0, rendering.alpha[0] > 0)
    near, far = rays.near[0], rays.far[0]
    assert (rendering.depth[0] >= near.min()).all()
    assert (rendering.depth[0] <= far.max()).all()


@pytest.mark.parametrize("statistics", ["sample", "running"])
def test_each_sample_is_rendered_as_if_alone(model, statistics):
    from sherf_core.model.normalization import set_statistics

    set_statistics(model, statistics)
    observation, bodies, rays = _batch(model, [0, 1])
    with torch.no_grad():
        together = model(observation, bodies, rays)
        for index in range(2):
            alone = model(*(_pick(part, index) for part in (observation, bodies, rays)))
            difference = (together.rgb[index] - alone.rgb[0]).norm() / alone.rgb[0].norm()
            assert difference < 1e-5
    set_statistics(model, "sample")


def _pick(part, index: int):
    values = {
        field.name: _pick(value, index)
        if dataclasses.is_dataclass(value := getattr(part, field.name))
        else value[[index]]
        for field in dataclasses.fields(part)
    }
    return type(part)(**values)


@pytest.fixture
def configured(model):
    """Changes the configuration for one test."""
    before = model.config

    def change(**values):
        model.config = dataclasses.replace(before, **values)

    yield change
    model.config = before


@pytest.mark.parametrize("features", ["plain", "merged"])
@pytest.mark.parametrize("points", [313, 700, 4096])
def test_chunks_do_not_change_a_bit_of_a_picture(model, configured, features, points):
    batch = _batch(model, [0])
    with torch.no_grad():
        person = model.encode(batch[0])
        configured(features=features)
        whole = model.render(person, *batch[1:])
        configured(features=features, points_per_chunk=points)
        in_parts = model.render(person, *batch[1:])
    assert whole.alpha.max() > 0
    for name in ("rgb", "depth", "alpha"):
        assert torch.equal(getattr(whole, name), getattr(in_parts, name))


def test_merged_features_are_the_plain_ones(model, configured):
    """Tokens, and the gradients of all maps and layers behind them."""
    batch = _batch(model, [0])
    points = model.canonical[::50] + 0.02
    directions = torch.nn.functional.normalize(points, dim=1)
    found = {}
    for features in ("plain", "merged"):
        configured(features=features)
        model.zero_grad()
        field = model.field_of(model.encode(batch[0]), 0)
        tokens = field.tokens(points)
        sigma, colour = field(points, directions)
        (tokens.square().mean() + sigma.square().mean() + colour.square().mean()).backward()
        gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        found[features] = tokens.detach(), gradients
    (plain, plain_gradients), (merged, merged_gradients) = found["plain"], found["merged"]
    torch.testing.assert_close(merged, plain, atol=1e-5, rtol=1e-5)
    assert plain_gradients.keys() == merged_gradients.keys()
    assert len(plain_gradients) > 200
    for name, gradient in plain_gradients.items():
        assert (merged_gradients[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-9, name


def test_encoding_once_serves_many_views(model):
    observation, bodies, rays = _batch(model, [0])
    with torch.no_grad():
        person = model.encode(observation)
        assert torch.equal(model.render(person, bodies, rays).rgb, model(observation, bodies, rays).rgb)


def test_rays_that_all_miss_give_an_empty_picture(model):
    observation, bodies, rays = _batch(model, [0])
    away = dataclasses.replace(rays, hit=torch.zeros_like(rays.hit))
    with torch.no_grad():
        rendering = model(observation, bodies, away)
    assert rendering.rgb.abs().max() == rendering.alpha.max() == 0
    assert torch.isfinite(rendering.depth).all()


def test_training_adds_noise_to_density_and_reaches_every_used_weight(model):
    observation, bodies, rays = _batch(model, [0])
    model.train()
    first, second = model(observation, bodies, rays), model(observation, bodies, rays)
    assert not torch.equal(first.alpha, second.alpha)
    (first.rgb.square().sum() + first.alpha.square().sum()).backward()
    unused = ("fc.", "encoder_2d_feature.backbone.layer2", "encoder_2d_feature.backbone.layer3", "noise_strength")
    unused += ("encoder_2d_feature.backbone.layer4", "encoder_3d.down3", "encoder_3d.conv4")
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) != any(part in name for part in unused), name
    model.zero_grad()
    model.eval()


def test_initial_weights_are_the_same_everywhere_and_follow_the_seed(model):
    like = {"decoder.rgb_linear.weight": torch.zeros(3, 64), "decoder.rgb_linear.bias": torch.zeros(3)}
    first, again, other = initial_weights(like), initial_weights(like), initial_weights(like, seed=1)
    weight = first["decoder.rgb_linear.weight"]
    assert torch.equal(weight, again["decoder.rgb_linear.weight"])
    assert not torch.equal(weight, other["decoder.rgb_linear.weight"])
    assert weight[0, :3].tolist() == pytest.approx(FIRST_VALUES, rel=1e-5)
    assert first["decoder.rgb_linear.bias"].abs().max() == 0


def test_rays_through_the_box_that_pass_the_body_by_are_empty(model):
    observation, bodies, rays = _batch(model, [0])
    box = bodies.vertices(model.body_model)[0].amin(0) - 0.058
    corner = torch.nonzero(rays.hit[0])[:1, 0]
    origins, directions = rays.origins.clone(), rays.directions.clone()
    origins[:], directions[:] = box - torch.tensor([1.0, 0, 0]), torch.tensor([1.0, 0, 0])
    grazing = dataclasses.replace(
        rays, origins=origins, directions=directions, hit=torch.zeros_like(rays.hit).index_fill(1, corner, True)
    )
    with torch.no_grad():
        rendering = model(observation, bodies, grazing)
    assert rendering.alpha.max() == 0


def test_what_a_frame_left_behind_follows_the_configuration_and_the_device(model, configured, monkeypatch):
    configured(nearest="brute")
    assert model.canonical_search().lists is None
    configured(nearest="cells")
    assert model.canonical_search().lists is not None
    with torch.no_grad():
        assert not model._takes_kernels()
        assert "CUDA" in model.plain_because
        monkeypatch.setattr("sherf_core.model.sherf.why_not", lambda device: "")
        assert model._takes_kernels()
        assert model.plain_because == ""
        configured(nearest="auto")
        assert not model._takes_kernels(), "on the CPU there are no lists to search"


def test_where_gradients_are_wanted_a_kernel_that_does_not_run_gives_way(model, configured, monkeypatch):
    batch = _batch(model, [0])
    with torch.no_grad():
        person = model.encode(batch[0])
    monkeypatch.setattr(model, "_failed_kernels", {})
    configured(nearest="cells", kernels="off")
    expected = model.render(person, *batch[1:])
    assert not model._takes_token_kernels()
    configured(nearest="cells", kernels="auto")
    monkeypatch.setattr("sherf_core.model.sherf.why_not", lambda device: "")

    def fails(vertices, radius):
        raise KernelError("the kernel does not run", fix="")

    monkeypatch.setattr("sherf_core.model.kernel_march.cells_around", fails)
    torch.use_deterministic_algorithms(True)
    try:
        assert not model._takes_token_kernels(), "atomic sums have no fixed order"
    finally:
        torch.use_deterministic_algorithms(False)
    assert model._takes_token_kernels()
    assert torch.equal(model.render(person, *batch[1:]).rgb, expected.rgb)
    assert "the kernel does not run" in model.plain_because
    assert not model._takes_token_kernels()
    configured(features="plain")
    assert not model._takes_token_kernels()


def test_missing_memory_halves_the_chunks_and_changes_nothing(model, configured, monkeypatch):
    batch = _batch(model, [0])
    asked = []
    whole_call = PersonField.__call__

    def tight(self, points, directions, vertex=None):
        asked.append(len(points))
        if len(points) > 5000:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return whole_call(self, points, directions, vertex)

    with torch.no_grad():
        configured(points_per_chunk=1 << 15)
        person = model.encode(batch[0])
        whole = model.render(person, *batch[1:])
        monkeypatch.setattr(PersonField, "__call__", tight)
        tightly = model.render(person, *batch[1:])
    assert asked[0] > 5000
    assert max(asked[-2:]) <= 5000
    assert model.config.points_per_chunk < 1 << 15
    assert torch.equal(whole.rgb, tightly.rgb)


def test_missing_memory_for_the_smallest_chunk_is_an_error(model, configured, monkeypatch):
    def none(self, points, directions, vertex=None):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    configured()
    batch = _batch(model, [0])
    monkeypatch.setattr(PersonField, "__call__", none)
    with torch.no_grad(), pytest.raises(torch.cuda.OutOfMemoryError):
        model(*batch)

"""What only a training uses: seeded noise, gradient checkpointing, half precisions, recorded statistics."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import bodies_of, observation_of, rays_of
from sherf_core.model.normalization import SampleBatchNorm, move_statistics, recorded_statistics
from sherf_core.model.sherf import Sherf

SIZE = 48


@pytest.fixture(scope="module")
def model() -> Sherf:
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(initial_weights(model.state_dict()))
    torch.nn.init.constant_(model.decoder.alpha_linear.bias, 5.0)
    return model.train()


@pytest.fixture(scope="module")
def inputs(model):
    reader = RenderPeople(Path(renderpeople.__file__).parent / "demo", resolution=SIZE)
    frame = reader.frame(reader.subjects()[0], 0, 0)
    bodies = bodies_of([frame.body])
    return observation_of([frame]), bodies, rays_of([frame.camera], bodies, model.body_model, SIZE, SIZE)


def _configured(model: Sherf, **changes: object) -> Sherf:
    model.config = dataclasses.replace(model.config, **changes)
    return model


@pytest.fixture(autouse=True)
def _same_configuration(model):
    before = model.config
    yield
    model.config = before


def _render(model: Sherf, inputs, seed: int | None = 3) -> torch.Tensor:
    with torch.no_grad():
        return model(*inputs, None if seed is None else [seed]).rgb


def test_noise_follows_from_the_seed_alone(model, inputs):
    picture = _render(model, inputs)
    torch.manual_seed(99)
    assert torch.equal(_render(model, inputs), picture)
    assert not torch.equal(_render(model, inputs, 4), picture)
    chunked = _render(_configured(model, points_per_chunk=500), inputs)
    torch.testing.assert_close(chunked, picture, rtol=1e-5, atol=1e-6)


def test_noise_is_of_training_mode_and_of_its_strength_only(model, inputs):
    still = _render(_configured(model, density_noise=0.0), inputs)
    model.eval()
    assert torch.equal(_render(_configured(model, density_noise=1.0), inputs), still)
    model.train()
    near = _render(_configured(model, density_noise=1e-4), inputs)
    assert 0 < (near - still).abs().max() < 1e-3


def _gradients(model: Sherf, inputs) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    rendering = model(*inputs, [3])
    (rendering.rgb.square().mean() + rendering.alpha.mean()).backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def test_checkpointing_has_the_same_gradients_and_keeps_less(model, inputs):
    kept = {}

    def measured(checkpointing: bool) -> dict[str, torch.Tensor]:
        _configured(model, gradient_checkpointing=checkpointing, points_per_chunk=2000)
        sizes = []

        def count(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        model.zero_grad(set_to_none=True)
        person = model.encode(inputs[0])
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            rendering = model.render(person, *inputs[1:], [3])
        kept[checkpointing] = sum(sizes)
        (rendering.rgb.square().mean() + rendering.alpha.mean()).backward()
        return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}

    plain, again = measured(False), measured(True)
    assert plain.keys() == again.keys()
    for name, value in plain.items():
        assert (again[name] - value).norm() <= 1e-6 * value.norm(), name
    assert kept[True] < 0.35 * kept[False]


WITH_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU, and a CPU emulates float16 for minutes")


@pytest.mark.parametrize(
    ("precision", "device"), [("bfloat16", "cpu"), pytest.param("float16", "cuda", marks=WITH_GPU)]
)
def test_half_precisions_are_near_and_leave_float32_outside_of_the_networks(model, inputs, precision, device):
    model, inputs = copy.deepcopy(model).to(device), tuple(one.to(device) for one in inputs)
    full = _render(model, inputs)
    with torch.no_grad():
        person = _configured(model, precision=precision).encode(inputs[0])
        half = model.render(person, *inputs[1:], [3])
    for tensor in (person.z, person.planes, person.feature_map, *person.levels, half.rgb, half.alpha, half.depth):
        assert tensor.dtype == torch.float32
    assert 0 < (half.rgb - full).norm() < 0.05 * full.norm()
    gradients = _gradients(model, inputs)
    assert len(gradients) > 200
    assert all(torch.isfinite(value).all() for value in gradients.values())


def _buffers(model: Sherf) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items() if "running" in name or "tracked" in name}


def test_recorded_statistics_move_the_running_ones_as_the_passes_would_have(model, inputs):
    before = _buffers(model)
    with torch.no_grad():
        for _ in range(2):
            model.encode(inputs[0])
        moved = _buffers(model)
        model.load_state_dict(before, strict=False)
        with recorded_statistics(model) as recorded:
            for _ in range(2):
                model.encode(inputs[0])
        assert all(torch.equal(value, before[name]) for name, value in _buffers(model).items())
        move_statistics(model, {name: torch.cat(values) for name, values in recorded.items()})
    assert any(not torch.equal(value, before[name]) for name, value in moved.items())
    assert all(torch.equal(value, moved[name]) for name, value in _buffers(model).items())
    layers = {name for name, layer in model.named_modules() if isinstance(layer, SampleBatchNorm)}
    assert recorded.keys() < layers  # some layers of published files never run

"""Encoding as a CUDA graph equals plain encoding; what surrounds it is tested without a GPU."""

import copy
from pathlib import Path

import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.errors import SherfError
from sherf_core.model import graphs
from sherf_core.model.graphs import EncodeGraphs, TrainingEncode
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import Observation, observation_of
from sherf_core.model.normalization import SampleBatchNorm, recorded_statistics
from sherf_core.model.sherf import EncodedPerson, Sherf

SIZE = 64
WITH_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: graphs are CUDA's")


@pytest.fixture(scope="module")
def model() -> Sherf:
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(initial_weights(model.state_dict()))
    return model


@pytest.fixture(scope="module")
def observations() -> list[Observation]:
    reader = RenderPeople(Path(renderpeople.__file__).parent / "demo", resolution=SIZE)
    return [observation_of([reader.frame(reader.subjects()[0], 0, view)]) for view in (0, 9)]


def _results(person: EncodedPerson) -> list[torch.Tensor]:
    return [person.z, person.planes, person.feature_map, person.to_observation.rows, *person.levels]


def test_the_recorded_step_is_encoding_and_leaves_statistics_alone(model, observations):
    model.train()
    step = TrainingEncode(model)
    with recorded_statistics(model) as recorded:
        person = model.encode(observations[0])
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        results = step(*graphs._tensors(observations[0]))
        assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    expected = [*_results(person), *(values[0] for values in recorded.values())]
    assert all(len(values) == 1 for values in recorded.values())
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, SampleBatchNorm)}
    assert [names[layer] for layer in step.layers] == list(recorded)
    assert len(results) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(results, expected, strict=True))


@pytest.mark.parametrize("training", [False, True])
def test_what_cannot_be_recorded_is_encoded_plainly_and_says_why(model, observations, monkeypatch, training):
    model.train(training)
    encode = EncodeGraphs(model)
    monkeypatch.setattr(encode, "_suits", lambda observation: not encode.failure)
    tried = []

    def fail(*_):
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(graphs, "_recorded_training" if training else "_recorded", fail)
    with torch.set_grad_enabled(training):
        person = encode(observations[0])
        assert encode.failure == "operation not permitted when stream is capturing"
        encode(observations[0])
        assert len(tried) == 1
        expected = model.encode_plainly(observations[0])
    assert all(torch.equal(one, other) for one, other in zip(_results(person), _results(expected), strict=True))


def test_a_copied_model_records_graphs_of_its_own(model):
    copied = copy.deepcopy(model)
    assert copied._graphs._model is copied


def test_few_graphs_are_kept_and_the_state_of_the_model_counts(model, observations, monkeypatch):
    recorded = []

    def record(_, observation):
        recorded.append(tuple(observation.image.shape))
        return model.encode_plainly

    model.eval()
    encode = EncodeGraphs(model)
    monkeypatch.setattr(encode, "_suits", lambda observation: True)
    monkeypatch.setattr(graphs, "_recorded", record)
    with torch.no_grad():
        encode(observations[0])
        encode(observations[1])
        assert len(recorded) == 1
        monkeypatch.setattr(model.encoder_2d.backbone.bn1, "statistics", "running")
        encode(observations[0])
    assert len(recorded) == 2
    assert len(encode._recorded) <= graphs.MOST_GRAPHS


def test_inference_mode_has_a_graph_of_its_own(model, observations, monkeypatch):
    """Outside of it nobody may write into inputs that were made inside."""

    def record(_, observation):
        kept = observation.image.clone()

        def replay(given):
            kept.copy_(given.image)
            return model.encode_plainly(given)

        return replay

    model.eval()
    encode = EncodeGraphs(model)
    monkeypatch.setattr(encode, "_suits", lambda observation: True)
    monkeypatch.setattr(graphs, "_recorded", record)
    with torch.inference_mode():
        inside = encode(observations[0])
    with torch.no_grad():
        outside = encode(observations[0])
    assert torch.equal(inside.planes, outside.planes)


def _replayed(step, sample, **_):
    """What torch makes of a step, without a GPU: all results need gradients, which lie in the same memory each time."""
    weights = [weight for weight in step.parameters() if weight.requires_grad]
    memory = [torch.empty_like(weight) for weight in weights]

    class Replayed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *given):
            with torch.enable_grad():
                ctx.results = step(*given[: len(sample)])
            return tuple(result.detach() for result in ctx.results)

        @staticmethod
        def backward(ctx, *gradients):
            pairs = [pair for pair in zip(ctx.results, gradients, strict=True) if pair[0].requires_grad]
            results, of_results = zip(*pairs, strict=True)
            found = torch.autograd.grad(results, weights, of_results, allow_unused=True)
            own = (None if new is None else old.copy_(new).detach() for old, new in zip(memory, found, strict=True))
            return (*[None] * len(sample), *own)

    return lambda *given: Replayed.apply(*given, *weights)


def test_samples_of_replayed_steps_add_up_their_gradients(model, observations, monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", _replayed)
    model.train()
    replay = graphs._recorded_training(model, observations[0])

    def gradients(encode):
        model.zero_grad()
        for observation in observations:
            with recorded_statistics(model) as recorded:
                person = encode(observation)
            assert not person.to_observation.rows.requires_grad
            assert not any(value.requires_grad for values in recorded.values() for value in values)
            sum(result.square().mean() for result in _results(person) if result.requires_grad).backward()
        found = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        model.zero_grad()
        return found

    replayed, plain = gradients(replay), gradients(model.encode_plainly)
    assert replayed.keys() == plain.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(replayed[name], gradient, msg=name)


def test_gradients_after_the_next_person_was_encoded_are_refused(model, observations, monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", _replayed)
    model.train()
    replay = graphs._recorded_training(model, observations[0])
    first, _ = (replay(observation) for observation in observations)
    with pytest.raises(SherfError, match="after another one was encoded") as caught:
        first.planes.sum().backward()
    assert "cuda_graphs=False" in caught.value.fix
    model.zero_grad()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")
def test_a_model_is_recorded_on_its_own_gpu(model, observations):
    model = copy.deepcopy(model).to("cuda:1").eval()
    with torch.cuda.device(0), torch.no_grad():
        for observation in observations:
            given = observation.to("cuda:1")
            torch.testing.assert_close(model.encode(given).planes, model.encode_plainly(given).planes)
    assert model.ungraphed_because == ""


@WITH_GPU
def test_samples_of_a_step_add_up_their_gradients(model, observations):
    model = copy.deepcopy(model).cuda().train()

    def gradients(encode):
        model.zero_grad()
        for observation in observations:
            with recorded_statistics(model):
                person = encode(observation.to("cuda"))
            sum(result.square().mean() for result in _results(person) if result.requires_grad).backward()
        return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}

    replayed, plain = gradients(model.encode), gradients(model.encode_plainly)
    assert model.ungraphed_because == ""
    for name, gradient in plain.items():
        assert (replayed[name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-9, name


@WITH_GPU
@pytest.mark.parametrize("training", [False, True])
def test_a_replay_is_the_plain_encoding(model, observations, training):
    """Values, and in training gradients and statistics, of a picture other than the one that was recorded."""
    model = copy.deepcopy(model).cuda().train(training)
    first, second = (observation.to("cuda") for observation in observations)
    with torch.set_grad_enabled(training), recorded_statistics(model):
        model.encode(first)
    assert model.ungraphed_because == ""

    def measured(encode):
        model.zero_grad()
        with torch.set_grad_enabled(training), recorded_statistics(model) as recorded:
            results = _results(encode(second))
        if training:
            sum(result.square().mean() for result in results if result.requires_grad).backward()
        gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        return [result.detach().clone() for result in results], gradients, dict(recorded)

    replayed, gradients, statistics = measured(model.encode)
    plain, plain_gradients, plain_statistics = measured(model.encode_plainly)
    for one, other in zip(replayed, plain, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert gradients.keys() == plain_gradients.keys()
    for name, gradient in plain_gradients.items():
        assert (gradients[name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-9, name
    assert statistics.keys() == plain_statistics.keys()
    for name, values in plain_statistics.items():
        torch.testing.assert_close(statistics[name], values, atol=1e-5, rtol=1e-4)

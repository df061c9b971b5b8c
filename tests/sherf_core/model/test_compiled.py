"""The field's training path under torch.compile, with the compiler's parts that need neither a GPU nor C++.

`aot_eager_decomp_partition` splits forward from backward and takes operations apart as on GPUs, but makes no kernels.
"""

import copy
import dataclasses
import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sherf_core.model import compiled
from sherf_core.model.compiled import CompiledField
from sherf_core.model.field import RadianceField
from sherf_core.model.fusion import FeatureFusion
from sherf_core.model.sherf import SherfConfig

COUNTS = (700, 333, 2)


class Layers(nn.Module):
    """The parts of a model that the field's training path uses."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.config = dataclasses.replace(SherfConfig(), **changes)
        self.renderer, self.decoder = FeatureFusion(), RadianceField()
        self.register_buffer("box", torch.zeros(2, 3))
        self.compiled_field = CompiledField()


def _inputs(count: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(count)
    tokens, points, directions = (torch.randn(count, *shape, generator=generator) for shape in ((3, 32), (3,), (3,)))
    return tokens.requires_grad_(), points, directions


def _gradients(layers: Layers, count: int, field) -> list[torch.Tensor]:
    tokens, points, directions = _inputs(count)
    sigma, colour = field(tokens, points, directions)
    trained = [*layers.renderer.transformer.parameters(), *layers.decoder.parameters()]
    loss = sigma.sin().sum() + (3 * colour).cos().sum()
    return [sigma.detach(), colour.detach(), *torch.autograd.grad(loss, [tokens, *trained])]


def _plain(layers: Layers):
    return lambda *inputs: compiled.evaluate(layers.renderer, layers.decoder, *inputs)


def _field(layers: Layers):
    return lambda *inputs: layers.compiled_field(layers, *inputs)


@pytest.fixture
def calls(monkeypatch) -> SimpleNamespace:
    """Compiles on the CPU, without code for it, and counts."""
    # Shapes are checked by wrappers that the compiler cannot look into.
    from jaxtyping import config

    counted = SimpleNamespace(graphs=0, calls=0)
    backend = torch._dynamo.lookup_backend("aot_eager_decomp_partition")

    def counting(graph, inputs):
        counted.graphs += 1
        return backend(graph, inputs)

    torch._dynamo.reset()
    function = torch.compile(compiled.evaluate, dynamic=True, fullgraph=True, backend=counting)

    def called(*inputs):
        counted.calls += 1
        return function(*inputs)

    monkeypatch.setattr(compiled, "compiled", lambda: called)
    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    monkeypatch.setattr(config, "jaxtyping_disable", True)
    yield counted
    torch._dynamo.reset()


def test_values_and_gradients_are_those_of_the_plain_path_for_any_number_of_points(calls):
    layers, graphs = Layers(), []
    for count in COUNTS:
        found, expected = (_gradients(layers, count, field(layers)) for field in (_field, _plain))
        for one, other in zip(found, expected, strict=True):
            assert (one - other).norm() <= 1e-5 * other.norm(), count
        graphs.append(calls.graphs)
    assert layers.compiled_field.failure == ""
    assert calls.calls == 1 + len(COUNTS)
    copied = copy.deepcopy(layers)
    nn.init.constant_(copied.decoder.rgb_linear.bias, 0.3)
    found, expected = (_gradients(copied, COUNTS[0], field(copied)) for field in (_field, _plain))
    assert all((one - other).norm() <= 1e-5 * other.norm() for one, other in zip(found, expected, strict=True))
    assert calls.calls == 2 + len(COUNTS)
    # The compiler may begin twice on the first call; no number of points, and no other model, makes it begin again.
    assert {*graphs, calls.graphs} == {graphs[0]}


def test_what_is_kept_for_the_gradient_does_not_grow(calls):
    layers, kept = Layers(), {}
    for name, field in (("plain", _plain(layers)), ("compiled", _field(layers))):
        field(*_inputs(COUNTS[0]))
        storages = {}

        def pack(tensor: torch.Tensor, storages=storages) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            results = field(*_inputs(COUNTS[0]))
        kept[name] = sum(storages.values())
        del results
    assert kept["compiled"] <= 1.02 * kept["plain"]


def test_half_precision_and_an_outer_checkpoint(calls):
    layers = Layers(precision="bfloat16")

    def field(*inputs):
        def lowered(*inputs):
            with torch.autocast("cpu", torch.bfloat16):
                return layers.compiled_field(layers, *inputs)

        return torch.utils.checkpoint.checkpoint(lowered, *inputs, use_reentrant=False, preserve_rng_state=False)

    found, expected = _gradients(layers, COUNTS[0], field), _gradients(layers, COUNTS[0], _plain(layers))
    assert layers.compiled_field.failure == ""
    assert calls.calls == 3
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert 0 < (one - other).norm() <= 0.2 * other.norm()


def _same_as_plain(layers: Layers) -> bool:
    pairs = zip(*(_gradients(layers, COUNTS[0], field(layers)) for field in (_field, _plain)), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_whatever_the_compiler_raises_leaves_the_plain_path(monkeypatch):
    raised = itertools.count()

    def broken(*inputs):
        next(raised)
        raise RuntimeError("\nno compiler was found\nand more")

    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    monkeypatch.setattr(compiled, "compiled", lambda: broken)
    layers = Layers()
    assert _same_as_plain(layers)
    assert _same_as_plain(layers)
    assert layers.compiled_field.failure == "torch.compile fails: no compiler was found"
    assert next(raised) == 1


def test_what_fails_after_the_trial_leaves_the_plain_path(monkeypatch):
    calls = itertools.count()

    def later(*inputs):
        if next(calls):
            raise RuntimeError("compiled too often")
        return compiled.evaluate(*inputs)

    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    monkeypatch.setattr(compiled, "compiled", lambda: later)
    layers = Layers()
    assert _same_as_plain(layers)
    assert "compiled too often" in layers.compiled_field.failure


@pytest.mark.parametrize("wrong", ["values", "gradients", "no numbers"])
def test_what_computes_something_else_is_not_taken(monkeypatch, wrong):
    def off(*inputs):
        sigma, colour = compiled.evaluate(*inputs)
        if wrong == "values":
            return sigma, colour + 0.01 * colour.detach()
        return sigma, colour + (colour - colour.detach()) * (0.1 if wrong == "gradients" else float("nan"))

    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    monkeypatch.setattr(compiled, "compiled", lambda: off)
    layers = Layers()
    assert _same_as_plain(layers)
    assert "is off by" in layers.compiled_field.failure


def test_missing_memory_is_no_reason_against_it(monkeypatch):
    def full(*inputs):
        raise torch.cuda.OutOfMemoryError("no room")

    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    monkeypatch.setattr(compiled, "compiled", lambda: full)
    layers = Layers()
    with pytest.raises(torch.cuda.OutOfMemoryError):
        _gradients(layers, COUNTS[0], _field(layers))
    assert layers.compiled_field.failure == ""


@pytest.mark.parametrize("state", ["off", "eval", "one point"])
def test_the_plain_path_where_it_was_asked_for_or_nothing_is_trained(monkeypatch, state):
    monkeypatch.setattr(compiled, "compiled", lambda: pytest.fail("compiles"))
    monkeypatch.setattr(compiled, "unsuited", lambda device: "")
    layers = Layers(compiled="off" if state == "off" else "auto").train(state != "eval")
    tokens, points, directions = _inputs(1 if state == "one point" else COUNTS[0])
    sigma, _ = layers.compiled_field(layers, tokens, points, directions)
    assert sigma.requires_grad
    assert layers.compiled_field.failure == ""


def test_a_cpu_compiles_nothing_and_says_so(monkeypatch):
    layers = Layers()
    assert _same_as_plain(layers)
    assert "this is cpu" in layers.compiled_field.failure
    monkeypatch.setattr(compiled, "why_not", lambda device: "")  # as in Triton's interpreter
    assert "this is cpu" in compiled.unsuited(torch.device("cpu"))
    assert compiled.unsuited(torch.device("cuda")) == ""


def test_the_trial_leaves_the_training_s_random_numbers_alone(calls):
    layers = Layers()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    _gradients(layers, COUNTS[0], _field(layers))
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(parameter.grad is not None for parameter in layers.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_kernels_on_a_gpu_equal_the_plain_path():
    layers = Layers().cuda()

    def on_gpu(field):
        def moved(*inputs):
            return tuple(one.cpu() for one in field(*(one.cuda() for one in inputs)))

        return moved

    for count in COUNTS:
        found, expected = (
            [one.cpu() for one in _gradients(layers, count, on_gpu(field(layers)))] for field in (_field, _plain)
        )
        assert layers.compiled_field.failure == ""
        for one, other in zip(found, expected, strict=True):
            assert (one - other).norm() <= 1e-3 * other.norm(), count

"""CUDA graphs: many small launches, which take longer than their work, are recorded once and replayed.

Encoding is recorded for each shape of picture and each state of the model, which takes a second: forward alone where no
gradients are wanted, forward and backward in training. A graph reads weights where they lie, so they may change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sherf_core.errors import SherfError
from sherf_core.model.deform import VertexMaps
from sherf_core.model.inputs import Bodies, Observation
from sherf_core.model.normalization import SampleBatchNorm

if TYPE_CHECKING:
    from sherf_core.model.sherf import EncodedPerson, Sherf

# Libraries choose their algorithms, and make room, in the first passes.
WARM_UPS = 3
# Each graph keeps the memory of its intermediate results.
MOST_GRAPHS = 2

Compute = Callable[..., tuple[Tensor, ...]]
Encode = Callable[[Observation], "EncodedPerson"]


def recorded(run: Compute, *given: Tensor) -> Compute:
    """A function of tensors as a CUDA graph; it may not wait for the device, or copy from the host.

    Args:
        run: what to record.
        given: inputs of the shapes and types that all later ones have, on the current device.

    Returns:
        The same function, whose results are overwritten by its next call.
    """
    kept = tuple(tensor.clone() for tensor in given)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            run(*kept)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads may use the device meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        results = run(*kept)

    def replay(*fresh: Tensor) -> tuple[Tensor, ...]:
        for own, tensor in zip(kept, fresh, strict=True):
            own.copy_(tensor)
        graph.replay()
        return results

    return replay


class Replays:
    """A function of tensors without gradients, replayed on GPUs; called elsewhere, and where recording failed.

    Attributes:
        failure: why it could not be recorded; "" where nothing is known against it.
    """

    def __init__(self, run: Compute) -> None:
        self.failure = ""
        self._run = run
        self._recorded: dict[object, Compute] = {}

    def __call__(self, *given: Tensor, recording: bool = True) -> tuple[Tensor, ...]:
        """The function's results; overwritten by the next call where it is recorded."""
        if not (recording and given[0].is_cuda) or self.failure:
            return self._run(*given)
        # Inputs that were made in inference mode cannot be overwritten outside of it.
        modes = given[0].device, torch.is_inference_mode_enabled(), torch.backends.cuda.matmul.allow_tf32
        key = (*modes, *((tensor.shape, tensor.dtype) for tensor in given))
        if key not in self._recorded:
            while len(self._recorded) >= MOST_GRAPHS:
                self._recorded.pop(next(iter(self._recorded)))
            try:
                with torch.cuda.device_of(given[0]):
                    self._recorded[key] = recorded(self._run, *given)
            except torch.cuda.OutOfMemoryError:
                return self._run(*given)
            except RuntimeError as error:
                self.failure = str(error).partition("\n")[0]
                return self._run(*given)
        return self._recorded[key](*given)


class EncodeGraphs:
    """`Sherf.encode`: replayed on GPUs, plain elsewhere and where recording failed, which `failure` tells.

    Args:
        model: what encodes. Nothing on its way may wait for the device, or copy from the host.
    """

    def __init__(self, model: Sherf) -> None:
        self.failure = ""
        self._model = model
        self._recorded: dict[object, Encode] = {}

    def __call__(self, observation: Observation) -> EncodedPerson:
        """Encode; the result's memory is its own, or, in training, valid until the next one is encoded."""
        if not self._suits(observation):
            return self._model.encode_plainly(observation)
        key = self._key(observation)
        if key not in self._recorded:
            while len(self._recorded) >= MOST_GRAPHS:
                self._recorded.pop(next(iter(self._recorded)))
            record = _recorded_training if self._model.training else _recorded
            try:
                # Streams and graphs are of the current device, which need not be the model's.
                with torch.cuda.device_of(observation.image):
                    self._recorded[key] = record(self._model, observation)
            except torch.cuda.OutOfMemoryError:
                # There may be more of it next time.
                return self._model.encode_plainly(observation)
            except RuntimeError as error:
                self.failure = str(error).partition("\n")[0]
                return self._model.encode_plainly(observation)
        return self._recorded[key](observation)

    def __reduce__(self) -> tuple[type[EncodeGraphs], tuple[Sherf]]:
        """Graphs belong to their model's memory: a copy records its own."""
        return EncodeGraphs, (self._model,)

    def _suits(self, observation: Observation) -> bool:
        model = self._model
        # Training without gradients moves statistics, and gradients outside of it are rare: both go the plain way.
        usual = model.training == torch.is_grad_enabled()
        # Under somebody's own autocast the weights' casts would be recorded with it.
        usual = usual and not torch.is_autocast_enabled()
        return usual and model.config.cuda_graphs and observation.image.is_cuda and not self.failure

    def _key(self, observation: Observation) -> object:
        """Whatever the launches depend on."""
        model = self._model
        flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, model.training
        # Inputs that were made in inference mode cannot be overwritten outside of it.
        modes = flags, torch.is_inference_mode_enabled()
        tensors = (*model.parameters(), *model.buffers())
        weights = tuple((tensor.data_ptr(), tensor.requires_grad) for tensor in tensors)
        statistics = tuple(layer.statistics for layer in _normalisations(model))
        return observation.image.shape, observation.image.device, model.config.precision, modes, weights, statistics


def _recorded(model: Sherf, observation: Observation) -> Encode:
    """The forward pass, without gradients."""
    from sherf_core.model.sherf import EncodedPerson

    replayed = recorded(lambda *given: _results(model.encode_plainly(_observation(given))), *_tensors(observation))

    def replay(given: Observation) -> EncodedPerson:
        results = replayed(*_tensors(given))
        z, planes, feature_map, rows, *levels = (tensor.clone() for tensor in results)
        return EncodedPerson(given, z, planes, feature_map, levels, VertexMaps(rows))

    return replay


def _recorded_training(model: Sherf, observation: Observation) -> Encode:
    """Forward and backward pass."""
    from sherf_core.model.sherf import EncodedPerson

    step = TrainingEncode(model)
    sample = tuple(tensor.clone() for tensor in _tensors(observation))
    graphed: Any = torch.cuda.make_graphed_callables(step, sample, num_warmup_iters=WARM_UPS, allow_unused_input=True)

    count = 0

    def replay(given: Observation) -> EncodedPerson:
        nonlocal count
        count += 1
        number = count
        z, planes, feature_map, rows, *rest = graphed(*_tensors(given))
        own_gradients(planes, lambda: number == count)
        levels, statistics = rest[: step.levels], rest[step.levels :]
        for layer, found in zip(step.layers, statistics, strict=True):
            layer.note(found.detach().clone())
        # To autograd all results of a graph depend on the weights; the body's maps do not.
        return EncodedPerson(given, z, planes, feature_map, levels, VertexMaps(rows.detach()))

    return replay


def own_gradients(result: Tensor, is_newest: Callable[[], bool]) -> None:
    """Let the node that made a tensor hand out copies of its gradients.

    A replayed backward pass writes into the same memory each time, which parameters would take for their gradients:
    those of a step's next sample would replace them before they are added.

    Args:
        result: of a replayed forward pass.
        is_newest: whether the memory still holds what that pass kept.

    Raises:
        SherfError: in the backward pass, where it does not.
    """

    def copied(found: tuple[Tensor | None, ...], _: object) -> tuple[Tensor | None, ...]:
        if not is_newest():
            raise SherfError(
                "the gradients of a person are asked for after another one was encoded, whose CUDA graph uses the same "
                "memory",
                expected="encode, render and backward for one observation after the other",
                fix="set cuda_graphs=False in SherfConfig to keep several at once",
            )
        return tuple(None if one is None else one.clone() for one in found)

    if result.grad_fn is not None:
        result.grad_fn.register_hook(copied)


class TrainingEncode(nn.Module):
    """Encoding from tensors to tensors, without a trace in the model: statistics are returned in place of noted.

    Attributes:
        layers: whose statistics the last pass returned, behind its results.
        levels: how many levels the sparse volume has.
    """

    def __init__(self, model: Sherf) -> None:
        super().__init__()
        self.model = model
        self.layers: list[SampleBatchNorm] = []
        self.levels = 0
        self.train(model.training)

    def forward(self, *observation: Tensor) -> tuple[Tensor, ...]:
        """Takes `_tensors` of an observation, returns `_results` of the person, then statistics."""
        layers = _normalisations(self.model)
        before = [layer.record for layer in layers]
        found: list[list[Tensor]] = [[] for _ in layers]
        for layer, record in zip(layers, found, strict=True):
            layer.record = record
        try:
            person = self.model.encode_plainly(_observation(observation))
        finally:
            for layer, earlier in zip(layers, before, strict=True):
                layer.record = earlier
        self.layers = [layer for layer, record in zip(layers, found, strict=True) if record]
        self.levels = len(person.levels)
        return (*_results(person), *(record[0] for record in found if record))


def _normalisations(model: nn.Module) -> list[SampleBatchNorm]:
    return [layer for layer in model.modules() if isinstance(layer, SampleBatchNorm)]


def _tensors(observation: Observation) -> tuple[Tensor, ...]:
    body = observation.body
    cameras = (observation.image, observation.K, observation.R, observation.T)
    return (*cameras, body.poses, body.shapes, body.R, body.Th)


def _observation(tensors: tuple[Tensor, ...]) -> Observation:
    image, K, R, T, poses, shapes, body_R, body_Th = tensors
    return Observation(image, K, R, T, Bodies(poses, shapes, body_R, body_Th))


def _results(person: EncodedPerson) -> tuple[Tensor, ...]:
    return (person.z, person.planes, person.feature_map, person.to_observation.rows, *person.levels)

"""Encoding as a CUDA graph: its thousand small launches, which take longer than the work, are recorded and replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sherf_core.model.inputs import Bodies, Observation

if TYPE_CHECKING:
    from sherf_core.model.sherf import EncodedPerson

# Libraries choose their algorithms, and make room, in the first passes.
WARM_UPS = 2
# Each graph keeps the memory of its intermediate results.
MOST_GRAPHS = 2


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    observation: Observation
    person: EncodedPerson


class GraphedEncode:
    """Replays the encoding of observations of one shape; the first of a shape is recorded, which takes a second.

    Weights may change in place. Whatever else decides what is launched belongs to the key of a call.

    Args:
        encode: what is recorded: no synchronisation, no memory of the host.
    """

    def __init__(self, encode: Callable[[Observation], EncodedPerson]) -> None:
        self._encode = encode
        self._recorded: dict[object, _Recorded] = {}

    def __call__(self, observation: Observation, key: object) -> EncodedPerson:
        """Encode; results are copies of one's own.

        Args:
            observation: on a CUDA device.
            key: whatever the launches depend on, besides the observation's shape.
        """
        whole = (key, observation.image.shape, observation.image.device)
        if whole not in self._recorded:
            while len(self._recorded) >= MOST_GRAPHS:
                self._recorded.pop(next(iter(self._recorded)))
            self._recorded[whole] = self._record(observation)
        recorded = self._recorded[whole]
        for kept, given in zip(_tensors(recorded.observation), _tensors(observation), strict=True):
            kept.copy_(given)
        recorded.graph.replay()
        return _copied(recorded.person, observation)

    def _record(self, observation: Observation) -> _Recorded:
        kept = _like(observation)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._encode(kept)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            person = self._encode(kept)
        return _Recorded(graph, kept, person)


def _tensors(observation: Observation) -> tuple[Tensor, ...]:
    body = observation.body
    cameras = (observation.image, observation.K, observation.R, observation.T)
    return (*cameras, body.poses, body.shapes, body.R, body.Th)


def _like(observation: Observation) -> Observation:
    image, K, R, T, poses, shapes, body_R, body_Th = (tensor.clone() for tensor in _tensors(observation))
    return Observation(image, K, R, T, Bodies(poses, shapes, body_R, body_Th))


def _copied(person: EncodedPerson, observation: Observation) -> EncodedPerson:
    """A person of its own memory: the next replay overwrites the recorded one's."""
    from sherf_core.model.deform import VertexMaps
    from sherf_core.model.sherf import EncodedPerson

    levels = [level.clone() for level in person.levels]
    maps = VertexMaps(person.to_observation.rows.clone())
    return EncodedPerson(observation, person.z.clone(), person.planes.clone(), person.feature_map.clone(), levels, maps)

"""Tensors, numbers and times between a device and the host, without making the host wait before it has to.

A GPU works off a queue. Whoever copies to it or from it in the plain way waits until the queue is empty, and then the
GPU waits for the next order. What is here only joins the queue. On a CPU nothing is queued and all is done at once.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor


def to_device(array: Shaped[np.ndarray, "*shape"], device: torch.device) -> Shaped[Tensor, "*shape"]:
    """An array's copy on the device; on a CPU it shares the array's memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class HostCopy:
    """A tensor on its way to the host; any thread may ask for it, and waits until that copy is there, no longer."""

    def __init__(self, tensor: Shaped[Tensor, "*shape"]) -> None:
        self._done: torch.cuda.Event | None = None
        self._host = tensor
        if tensor.is_cuda:
            self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._host.copy_(tensor, non_blocking=True)
            self._done = torch.cuda.Event()
            self._done.record(torch.cuda.current_stream(tensor.device))

    def numpy(self) -> Shaped[np.ndarray, "*shape"]:
        """The tensor's values."""
        if self._done is not None:
            self._done.synchronize()
        return self._host.cpu().numpy()


class Span:
    """The time that a device takes for what is ordered inside of the block.

    Example:
        with Span(device) as span:
            picture = model.render(person, bodies, rays)
        print(span.seconds())
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begin: Any = None
        self._end: Any = None

    def __enter__(self) -> Span:
        self._begin = self._mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end = self._mark()

    def seconds(self) -> float:
        """From the first order to the end of the last one; waits for that end."""
        if self._device.type != "cuda":
            return float(self._end - self._begin)
        self._end.synchronize()
        return float(self._begin.elapsed_time(self._end)) / 1000.0

    def _mark(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

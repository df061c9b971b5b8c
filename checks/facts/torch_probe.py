"""Collector for torch: a child process imports and tries it, so that a broken or slow one cannot hurt this one."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from checks.facts.records import KernelTrial, NcclTrial, TorchFacts
from checks.facts.torch_child import MARK
from checks.facts.torch_start import Ending, TorchChild, start_torch

# How long the child is kept from CUDA at most while NVML measures.
PATIENCE = 20.0
ERROR_LINES = 3
# Lines of a traceback that stand at its margin and say nothing.
BETWEEN = (
    "Traceback (most recent call last)",
    "During handling of the above exception",
    "The above exception was the direct cause",
)


@dataclass
class _Told:
    """What the child said until it ended."""

    facts: dict[str, Any] = field(default_factory=dict)
    kernels: list[KernelTrial] = field(default_factory=list)
    nccl: NcclTrial = field(default_factory=NcclTrial)
    doing: Any = "start"
    missing: bool = False
    done: bool = False


def torch_facts(child: TorchChild | None = None, measured: threading.Event | None = None) -> TorchFacts:
    """What `import torch` and a few small computations give in a fresh interpreter.

    Args:
        child: the child process, default one that is started now.
        measured: the child touches CUDA only after this is set.
    """
    child = child or start_torch()
    if child.missing:
        return TorchFacts(state="missing")
    if child.process is None:
        return TorchFacts(state="broken", error=child.error)
    if measured is not None:
        measured.wait(min(PATIENCE, child.seconds))
    ending = child.end()
    return _facts(_told(ending.output), _manner(ending, child.seconds), ending.noise)


def _told(output: str) -> _Told:
    told = _Told()
    for line in output.splitlines():
        if not line.startswith(MARK):
            continue
        try:
            said = json.loads(line[len(MARK) :])
            told.facts.update(said.get("facts", {}))
            if "trial" in said:
                told.kernels.append(KernelTrial(**said["trial"]))
            if "nccl" in said:
                told.nccl = NcclTrial(**said["nccl"])
        except (ValueError, TypeError, AttributeError):
            continue  # a line cut by a crash
        told.doing = said.get("doing", told.doing)
        told.missing |= "missing" in said
        told.done |= "done" in said
    return told


def _manner(ending: Ending, seconds: float) -> str:
    """How the child ended, in words."""
    status = ending.status
    if ending.late or status == -getattr(signal, "SIGALRM", 0):
        return f"took longer than {seconds:.0f} s"
    if status is not None and status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with exit status {status}"


def _facts(told: _Told, manner: str, noise: str) -> TorchFacts:
    """The record; where the child did not get to its end, the step that it was at is what failed."""
    if told.missing:
        return TorchFacts(state="missing")
    kernels, nccl, error = told.kernels, told.nccl, told.facts.pop("error", "")
    state: Literal["ok", "broken", "timeout"] = "ok"
    if not told.done:
        last = _tail(noise)
        why = f"{manner}\n{last}" if last else manner
        if "cuda_available" not in told.facts:
            state = "timeout" if "took longer" in manner else "broken"
            # An exception says it all; what a crash or a hang was in the middle of must be said.
            error = last if "exit status" in manner and last else f"`{told.doing}` {why}"
        elif isinstance(told.doing, dict):
            tried = {(trial.device, trial.operation, trial.precision) for trial in kernels}
            lost = KernelTrial(**told.doing, ok=False, error=f"the process {why}")
            kernels = kernels if (lost.device, lost.operation, lost.precision) in tried else [*kernels, lost]
        elif nccl.state == "not asked":
            nccl = NcclTrial(state="failed", error=f"the process {why}")
    try:
        return TorchFacts(state=state, error=error, kernels=tuple(kernels), nccl=nccl, **told.facts)
    except (ValueError, TypeError) as problem:
        return TorchFacts(state="broken", error=f"the child's answer cannot be read: {problem}")


def _tail(text: str) -> str:
    """The last lines that say what is wrong: of a traceback the errors, not the places in somebody's source."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line[0].isspace() and not line.startswith(BETWEEN)]
    return "\n".join(line.strip() for line in (telling or lines)[-ERROR_LINES:])

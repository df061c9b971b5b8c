"""Collector for torch: a child process imports and tries it, so that a broken or slow one cannot hurt this one."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from checks.facts.records import KernelTrial, NcclTrial, TorchFacts
from checks.facts.torch_child import MARK

CHILD = Path(__file__).with_name("torch_child.py")
SECONDS = 60.0
# How long the child is kept from CUDA at most while NVML measures.
PATIENCE = 20.0
ERROR_LINES = 3


@dataclass(frozen=True)
class Request:
    """What the child is asked besides the import.

    Args:
        kernels: whether to compute something on each GPU.
        precision: what to compute in besides float32.
        gpus: how many GPUs are made to talk to each other, if there are as many; below two, none.
    """

    kernels: bool = True
    precision: str | None = None
    gpus: int = 0


@dataclass
class _Told:
    """What the child said until it ended."""

    facts: dict[str, Any] = field(default_factory=dict)
    kernels: list[KernelTrial] = field(default_factory=list)
    nccl: NcclTrial = field(default_factory=NcclTrial)
    doing: Any = "start"
    missing: bool = False
    done: bool = False


def torch_facts(
    request: Request | None = None,
    *,
    seconds: float = SECONDS,
    executable: str | None = None,
    child: Path = CHILD,
    measured: threading.Event | None = None,
) -> TorchFacts:
    """What `import torch` and a few small computations give in a fresh interpreter.

    Args:
        request: what to try, default a kernel on each GPU.
        seconds: how long the child may take.
        executable: the interpreter, default the one that runs this program.
        child: the child's program; tests replace it.
        measured: the child touches CUDA only after this is set.
    """
    request = request or Request()
    if not _may_be_there():
        return TorchFacts(state="missing")
    wanted = {"kernels": request.kernels, "precision": request.precision, "gpus": request.gpus, "seconds": seconds}
    try:
        process = subprocess.Popen(
            [executable or sys.executable, str(child), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        return TorchFacts(state="broken", error=f"no child process could be started: {error}")
    if measured is not None:
        measured.wait(min(PATIENCE, seconds))
    late = False
    try:
        output, noise = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        late = True
        process.kill()
        try:
            output, noise = process.communicate(timeout=2)
        except subprocess.TimeoutExpired as error:
            # A process in the depths of a driver cannot even be ended; what it said counts.
            output, noise = error.stdout or b"", error.stderr or b""
    told = _told(output.decode("utf-8", "replace"))
    return _facts(told, _ending(process.returncode, late, seconds), noise.decode("utf-8", "replace"))


def _may_be_there() -> bool:
    try:
        return importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError, AttributeError):
        return True  # something odd goes by that name: the child finds out


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


def _ending(status: int | None, late: bool, seconds: float) -> str:
    """How the child ended."""
    if late or status == -getattr(signal, "SIGALRM", 0):
        return f"took longer than {seconds:.0f} s"
    if status is not None and status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with exit status {status}"


def _facts(told: _Told, ending: str, noise: str) -> TorchFacts:
    """The record; where the child did not get to its end, the step that it was at is what failed."""
    if told.missing:
        return TorchFacts(state="missing")
    kernels, nccl, error = told.kernels, told.nccl, told.facts.pop("error", "")
    state: Literal["ok", "broken", "timeout"] = "ok"
    if not told.done:
        last = _tail(noise)
        why = f"{ending}\n{last}" if last else ending
        if isinstance(told.doing, dict):
            kernels = [*kernels, KernelTrial(**told.doing, ok=False, error=f"the process {why}")]
        elif "cuda_available" in told.facts:
            nccl = NcclTrial(state="failed", error=f"the process {why}")
        else:
            state = "timeout" if "took longer" in ending else "broken"
            # An exception says it all; what a crash or a hang was in the middle of must be said.
            error = last if "exit status" in ending and last else f"`{told.doing}` {why}"
    try:
        return TorchFacts(state=state, error=error, kernels=tuple(kernels), nccl=nccl, **told.facts)
    except (ValueError, TypeError) as problem:
        return TorchFacts(state="broken", error=f"the child's answer cannot be read: {problem}")


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-ERROR_LINES:])

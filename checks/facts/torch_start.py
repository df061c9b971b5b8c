"""Starts the child process that imports torch. Imports next to nothing: the child is at work while the rest is loaded.

Importing torch takes most of the doctor's time, so a command starts the child first and hands it to `all_facts` later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from checks.facts.requirements import may_be_there

CHILD = Path(__file__).with_name("torch_child.py")
SECONDS = 60.0
# Seconds for what an ended child has said to arrive.
LAST_WORDS = 2.0


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


@dataclass(frozen=True)
class Ending:
    """How the child ended and what it had said by then; `late` if it was out of time."""

    output: str = ""
    noise: str = ""
    status: int | None = None
    late: bool = False


@dataclass(frozen=True)
class TorchChild:
    """A child process that was started, or why there is none.

    Args:
        process: the process, None where there is none.
        missing: whether no torch is installed.
        error: why the process could not be started.
        seconds: how long it may take.
        started: when it was started, as time.monotonic() tells.
    """

    process: subprocess.Popen[bytes] | None = None
    missing: bool = False
    error: str = ""
    seconds: float = SECONDS
    started: float = 0.0

    def end(self) -> Ending:
        """Let it use CUDA, wait for its end, and end it when its time is up."""
        if self.process is None:
            return Ending()
        late = False
        try:
            output, noise = self.process.communicate(timeout=max(0.0, self.started + self.seconds - time.monotonic()))
        except subprocess.TimeoutExpired:
            late = True
            self.process.kill()
            try:
                output, noise = self.process.communicate(timeout=LAST_WORDS)
            except subprocess.TimeoutExpired as stuck:
                # A process in the depths of a driver cannot even be ended; what it said counts.
                output, noise = stuck.stdout or b"", stuck.stderr or b""
        return Ending(
            output.decode("utf-8", "replace"), noise.decode("utf-8", "replace"), self.process.returncode, late
        )


def start_torch(
    request: Request | None = None,
    *,
    seconds: float = SECONDS,
    executable: str | None = None,
    program: Path = CHILD,
) -> TorchChild:
    """Start a fresh interpreter that imports torch; CUDA is left alone until `end` is called.

    Args:
        request: what to try, default a kernel on each GPU.
        seconds: how long it may take.
        executable: the interpreter, default the one that runs this program.
        program: the child's program; tests replace it.
    """
    request = request or Request()
    if not may_be_there("torch"):
        return TorchChild(missing=True)
    wanted = {**asdict(request), "parent": os.getpid(), "seconds": seconds}
    try:
        process = subprocess.Popen(
            [executable or sys.executable, str(program), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        return TorchChild(error=f"no child process could be started: {error}")
    return TorchChild(process, seconds=seconds, started=time.monotonic())

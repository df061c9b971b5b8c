"""The program of the child process that imports torch and tries it: started as a file, it knows none of our packages.

It says what it knows as it goes, one JSON object a line behind MARK, so that a crash loses only what comes after it.
`doing` is said before each step that may crash or hang. Its first argument is a JSON object:

    kernels     whether to compute something on each GPU
    precision   what to compute in besides float32, or null
    gpus        how many GPUs are to talk to each other, if they are there; 0 or 1: none
    parent      the process that started this one: without it, nobody wants the answer
    seconds     how long all of this may take; then the operating system ends it, however it hangs

CUDA is left alone until standard input is closed: the parent measures free memory until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from typing import Any, TextIO

MARK = "@sherfctl "
NCCL_SECONDS = 15.0
# Errors relative to the largest expected value: some units in the last place of each type, and of texture coordinates.
TOLERANCES = {"float32": 1e-4, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 4e-2}
LONGEST_ERROR = 500


class Reporter:
    """Standard output for answers alone: whatever else prints there goes to standard error."""

    def __init__(self) -> None:
        self.stream: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, **words: Any) -> None:
        self.stream.write(MARK + json.dumps(words) + "\n")
        self.stream.flush()


def main(request: dict[str, Any]) -> None:
    """Answer the request on standard output."""
    reporter = Reporter()
    _end_with_parent(request["parent"], request["seconds"])
    # A stray torch.py in the current folder, or a file beside this one, must not be taken for a package.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place and os.path.abspath(place) != here]
    reporter.say(doing="import torch")
    try:
        import torch

        build = {
            "version": str(torch.__version__),
            "cuda_build": torch.version.cuda or "",
            "hip_build": getattr(torch.version, "hip", None) or "",
        }
    except BaseException as error:  # a broken package can raise anything, SystemExit too
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            reporter.say(missing=True)
        import traceback

        traceback.print_exc()
        raise SystemExit(1) from None
    reporter.say(facts=build)
    if "rank" in request:
        sys.stdin.read()
        started = time.monotonic()
        wrong = all_reduce(torch, request["rank"], request["gpus"], request["store"], request["limit"])
        reporter.say(reduced={"error": wrong, "seconds": time.monotonic() - started})
        return
    ranks = Ranks(request["gpus"]) if request["gpus"] > 1 and build["cuda_build"] else None
    sys.stdin.read()
    try:
        devices = ask_devices(torch, reporter)
        if request["kernels"]:
            try_kernels(torch, devices, request["precision"], reporter)
        if ranks is not None and devices >= request["gpus"]:
            reporter.say(doing="all_reduce over NCCL")
            reporter.say(nccl=ranks.reduce())
    finally:
        if ranks is not None:
            ranks.end()
    reporter.say(done=True)


def ask_devices(torch: Any, reporter: Reporter) -> int:
    """Say whether CUDA is available, why not, and the devices; their number is returned."""
    reporter.say(doing="ask for CUDA devices")
    devices, error = [], ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            available = bool(torch.cuda.is_available())
            for index in range(torch.cuda.device_count() if available else 0):
                card = torch.cuda.get_device_properties(index)
                devices.append(
                    {"name": card.name, "capability": [card.major, card.minor], "total_bytes": card.total_memory}
                )
            # Without a driver nothing is warned of; asking for CUDA all the same says why there is none.
            if not available and not caught and (torch.version.cuda or getattr(torch.version, "hip", None)):
                torch.cuda.init()
        except Exception as failure:
            error = _words(failure)
    if not available:
        error = "\n".join(_words(warning.message) for warning in caught) or error
    architectures = list(torch.cuda.get_arch_list()) if available else _built_architectures(torch)
    reporter.say(
        facts={"cuda_available": available, "devices": devices, "architectures": architectures, "error": error}
    )
    return len(devices)


def try_kernels(torch: Any, devices: int, precision: str | None, reporter: Reporter) -> None:
    """Compute something small on each GPU and say how it went; one that fails does not stop the others."""
    for device in range(devices):
        for operation in ("matmul", "grid_sample"):
            for kind in dict.fromkeys(["float32", precision or "float32"]):
                if operation == "grid_sample" and kind == "tf32":
                    continue  # it multiplies no matrices, so it computes in float32
                trial = {"device": device, "operation": operation, "precision": kind}
                reporter.say(doing=trial)
                error = try_kernel(torch, f"cuda:{device}", operation, kind)
                reporter.say(trial={**trial, "ok": not error, "error": error})


def try_kernel(torch: Any, device: str, operation: str, precision: str) -> str:
    """Compute on a device and compare with the CPU's float32 result of the same inputs; "" or what is wrong."""
    kind = getattr(torch, "float32" if precision == "tf32" else precision)
    try:
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        with torch.inference_mode():
            inputs = [tensor.to(kind) for tensor in _inputs(torch, operation)]
            compute = torch.matmul if operation == "matmul" else _grid_sample
            expected = compute(*(tensor.float() for tensor in inputs))
            result = compute(*(tensor.to(device) for tensor in inputs)).float().cpu()
            error = float((result - expected).abs().max() / expected.abs().max())
    except Exception as failure:
        return _words(failure)
    # Written so that a result that is no number fails.
    return "" if error <= TOLERANCES[precision] else f"the result is wrong: it differs from the CPU's by {error:.1%}"


def all_reduce(torch: Any, rank: int, gpus: int, store: str, seconds: float, backend: str = "nccl") -> str:
    """Take part in the sum of one tensor over all ranks; "" or what is wrong. After `seconds`, the process is ended."""
    from datetime import timedelta

    from torch import distributed

    # One machine needs no other way than this one, unless the user has told NCCL otherwise.
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        device = "cpu"
        if backend == "nccl":
            torch.cuda.set_device(rank)
            device = f"cuda:{rank}"
        distributed.init_process_group(
            backend,
            init_method=f"file://{store}",
            rank=rank,
            world_size=gpus,
            timeout=timedelta(seconds=seconds),
        )
        tensor = torch.full((1024,), rank + 1.0, device=device)
        distributed.all_reduce(tensor)
        low, high = float(tensor.min()), float(tensor.max())
    except Exception as failure:
        return _words(failure)
    wanted = gpus * (gpus + 1) / 2
    return "" if low == high == wanted else f"the sum is wrong: {low} to {high} instead of {wanted}"


class Ranks:
    """Processes, one a GPU, that import torch while this one works, and then add up one tensor.

    Args:
        gpus: how many.
        seconds: how long the sum may take, from where torch is imported.
    """

    def __init__(self, gpus: int, seconds: float = NCCL_SECONDS) -> None:
        import tempfile

        self.seconds = seconds
        self.folder = tempfile.TemporaryDirectory(prefix="sherfctl-nccl-")
        store = os.path.join(self.folder.name, "store")
        request = {"gpus": gpus, "store": store, "limit": seconds, "parent": os.getpid(), "seconds": 4 * NCCL_SECONDS}
        self.processes = [
            subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), json.dumps({**request, "rank": rank})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for rank in range(gpus)
        ]

    def reduce(self, patience: float = NCCL_SECONDS) -> dict[str, Any]:
        """The fields of NcclTrial; what is left of the imports may take `patience` seconds more."""
        for process in self.processes:
            _close_input(process)
        deadline = time.monotonic() + self.seconds + patience
        errors, taken, timeout = [], [], False
        for rank, process in enumerate(self.processes):
            try:
                output, noise = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                timeout = True
                break
            said = _reduced(output)
            if said is not None:
                taken.append(said["seconds"])
                error = said["error"]
            elif process.returncode == -getattr(signal, "SIGALRM", 0):
                timeout = True
                continue
            else:
                last = noise.decode("utf-8", "replace").strip().splitlines()[-1:]
                error = f"ended with status {process.returncode} {' '.join(last)}".strip()
            if error:
                errors.append(f"GPU {rank}: {error}")
        # Where one fails the others wait in vain; the failure is what counts.
        state = "failed" if errors else "timeout" if timeout else "ok"
        if timeout:
            errors.append(f"no result after {self.seconds:.0f} s")
        return {
            "state": state,
            "gpus": len(self.processes),
            "seconds": self.seconds if timeout else max(taken, default=None),
            "error": "\n".join(errors),
        }

    def end(self) -> None:
        """End all processes, finished or not."""
        for process in self.processes:
            process.kill()
            _close_input(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=2)
        with contextlib.suppress(OSError):
            self.folder.cleanup()


def _reduced(output: bytes) -> dict[str, Any] | None:
    """What a rank said in the end, None where it did not get there."""
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        if line.startswith(MARK):
            said = json.loads(line[len(MARK) :])
            return said.get("reduced")
    return None


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdin = None


def _inputs(torch: Any, operation: str) -> list[Any]:
    """Two matrices; or a smooth picture (1,2,16,16) and where to look at it (1,8,8,2), in float32 on the CPU."""
    if operation == "matmul":
        values = torch.arange(64 * 64, dtype=torch.float32).reshape(64, 64)
        return [values.sin(), (values * 0.37).cos()]
    ramp = torch.linspace(-1, 1, 16)
    picture = torch.stack([ramp[:, None] + 0.5 * ramp[None, :], ramp[:, None] * ramp[None, :]])[None]
    steps = torch.linspace(-0.9, 0.9, 8)
    grid = torch.stack([steps[None, :].expand(8, 8), steps[:, None].expand(8, 8)], dim=-1)[None]
    return [picture, grid]


def _grid_sample(picture: Any, grid: Any) -> Any:
    from torch.nn.functional import grid_sample

    return grid_sample(picture, grid, align_corners=True)


def _built_architectures(torch: Any) -> list[str]:
    """The architectures of a CUDA build whose CUDA cannot be used; torch's own list is empty then."""
    try:
        flags = torch._C._cuda_getArchFlags()
    except (AttributeError, RuntimeError):
        return []
    return flags.split() if flags else []


def _words(error: Any) -> str:
    """An error's first line, without where in torch's source it was raised."""
    text = str(error).partition("(Triggered internally")[0].strip()
    return (text.splitlines() or [type(error).__name__])[0][:LONGEST_ERROR]


def _end_with_parent(parent: int, seconds: float) -> None:
    """Make the operating system end this process when its parent ends or its time is up, even in the driver's code."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(seconds) + 2)
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended before it could be followed
            raise SystemExit(1)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    # Unloading CUDA takes a while, sometimes crashes, and serves nothing here.
    sys.stderr.flush()
    os._exit(0)

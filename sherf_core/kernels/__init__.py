"""Triton kernels: fast paths, each beside a plain one. Importing this package imports neither Triton nor torch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

from sherf_core.errors import SherfError

if TYPE_CHECKING:
    import torch

OLDEST_TRITON = 3
OLDEST_CAPABILITY = (7, 5)


class KernelError(SherfError):
    """A kernel cannot be compiled or started on this device; the plain path does the same work."""


def why_not(device: torch.device | str) -> str:
    """Why Triton kernels cannot run on a device, in plain words; "" where they can.

    They run on CUDA devices of compute capability 7.5 and more, and on any device in Triton's interpreter
    (`TRITON_INTERPRET=1`, set before Triton is imported): slow, for tests.
    """
    return _why_not(str(device), is_interpreted())


@contextmanager
def launching(what: str, device: torch.device) -> Iterator[None]:
    """Launch kernels on a device; whatever Triton, its compilers or the driver raise becomes a `KernelError`.

    Missing memory stays what it is: smaller chunks mend it."""
    import torch

    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise KernelError(
            f"the kernel that {what} does not run on {device}: {reason}", fix="the plain path does the same work"
        ) from error


def is_interpreted() -> bool:
    """Whether the environment asks for Triton's interpreter."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "yes", "y")


@cache
def _why_not(name: str, interpreted: bool) -> str:
    import torch

    device = torch.device(name)
    if device.type != "cuda" and not interpreted:
        return f"Triton kernels need a CUDA device, this is {device.type}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    try:
        import triton
        from triton.runtime import JITFunction
    except Exception as error:  # a broken installation raises whatever it likes
        return f"Triton cannot be imported: {error}"
    if int(triton.__version__.partition(".")[0]) < OLDEST_TRITON:
        return f"Triton is {triton.__version__}, {OLDEST_TRITON} or newer is needed"
    if interpreted == isinstance(triton.language.cdiv, JITFunction):
        return "TRITON_INTERPRET changed after Triton had been imported"
    if interpreted:
        return ""
    if not torch.cuda.is_available():
        return "torch finds no usable CUDA device"
    if torch.version.hip is not None:
        return "Triton kernels are for NVIDIA's GPUs, this torch is for AMD's"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST_CAPABILITY:
        found, wanted = (".".join(map(str, pair)) for pair in (capability, OLDEST_CAPABILITY))
        return f"the GPU has compute capability {found}, Triton kernels need {wanted}"
    return ""

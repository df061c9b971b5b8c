"""Collector for the NVIDIA driver and its GPUs, through NVML: no CUDA context is made, no process is started."""

from __future__ import annotations

import ctypes.util
import os
from pathlib import Path
from typing import Any

from checks.facts.records import GpuDevice, GpuFacts

LIBCUDA_PLACES = (
    "/usr/lib/wsl/lib/libcuda.so.1",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
    "/usr/lib64/libcuda.so.1",
    "/usr/lib64-nvidia/libcuda.so.1",
    "/usr/local/nvidia/lib64/libcuda.so.1",
)


def gpu_facts() -> GpuFacts:
    """The driver, its devices, and the device files that a container may lack."""
    seen = GpuFacts(
        device_files=tuple(str(path) for pattern in ("nvidia*", "dxg") for path in sorted(Path("/dev").glob(pattern))),
        libcuda=_libcuda(),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
    )
    try:
        import pynvml
    except ImportError as error:
        return seen.model_copy(update={"error": f"NVML's Python package is missing: {error}"})
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return seen.model_copy(update={"error": str(error)})
    try:
        update = {
            "driver": _text(pynvml.nvmlSystemGetDriverVersion()),
            "cuda_driver": _cuda_version(pynvml.nvmlSystemGetCudaDriverVersion_v2()),
            "devices": tuple(_device(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())),
        }
    except pynvml.NVMLError as error:
        update = {"error": str(error)}
    finally:
        pynvml.nvmlShutdown()
    return seen.model_copy(update=update)


def _libcuda() -> str:
    for place in LIBCUDA_PLACES:
        if Path(place).exists():
            return place
    return ctypes.util.find_library("cuda") or ""


def _device(pynvml: Any, index: int) -> GpuDevice:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        capability: tuple[int, int] | None = (int(major), int(minor))
    except pynvml.NVMLError:
        capability = None
    return GpuDevice(
        index=index,
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        capability=capability,
    )


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _cuda_version(number: int) -> str:
    """NVML's 12040 as `12.4`."""
    return f"{number // 1000}.{number % 1000 // 10}"

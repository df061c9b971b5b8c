"""What the driver says about itself and its GPUs, through NVML: no CUDA context is made, no process is started.

Every question may be answered by an error: old drivers, WSL, MIG and containers each know fewer answers. An error to
one question, or of one GPU, leaves the others as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from checks.facts.records import GpuDevice

ComputeMode = Literal["", "default", "exclusive_process", "exclusive_thread", "prohibited"]
COMPUTE_MODES: dict[int, ComputeMode] = {
    0: "default",
    1: "exclusive_thread",
    2: "prohibited",
    3: "exclusive_process",
}
# NVML's numbers for "errors that could not be corrected" and "since the driver was loaded".
UNCORRECTED, VOLATILE = 1, 0


def nvml_facts() -> dict[str, Any]:
    """The fields of GpuFacts that NVML knows, with `error` where something failed."""
    try:
        import pynvml
    except Exception as error:  # a foreign or broken package of that name can raise anything
        return {"error": f"NVML's Python package is missing: {error}"}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return {"error": str(error)}
    try:
        return _asked(pynvml)
    finally:
        _ask(pynvml, "nvmlShutdown")


def _asked(pynvml: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    errors: list[str] = []
    driver, error = _answer(pynvml, "nvmlSystemGetDriverVersion")
    facts["driver"] = _text(driver)
    errors += [error] if error else []
    number, error = _answer(pynvml, "nvmlSystemGetCudaDriverVersion_v2")
    if number:
        facts["cuda_driver"] = f"{number // 1000}.{number % 1000 // 10}"
    facts["cuda_driver_error"] = error
    count, error = _answer(pynvml, "nvmlDeviceGetCount")
    errors += [error] if error else []
    devices = []
    for index in range(count or 0):
        try:
            devices.append(_device(pynvml, index))
        except Exception as failure:  # one GPU that fell off the bus must not hide the others
            errors.append(f"GPU {index}: {failure}")
    return {**facts, "devices": tuple(devices), "error": "; ".join(errors)}


def _device(pynvml: Any, index: int) -> GpuDevice:
    """One GPU.

    Raises:
        NVMLError: its handle, name or memory cannot be had; nothing else is needed.
    """
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    capability = _ask(pynvml, "nvmlDeviceGetCudaComputeCapability", handle)
    mig = _ask(pynvml, "nvmlDeviceGetMigMode", handle)
    is_split = bool(mig and mig[0])
    processes = _ask(pynvml, "nvmlDeviceGetComputeRunningProcesses", handle)
    return GpuDevice(
        index=index,
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        uuid=_text(_ask(pynvml, "nvmlDeviceGetUUID", handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        capability=(int(capability[0]), int(capability[1])) if capability else None,
        processes=None if processes is None else sum(process.pid != os.getpid() for process in processes),
        compute_mode=COMPUTE_MODES.get(_ask(pynvml, "nvmlDeviceGetComputeMode", handle), ""),
        mig=is_split,
        mig_instances=_instances(pynvml, handle) if is_split else 0,
        ecc_uncorrected=_ask(pynvml, "nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, VOLATILE),
    )


def _instances(pynvml: Any, handle: Any) -> int:
    slots = _ask(pynvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0
    found = (_ask(pynvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, slot) for slot in range(slots))
    return sum(instance is not None for instance in found)


def _ask(pynvml: Any, question: str, *arguments: Any) -> Any:
    """An answer, or None."""
    return _answer(pynvml, question, *arguments)[0]


def _answer(pynvml: Any, question: str, *arguments: Any) -> tuple[Any, str]:
    """An answer and "", or None and why there is none."""
    function: Callable[..., Any] | None = getattr(pynvml, question, None)
    if function is None:
        return None, f"this NVML package has no {question}"
    try:
        return function(*arguments), ""
    except pynvml.NVMLError as error:
        return None, str(error)


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""

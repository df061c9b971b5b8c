"""Collector for the NVIDIA driver, its GPUs and what points to them; `root` is replaced in tests."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from checks.facts.gather import Collector, gather
from checks.facts.libcuda import SECONDS as CUINIT_SECONDS
from checks.facts.libcuda import Start, find_libcuda, start_libcuda
from checks.facts.nvml import nvml_facts
from checks.facts.reading import ROOT, names_in, text_of
from checks.facts.records import GpuFacts

# The driver wakes up GPUs one after another where no persistence daemon runs.
NVML_SECONDS = 15.0
SECONDS = CUINIT_SECONDS + 5
NVIDIA, DISPLAY = "0x10de", "0x03"
KERNEL_DRIVER = re.compile(r"NVRM version:.*?Kernel Module.*?\s(\d+(?:\.\d+)+)\s")


def gpu_facts(
    root: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    *,
    start_driver: bool = True,
    when_measured: Callable[[], None] = lambda: None,
) -> GpuFacts:
    """The driver, its devices, and the device files that a container may lack.

    Args:
        root: where the file system is.
        environment: environment variables, default the process's.
        start_driver: whether libcuda is loaded and cuInit called, in a child process.
        when_measured: called once NVML has said how much memory is free, before anything of ours takes some.
    """
    environment = os.environ if environment is None else environment
    seen = gpu_traces(root, environment)

    def measure() -> dict[str, object]:
        try:
            return nvml_facts()
        finally:
            when_measured()

    collectors = {"nvml": Collector(measure, NVML_SECONDS)}
    if start_driver and seen.libcuda:
        collectors["start"] = Collector(start_libcuda, CUINIT_SECONDS + 2)
    observed, problems = gather(collectors)
    when_measured()
    said = observed.get("nvml", {})
    failed = next((problem.error for problem in problems if problem.collector == "nvml"), "")
    if failed:
        said["error"] = f"NVML: {failed}"
    start: Start = observed.get("start", Start())
    if start.loaded:
        said["libcuda"] = os.path.realpath(start.loaded)
    return seen.model_copy(update={**said, "libcuda_error": start.error, "cuinit": start.cuinit})


def gpu_traces(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> GpuFacts:
    """What can be seen without asking the driver, in a few milliseconds."""
    environment = os.environ if environment is None else environment
    kernel = KERNEL_DRIVER.search(text_of(root / "proc/driver/nvidia/version"))
    return GpuFacts(
        kernel_driver=kernel[1] if kernel else "",
        device_files=tuple(
            f"/dev/{name}" for name in names_in(root / "dev") if name.startswith("nvidia") or name == "dxg"
        ),
        pci_devices=_pci_devices(root / "sys/bus/pci/devices"),
        libcuda=find_libcuda(root, environment),
        visible_devices=environment.get("CUDA_VISIBLE_DEVICES"),
    )


def _pci_devices(folder: Path) -> int | None:
    """NVIDIA's display controllers; None where no bus is shown, as in some containers."""
    devices = names_in(folder)
    if not devices:
        return None
    return sum(
        text_of(folder / device / "vendor").strip().lower() == NVIDIA
        and text_of(folder / device / "class").strip().startswith(DISPLAY)
        for device in devices
    )

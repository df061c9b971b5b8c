"""What the rules about GPUs share: how grave a trouble is, which GPUs a run would see, and whether torch uses them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checks.drivers import DriverFit, driver_fit, is_data_centre
from checks.facts.records import Facts, GpuDevice
from checks.findings import Severity
from checks.purpose import Purpose

DEVICE_FILE = re.compile(r"/dev/nvidia\d+")
COMPAT_FOLDER = re.compile(r"/cuda[^/]*/compat/|/compat/.*libcuda")
HOSTED = frozenset({"colab", "kaggle"})


def gpu_trouble(purpose: Purpose) -> Severity:
    """How much it matters that GPUs cannot be used: the CPU can evaluate, unless GPUs were asked for."""
    return Severity.BLOCK if purpose.action == "train" or (purpose.gpus or 0) >= 1 else Severity.WARN


def torch_uses_gpu(facts: Facts) -> bool:
    """Whether torch has reached a GPU: then all is well, whatever else looks odd."""
    return facts.torch.state == "ok" and facts.torch.cuda_available


def torch_fails(facts: Facts) -> bool:
    """Whether a torch that was built for CUDA says that it cannot use it."""
    return facts.torch.state == "ok" and bool(facts.torch.cuda_build) and not facts.torch.cuda_available


def has_device_file(facts: Facts) -> bool:
    """Whether there is a file /dev/nvidia0, 1, …"""
    return any(DEVICE_FILE.fullmatch(path) for path in facts.gpu.device_files)


def visible(facts: Facts) -> tuple[GpuDevice, ...] | None:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves; None where it names instances (MIG), which NVML does not list.

    As CUDA does: the list ends at the first entry that is no GPU. A UUID may be shortened.
    """
    named, devices = facts.gpu.visible_devices, facts.gpu.devices
    if named is None:
        return devices
    left: list[GpuDevice] = []
    for word in (part.strip() for part in named.split(",")):
        if word.startswith("MIG-"):
            return None
        if word.isdigit():
            matching = [device for device in devices if device.index == int(word)]
        else:
            matching = [device for device in devices if word.startswith("GPU-") and device.uuid.startswith(word)]
        if len(matching) != 1:
            break
        left += matching
    return tuple(left)


def in_use(facts: Facts) -> tuple[GpuDevice, ...]:
    """The GPUs that a run would see, as far as NVML can tell."""
    return visible(facts) or ()


def uses_compat_libraries(facts: Facts) -> bool:
    """Whether the libcuda that loads is one of NVIDIA's compatibility libraries."""
    return bool(COMPAT_FOLDER.search(facts.gpu.libcuda))


def all_data_centre(facts: Facts) -> bool:
    """Whether all GPUs are made for data centres."""
    return bool(facts.gpu.devices) and all(is_data_centre(device.name) for device in facts.gpu.devices)


def fit_of_torch(facts: Facts) -> DriverFit:
    """How the driver serves the installed torch; UNKNOWN for a torch without CUDA."""
    return driver_fit(
        facts.gpu.driver,
        facts.gpu.cuda_driver,
        facts.torch.cuda_build if facts.torch.state == "ok" else "",
        windows=bool(facts.platform.wsl),
        compat_libraries=uses_compat_libraries(facts),
        data_centre=all_data_centre(facts),
    )


def named(devices: Sequence[GpuDevice]) -> str:
    """`GPU 0 (Tesla T4)`, … for evidence."""
    shown = ", ".join(f"GPU {device.index} ({device.name})" for device in devices[:5])
    return shown + (f" and {len(devices) - 5} more" if len(devices) > 5 else "")

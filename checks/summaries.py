"""One line for each group of checks: what is there. Pure functions of the facts."""

from __future__ import annotations

from pathlib import PurePath

from checks.facts.records import Facts
from checks.usable import usable_devices

GIB = 1024**3


def device_of(facts: Facts) -> str:
    """What the work will run on: a GPU that torch can use, or the CPU."""
    if facts.torch.cuda_available:
        names = [device.name for device in usable_devices(facts)]
    elif facts.torch.state == "not asked":
        names = [device.name for device in facts.gpu.devices]
    else:
        names = []
    return _counted(names) or "the CPU"


def group_summaries(facts: Facts) -> dict[str, str]:
    """What was seen in each group of checks, in a few words; groups that do not apply are left out."""
    summaries = {
        "Python": f"{facts.python.version or 'unknown'} ({facts.python.executable or 'unknown place'})",
        "Torch": _torch(facts),
        "GPU": _gpu(facts),
        "WSL": f"version {facts.platform.wsl}" if facts.platform.wsl else "",
        "System": _system(facts),
        "SMPL body": _body(facts),
        "Checkpoint": "none of your own: the demo's weights" if facts.checkpoint is None else facts.checkpoint.path,
        "Data set": _dataset(facts),
        "Running": _running(facts),
    }
    return {group: words for group, words in summaries.items() if words}


def _torch(facts: Facts) -> str:
    torch = facts.torch
    if torch.state != "ok":
        version = facts.python.packages.get("torch", "")
        return f"{version}, {torch.state}" if version else torch.state
    build = f"for CUDA {torch.cuda_build}" if torch.cuda_build else f"for ROCm {torch.hip_build}"
    words = f"{torch.version}, {build if torch.cuda_build or torch.hip_build else 'for the CPU'}"
    passed = sum(trial.ok for trial in torch.kernels)
    return f"{words}; {passed} of {len(torch.kernels)} trials passed" if torch.kernels else words


def _gpu(facts: Facts) -> str:
    if not facts.gpu.devices:
        return "none that can be seen" if facts.gpu.present else "none: the CPU does the work"
    names = _counted([f"{device.name} ({device.total_bytes / GIB:.0f} GiB)" for device in facts.gpu.devices])
    return f"{names}, driver {facts.gpu.driver}" if facts.gpu.driver else names


def _counted(names: list[str]) -> str:
    """Names in their order, equal ones counted: `4 x NVIDIA A100`."""
    counts = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def _system(facts: Facts) -> str:
    parts = [facts.platform.distribution or facts.platform.system]
    if facts.platform.container:
        parts.append("a container" if facts.platform.container == "other" else facts.platform.container)
    if facts.memory.available is not None:
        parts.append(f"{facts.memory.available / GIB:.1f} GiB of memory free")
    if facts.disk.free is not None:
        parts.append(f"{facts.disk.free / GIB:.0f} GiB of disk free")
    return ", ".join(part for part in parts if part) or "unknown"


def _body(facts: Facts) -> str:
    if facts.body is None:
        return "none of your own: the embedded free body"
    return f"{facts.body.path} ({facts.body.vertices} vertices)" if facts.body.vertices else facts.body.path


def _dataset(facts: Facts) -> str:
    if not facts.dataset.exists:
        return "none of your own: the demo data"
    people = facts.dataset.folders if facts.dataset.listed is None else facts.dataset.listed
    return f"{facts.dataset.name} at {PurePath(facts.dataset.root)}: {people} people"


def _running(facts: Facts) -> str:
    parts = []
    if facts.memory.cores is not None:
        parts.append(f"{facts.memory.cores} core{'' if facts.memory.cores == 1 else 's'}")
    if facts.limits.shm_total is not None:
        parts.append(f"{facts.limits.shm_total / GIB:.1f} GiB of shared memory")
    if facts.limits.open_files is not None:
        parts.append(f"{facts.limits.open_files} open files")
    return ", ".join(parts)

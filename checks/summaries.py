"""One line for each group of checks: what is there. Pure functions of the facts."""

from __future__ import annotations

from pathlib import PurePath

from checks.facts.records import Facts

GIB = 1024**3


def device_of(facts: Facts) -> str:
    """What the work will run on: a GPU that torch can use, or the CPU."""
    return facts.torch.devices[0].name if facts.torch.cuda_available and facts.torch.devices else "the CPU"


def group_summaries(facts: Facts) -> dict[str, str]:
    """What was seen in each group of checks, in a few words."""
    return {
        "Python": f"{facts.python.version or 'unknown'} ({facts.python.executable or 'unknown place'})",
        "Torch": _torch(facts),
        "GPU": _gpu(facts),
        "System": _memory_and_disk(facts),
        "SMPL body": _body(facts),
        "Checkpoint": _checkpoint(facts),
        "Data set": _dataset(facts),
    }


def _torch(facts: Facts) -> str:
    if facts.torch.state != "ok":
        return facts.torch.state
    return f"{facts.torch.version}, " + (
        f"for CUDA {facts.torch.cuda_build}" if facts.torch.cuda_build else "for the CPU"
    )


def _gpu(facts: Facts) -> str:
    if not facts.gpu.devices:
        return "none: the CPU does the work"
    names = [f"{device.name} ({device.total_bytes / GIB:.0f} GiB)" for device in facts.gpu.devices]
    return f"{', '.join(names)}, driver {facts.gpu.driver}"


def _memory_and_disk(facts: Facts) -> str:
    parts = []
    if facts.memory.available is not None:
        parts.append(f"{facts.memory.available / GIB:.1f} GiB of memory available")
    if facts.disk.free is not None:
        parts.append(f"{facts.disk.free / GIB:.0f} GiB of disk free")
    return ", ".join(parts) or "unknown"


def _body(facts: Facts) -> str:
    if facts.body is None:
        return "none of your own: the embedded free body"
    return f"{facts.body.path} ({facts.body.vertices} vertices)" if facts.body.vertices else facts.body.path


def _checkpoint(facts: Facts) -> str:
    return "none of your own: the demo's weights" if facts.checkpoint is None else facts.checkpoint.path


def _dataset(facts: Facts) -> str:
    if not facts.dataset.exists:
        return "none of your own: the demo data"
    people = facts.dataset.folders if facts.dataset.listed is None else facts.dataset.listed
    return f"{facts.dataset.name} at {PurePath(facts.dataset.root)}: {people} people"

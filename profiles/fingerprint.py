"""What a machine is recognised by: kinds of hardware and versions, nothing that identifies a single computer."""

from __future__ import annotations

import math
import re
from collections import Counter

from checks.facts.records import Facts
from profiles.schema import Fingerprint

GIB = 1024**3
WORDS = {
    "gpus": "GPUs",
    "memory_gib": "GiB of memory (about)",
    "torch": "torch",
    "cuda_build": "CUDA of torch",
    "driver": "NVIDIA driver",
}


def fingerprint_of(facts: Facts) -> Fingerprint:
    """The machine's fingerprint; what was not observed is left open."""
    return Fingerprint(
        gpus=_gpus(facts),
        memory_gib=_class(facts.memory.total),
        torch=_version(facts.torch.version or facts.python.packages.get("torch", "")),
        cuda_build=(facts.torch.cuda_build or "cpu") if facts.torch.state == "ok" else None,
        driver=facts.gpu.driver.split(".")[0],
    )


def differences(made_for: Fingerprint, now: Fingerprint) -> list[str]:
    """What is no longer as it was, a few words each; what one of the two does not know is not compared."""
    found = []
    for name, words in WORDS.items():
        before, after = getattr(made_for, name), getattr(now, name)
        if before in (None, "") or after in (None, "") or before == after:
            continue
        found.append(f"{words}: {_shown(before)} then, {_shown(after)} now")
    return found


def _gpus(facts: Facts) -> tuple[str, ...]:
    devices = facts.torch.devices or facts.gpu.devices
    kinds = Counter(f"{device.name} ({round(device.total_bytes / GIB)} GiB)" for device in devices)
    return tuple(f"{count} x {kind}" for kind, count in sorted(kinds.items()))


def _class(total: int | None) -> int | None:
    """To the nearest power of two: kernels and drivers keep a little of the memory for themselves."""
    return None if not total else 2 ** max(0, round(math.log2(total / GIB)))


def _version(text: str) -> str:
    found = re.match(r"\d+\.\d+", text)
    return found.group() if found else ""


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)

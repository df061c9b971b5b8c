"""Which GPUs a run would see and use, by torch where it was asked, else by the driver."""

from __future__ import annotations

from checks.facts.records import Facts, GpuDevice, TorchDevice
from checks.purpose import Purpose
from checks.rules.gpu_support import visible

PUBLISHED_GPUS = 4


def devices_there(facts: Facts) -> tuple[GpuDevice, ...] | tuple[TorchDevice, ...] | None:
    """The GPUs that a run would see; None where another trouble hides them, () where there is none at all."""
    if facts.torch.devices:
        return facts.torch.devices
    if not facts.gpu.present:
        return ()
    if any(device.mig for device in facts.gpu.devices):
        return None
    return visible(facts) or None


def devices_used(facts: Facts, purpose: Purpose) -> tuple[GpuDevice, ...] | tuple[TorchDevice, ...]:
    """The GPUs that the purpose would use: as many as asked for, else one to evaluate and up to four to train."""
    most = 1 if purpose.action == "eval" else PUBLISHED_GPUS
    return (devices_there(facts) or ())[: most if purpose.gpus is None else purpose.gpus]

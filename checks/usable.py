"""Which GPUs a run can really use: torch sees them, holds code for them, and computes on them."""

from __future__ import annotations

from itertools import takewhile

from checks.drivers import machine_code_fits, ptx_fits
from checks.facts.records import Facts, TorchDevice


def has_code_for(architectures: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Whether a torch of these architectures holds machine code or PTX for a GPU of this compute capability."""
    return machine_code_fits(architectures, capability) or ptx_fits(architectures, capability)


def usable_devices(facts: Facts) -> tuple[TorchDevice, ...]:
    """The GPUs that a run can use, in torch's order up to the first that it cannot: runs take the first ones."""
    torch = facts.torch
    if not torch.cuda_available:
        return ()
    failed = {trial.device for trial in torch.kernels if not trial.ok and trial.precision == "float32"}

    def works(numbered: tuple[int, TorchDevice]) -> bool:
        number, device = numbered
        unknown = not torch.architectures
        return number not in failed and (unknown or has_code_for(torch.architectures, device.capability))

    return tuple(device for _, device in takewhile(works, enumerate(torch.devices)))

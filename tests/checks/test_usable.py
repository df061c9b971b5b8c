from __future__ import annotations

import pytest

from checks.facts.records import Facts, KernelTrial, TorchDevice
from checks.usable import has_code_for, usable_devices
from tests.checks.corpus import machine

K80 = TorchDevice(name="Tesla K80", capability=(3, 7), total_bytes=2**34)


def with_torch(facts: Facts, **changes: object) -> Facts:
    return facts.model_copy(update={"torch": facts.torch.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), True), ((8, 9), True), ((6, 0), False), ((9, 0), True), ((10, 0), False)]
)
def test_code_for_a_gpu(capability: tuple[int, int], expected: bool) -> None:
    # 8.9 runs what was compiled for 8.0; PTX of 9.0 is for 9.0 and newer ones only, and there is none here.
    assert has_code_for(("sm_75", "sm_80", "sm_90"), capability) is expected
    assert has_code_for(("sm_75", "sm_80", "sm_90", "compute_90"), (10, 0))


def test_all_of_a_healthy_machine() -> None:
    assert len(usable_devices(machine("bare-metal-4gpu"))) == 4
    assert usable_devices(machine("cpu-laptop")) == ()


def test_up_to_the_first_that_cannot_be_used() -> None:
    four = machine("bare-metal-4gpu")
    good = four.torch.devices[0]
    assert usable_devices(with_torch(four, devices=(good, K80, good))) == (good,)
    assert usable_devices(with_torch(four, devices=(K80, good))) == ()
    assert len(usable_devices(with_torch(four, devices=(K80,), architectures=()))) == 1  # not known: not refused


def test_a_failed_computation_counts_in_float32_only() -> None:
    four = machine("bare-metal-4gpu")

    def failing(precision: str) -> Facts:
        trial = KernelTrial(device=1, operation="matmul", precision=precision, ok=False, error="x")  # type: ignore[arg-type]
        return with_torch(four, kernels=(trial,))

    assert len(usable_devices(failing("float32"))) == 1
    assert len(usable_devices(failing("bfloat16"))) == 4

"""The GPU and its driver."""

from __future__ import annotations

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule


@rule("GPU.NONE")
def no_gpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Nothing points to an NVIDIA GPU: evaluation takes the CPU, training is out of reach."""
    if facts.gpu.present:
        return []
    severity, advice = Severity.INFO, "nothing to do: evaluation runs on the CPU, slower"
    if facts.platform.notebook == "colab":
        severity, advice = Severity.WARN, "in Colab: Runtime > Change runtime type > T4 GPU"
    elif facts.platform.notebook == "kaggle":
        severity, advice = Severity.WARN, "in Kaggle: Settings > Accelerator > GPU T4 x2"
    if purpose.action == "train":
        severity = Severity.BLOCK
        if not facts.platform.notebook:
            advice = "train on a machine with an NVIDIA GPU"
    return found(
        "GPU.NONE", severity, [facts.gpu.error and f"the driver's library says: {facts.gpu.error}"], advice=advice
    )


@rule("CUDA.VISIBLE")
def hidden_gpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """CUDA_VISIBLE_DEVICES names no device that is there (UUIDs are left to the driver)."""
    visible, count = facts.gpu.visible_devices, len(facts.gpu.devices)
    if visible is None or not count:
        return []
    first = visible.split(",")[0].strip()
    if first and not first.lstrip("-").isdigit():
        return []
    if first and 0 <= int(first) < count:
        return []
    return found("CUDA.VISIBLE", _severity(purpose), [f'CUDA_VISIBLE_DEVICES="{visible}", GPUs there: {count}'])


@rule("CUDA.DRIVER_OLD")
def old_driver(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The driver's CUDA has a lower major version than torch's, and torch sees no GPU."""
    torch = facts.torch
    if torch.state != "ok" or torch.cuda_available or not (torch.cuda_build and facts.gpu.cuda_driver):
        return []
    if int(facts.gpu.cuda_driver.split(".")[0]) >= int(torch.cuda_build.split(".")[0]):
        return []
    evidence = [
        f"driver {facts.gpu.driver} serves CUDA up to {facts.gpu.cuda_driver}; "
        f"torch {torch.version} was built for CUDA {torch.cuda_build}"
    ]
    return found("CUDA.DRIVER_OLD", _severity(purpose), evidence, driver_cuda=facts.gpu.cuda_driver)


def _severity(purpose: Purpose) -> Severity:
    return Severity.BLOCK if purpose.action == "train" else Severity.WARN

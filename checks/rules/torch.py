"""Torch: there, whole, and built for the GPU."""

from __future__ import annotations

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule


def _python(facts: Facts) -> str:
    return facts.python.executable or "python3"


@rule("TORCH.MISSING")
def torch_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """This Python has no torch."""
    if facts.torch.state != "missing":
        return []
    evidence = [f"{_python(facts)} finds no module named torch"]
    return found("TORCH.MISSING", Severity.BLOCK, evidence, python=_python(facts))


@rule("TORCH.BROKEN")
def torch_broken(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Importing torch fails or does not come back."""
    if facts.torch.state not in {"broken", "timeout"}:
        return []
    return found("TORCH.BROKEN", Severity.BLOCK, facts.torch.error.splitlines(), python=_python(facts))


@rule("TORCH.CPU")
def torch_cpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is a GPU, and a torch that cannot use it."""
    if facts.torch.state != "ok" or facts.torch.cuda_build or not facts.gpu.devices:
        return []
    severity = Severity.BLOCK if purpose.action == "train" else Severity.WARN
    evidence = [f"torch {facts.torch.version} has no CUDA; the machine has {facts.gpu.devices[0].name}"]
    return found("TORCH.CPU", severity, evidence, python=_python(facts))

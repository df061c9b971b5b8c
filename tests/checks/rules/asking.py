"""Healthy machines with some facts replaced, and what the doctor says of them."""

from __future__ import annotations

from typing import Any

from checks import Facts, Finding, Purpose, Severity, diagnose
from tests.checks.corpus import machine, merged

EVAL, TRAIN = Purpose("eval", "demo"), Purpose("train", "demo")
BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO
UNSEEN: dict[str, Any] = {"cuda_available": False, "devices": [], "kernels": [], "nccl": {"state": "not asked"}}
"""A torch that was built for CUDA and sees no GPU."""


def changed(name: str, **change: object) -> Facts:
    """A healthy machine with some facts replaced."""
    return Facts.model_validate(merged(machine(name).model_dump(), change))


def finding(facts: Facts, identifier: str, purpose: Purpose = EVAL) -> Finding:
    """The finding of that id, which must be there."""
    found = [found for found in diagnose(facts, purpose).findings if found.id == identifier]
    assert found, f"no {identifier}"
    return found[0]


def severity(facts: Facts, identifier: str, purpose: Purpose = EVAL) -> Severity | None:
    """How grave it is; None if it was not found."""
    return {found.id: found.severity for found in diagnose(facts, purpose).findings}.get(identifier)


def silenced_by(facts: Facts, identifier: str, purpose: Purpose = EVAL) -> str:
    """Its root cause."""
    return finding(facts, identifier, purpose).silenced_by


def fix(facts: Facts, identifier: str, purpose: Purpose = EVAL) -> str:
    """The steps, a line each."""
    return "\n".join(finding(facts, identifier, purpose).fix)


def evidence(facts: Facts, identifier: str, purpose: Purpose = EVAL) -> str:
    """What was observed, a line each."""
    return "\n".join(finding(facts, identifier, purpose).evidence)


def alarms(facts: Facts, purpose: Purpose = EVAL) -> dict[str, Severity]:
    """Warnings and blocking findings that stand on their own."""
    found = diagnose(facts, purpose).findings
    return {f.id: f.severity for f in found if f.severity > INFO and not f.silenced_by}

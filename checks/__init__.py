"""The doctor's knowledge: facts about a machine, and rules that make findings of them. Imports no torch.

What is named here is imported when it is first used, so that a command can start torch's child process before that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.diagnosis import Diagnosis, diagnose
    from checks.facts.collect import Scope, all_facts, machine_facts
    from checks.facts.records import Facts
    from checks.findings import Finding, Severity
    from checks.purpose import Purpose

__all__ = ["Diagnosis", "Facts", "Finding", "Purpose", "Scope", "Severity", "all_facts", "diagnose", "machine_facts"]

_HOMES = {
    "Diagnosis": "checks.diagnosis",
    "Facts": "checks.facts.records",
    "Finding": "checks.findings",
    "Purpose": "checks.purpose",
    "Scope": "checks.facts.collect",
    "Severity": "checks.findings",
    "all_facts": "checks.facts.collect",
    "diagnose": "checks.diagnosis",
    "machine_facts": "checks.facts.collect",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value

"""Python and this installation."""

from __future__ import annotations

import re

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.machine_commands import install_python
from checks.purpose import Purpose
from checks.rules.registry import found, rule

OLDEST_PYTHON = (3, 10)
PARTS_SHOWN = 5


@rule("PY.VERSION")
def python_version(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Python is older than 3.10, or has 32 bits."""
    version = tuple(int(part) for part in re.findall(r"\d+", facts.python.version)[:2])
    if not version or (version >= OLDEST_PYTHON and facts.python.bits == 64):
        return []
    evidence = [f"{facts.python.executable or 'python'} is Python {facts.python.version}, {facts.python.bits} bits"]
    again = (
        ["create the environment anew with it, and install this program there"]
        if facts.python.manager == "conda"
        else ["then set this program up with it; in a source checkout:", "$ PYTHON=python3.12 make test"]
    )
    return found("PY.VERSION", Severity.BLOCK, evidence, fix=[*install_python(facts), *again])


@rule("SYS.INSTALL")
def installation(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Files that ship with the program are not there; the demo cannot do without them."""
    if not facts.missing_parts:
        return []
    severity = Severity.BLOCK if purpose.is_embedded else Severity.WARN
    shown, more = facts.missing_parts[:PARTS_SHOWN], len(facts.missing_parts) - PARTS_SHOWN
    return found("SYS.INSTALL", severity, [f"missing: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"])

"""Python and this installation."""

from __future__ import annotations

import re

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts
from checks.facts.requirements import PACKAGE
from checks.findings import Finding, Severity
from checks.machine_commands import install_python, pip_install
from checks.purpose import Purpose
from checks.rules.registry import found, rule

OLDEST_PYTHON = (3, 10)
PARTS_SHOWN = 5
# Only the doctor, and fetching, ask these.
DOCTORS_OWN = frozenset({"nvidia-ml-py", "psutil", "requests", "urllib3"})


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
    """Packages are missing that nothing works without, or files that the demo cannot do without."""
    if not facts.missing_parts:
        return []
    packages = [part.removeprefix(PACKAGE) for part in facts.missing_parts if part.startswith(PACKAGE)]
    files = [part for part in facts.missing_parts if not part.startswith(PACKAGE)]
    blocks = bool(set(packages) - DOCTORS_OWN) or (purpose.is_embedded and bool(files))
    shown, more = facts.missing_parts[:PARTS_SHOWN], len(facts.missing_parts) - PARTS_SHOWN
    evidence = [f"missing: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"]
    fix = [*(pip_install(facts, *packages) if packages else ()), *(CATALOGUE["SYS.INSTALL"].fix if files else ())]
    return found("SYS.INSTALL", Severity.BLOCK if blocks else Severity.WARN, evidence, fix=fix)

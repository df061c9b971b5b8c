"""Troubles of the published code that do not exist here: seen, explained, nothing to do."""

from __future__ import annotations

import re
import shlex

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule

LOCKS_SHOWN = 5


@rule("RUN.STARTMETHOD")
def start_method(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Something has fixed the start method of multiprocessing in this process."""
    method = facts.python.start_method
    if not method:
        return []
    evidence = [f"multiprocessing is fixed to {method!r} in this process"]
    if facts.platform.notebook:
        evidence.append(
            f"this is a {facts.platform.notebook.capitalize()} notebook, whose kernel keeps that until it restarts"
        )
    return found("RUN.STARTMETHOD", Severity.INFO, evidence)


@rule("RUN.LOCK")
def extension_lock(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A build of a torch extension was interrupted."""
    locks = facts.toolkit.extension_locks
    if not locks:
        return []
    more = len(locks) - LOCKS_SHOWN
    evidence = [*locks[:LOCKS_SHOWN], f"and {more} more" if more > 0 else ""]
    return found("RUN.LOCK", Severity.INFO, evidence, locks=" ".join(shlex.quote(path) for path in locks))


@rule("PY.SPCONV")
def spconv(facts: Facts, purpose: Purpose) -> list[Finding]:
    """spconv is installed, or the published code, which wants it, lies here."""
    evidence = _traces(facts, r"(spconv|cumm)(-cu\d+)?", "spconv")
    torch_cuda = facts.torch.cuda_build
    for name in facts.python.packages:
        built = re.fullmatch(r"spconv-cu(\d\d)\d", name)  # spconv-cu118: CUDA 11.8; one major serves all of its minors
        if built and torch_cuda and torch_cuda.split(".")[0] != built[1]:
            evidence.append(f"{name} was built for CUDA {built[1]}, torch for CUDA {torch_cuda}")
    if not any(name.startswith("spconv") for name in facts.python.packages) and _python(facts) >= (3, 12) and evidence:
        evidence.append(f"Python {facts.python.version} is newer than its ready-made packages")
    return found("PY.SPCONV", Severity.INFO, evidence) if evidence else []


@rule("PY.P3D")
def pytorch3d(facts: Facts, purpose: Purpose) -> list[Finding]:
    """PyTorch3D is installed, or the published code, which wants it, lies here."""
    evidence = _traces(facts, r"pytorch3d", "PyTorch3D")
    if "pytorch3d" in facts.python.packages and facts.torch.version:
        evidence.append(f"it must have been built for torch {facts.torch.version}, the one that is there")
    elif evidence and _python(facts) >= (3, 12):
        evidence.append(f"Python {facts.python.version}: its build is reported not to end on 3.12")
    return found("PY.P3D", Severity.INFO, evidence) if evidence else []


@rule("PY.CHUMPY")
def chumpy(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Chumpy is installed, or the published code, which wants it, lies here."""
    evidence = _traces(facts, r"chumpy", "chumpy")
    numpy = facts.python.packages.get("numpy", "")
    if evidence and _release(numpy) >= (1, 24):
        evidence.append(f"numpy {numpy}: from 1.24 on it has no `bool`, which chumpy imports")
    if evidence and _python(facts) >= (3, 11):
        evidence.append(f"Python {facts.python.version}: from 3.11 on it has no `getargspec`, which chumpy calls")
    return found("PY.CHUMPY", Severity.INFO, evidence) if evidence else []


def _traces(facts: Facts, packages: str, wanted: str) -> list[str]:
    """Installed packages whose whole names match, and the copy of the published code that wants them."""
    installed = facts.python.packages.items()
    lines = [f"{name} {version} is installed" for name, version in installed if re.fullmatch(packages, name)]
    checkout = facts.work.published_checkout
    return [*lines, *([f"the published code at {checkout} wants {wanted}"] if checkout else [])]


def _python(facts: Facts) -> tuple[int, ...]:
    return _release(facts.python.version)


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, () of an unknown one: older than all others."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])

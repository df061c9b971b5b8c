"""Memory, disk and the limits of the operating system."""

from __future__ import annotations

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule

GIB = 1024**3
# Main memory for an evaluation at 512 x 512 on the CPU; training also runs processes that read pictures.
RAM_NEEDED = {"eval": 3 * GIB, "train": 8 * GIB}
DISK_COMFORT, DISK_LEAST = GIB, GIB // 10


@rule("SYS.RAM")
def memory(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Less memory is free than the work needs; blocking where the machine could never have enough."""
    needed = RAM_NEEDED[purpose.action]
    available = facts.memory.available
    if available is None or available >= needed:
        return []
    whole = min(size for size in (facts.memory.total, facts.memory.limit, available * 64) if size is not None)
    evidence = [f"{available / GIB:.1f} GiB of {whole / GIB:.1f} GiB are available, {needed / GIB:.0f} GiB are wanted"]
    advice = "close other programs, or ask for a smaller --resolution"
    if facts.platform.wsl:
        advice = "give WSL more: in %UserProfile%\\.wslconfig write [wsl2] and memory=16GB, then `wsl --shutdown`"
    elif facts.memory.limit is not None and whole == facts.memory.limit:
        advice = "start the container with more memory (docker run --memory 16g)"
    severity = Severity.BLOCK if whole < needed // 3 else Severity.WARN
    return found("SYS.RAM", severity, evidence, advice=advice)


@rule("SYS.DISK")
def disk(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The folder for results is full or cannot be written."""
    if facts.disk.writable is False:
        return found("SYS.DISK", Severity.WARN, [f"{facts.disk.path} is not writable for you"])
    if facts.disk.free is None or facts.disk.free >= DISK_COMFORT:
        return []
    severity = Severity.BLOCK if facts.disk.free < DISK_LEAST else Severity.WARN
    return found("SYS.DISK", severity, [f"{facts.disk.free / GIB:.2f} GiB are free at {facts.disk.path}"])

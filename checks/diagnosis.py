"""From facts to a diagnosis: every rule is asked, and followers of a root cause are silenced."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from checks.catalogue import CATALOGUE, GROUPS
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules import RULES

# Rules that say that something is not there, and the collector that must have looked for it.
LOOKED_FOR_BY = {
    "SMPL.MISSING": "body",
    "SMPL.RENAMED": "body",
    "SMPL.NO_NEUTRAL": "named_bodies",
    "CKPT.MISSING": "checkpoint",
    "DATA.MISSING": "dataset",
    "RUN.LPIPS": "work",
    "GPU.NONE": "gpu",
}


@dataclass(frozen=True)
class Diagnosis:
    """What was found for one purpose, gravest first.

    `undecided` are rules that failed, with their errors: a defect of this program, which the other rules outlive.
    """

    purpose: Purpose
    findings: tuple[Finding, ...]
    undecided: tuple[tuple[str, str], ...] = ()

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of that severity that stand on their own (not silenced)."""
        return tuple(finding for finding in self.findings if finding.severity is severity and not finding.silenced_by)

    @property
    def possible(self) -> bool:
        """Whether nothing blocks the purpose."""
        return not self.of(Severity.BLOCK)


def diagnose(facts: Facts, purpose: Purpose, selected: Collection[str] | None = None) -> Diagnosis:
    """Ask every rule, silence what follows from something else, and sort: gravest first, then by group.

    With `selected`, only findings of these ids are kept. All rules are asked nevertheless: a finding that follows from
    one that was left out stays silent and names it.
    """
    findings: list[Finding] = []
    undecided: list[tuple[str, str]] = []
    blind = {problem.collector for problem in facts.problems}
    for identifier, rule in RULES.items():
        if LOOKED_FOR_BY.get(identifier) in blind:
            continue  # nobody looked, and the report says so
        try:
            findings += rule(facts, purpose)
        except Exception as error:  # machines say odd things; one rule that stumbles must not hide all others
            undecided.append((identifier, f"{type(error).__name__}: {error}"))
    findings = silence_followers(findings)
    if selected is not None:
        findings = [finding for finding in findings if finding.id in selected]
    findings.sort(key=lambda finding: (bool(finding.silenced_by), -finding.severity, GROUPS.index(finding.group)))
    return Diagnosis(purpose, tuple(findings), tuple(undecided))


def silence_followers(findings: list[Finding]) -> list[Finding]:
    """Mark each finding whose root cause was found too; roots of roots are followed to the first one.

    A root must be at least as grave as its follower: a remark does not hide a failure.
    """
    present = {finding.id: finding for finding in findings}
    silenced = []
    for finding in findings:
        root = _root_of(finding, present, seen=frozenset({finding.id}))
        silenced.append(replace(finding, silenced_by=root) if root else finding)
    return silenced


def _root_of(finding: Finding, present: dict[str, Finding], seen: frozenset[str]) -> str:
    for identifier in CATALOGUE[finding.id].follows:
        root = present.get(identifier)
        if root is not None and root.severity >= finding.severity and identifier not in seen:
            return _root_of(root, present, seen | {identifier}) or identifier
    return ""

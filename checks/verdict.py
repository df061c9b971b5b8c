"""The verdict: what can be run here, what cannot yet, and why. Pure functions of the diagnoses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.diagnosis import Diagnosis
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import EMBEDDED, PUBLISHED, Purpose
from checks.summaries import device_of


@dataclass(frozen=True)
class Verdict:
    """Purposes that can be served, and those that cannot with what blocks them."""

    possible: tuple[Purpose, ...]
    impossible: tuple[tuple[Purpose, tuple[Finding, ...]], ...]
    device: str

    def sentences(self) -> list[str]:
        """The verdict in plain words, a sentence each."""
        lines = []
        if self.possible:
            lines.append(f"You can run: {'; '.join(str(purpose) for purpose in self.possible)}, on {self.device}.")
        for purpose, findings in self.impossible:
            reasons = _listed([f"{finding.title} ({finding.id})" for finding in findings])
            lines.append(f"You cannot yet: {purpose}, because: {reasons}.")
        return lines


def purposes_of(asked: Purpose) -> list[Purpose]:
    """What the verdict speaks of: the purpose asked about, then evaluation of each data set that it leaves out."""
    evaluations = [Purpose("eval", name, asked.data) for name in (EMBEDDED, PUBLISHED)]
    return [asked, *(purpose for purpose in evaluations if purpose != asked)]


def verdict(facts: Facts, diagnoses: Sequence[Diagnosis]) -> Verdict:
    """Sort diagnoses by whether they can be served."""
    possible = tuple(diagnosis.purpose for diagnosis in diagnoses if diagnosis.possible)
    impossible = tuple(
        (diagnosis.purpose, diagnosis.of(Severity.BLOCK)) for diagnosis in diagnoses if not diagnosis.possible
    )
    return Verdict(possible, impossible, device_of(facts))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

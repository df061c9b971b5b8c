"""The verdict: what can be run here, what cannot yet, and why. Pure functions of the diagnoses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.diagnosis import Diagnosis
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import EMBEDDED, PUBLISHED, Purpose
from checks.summaries import device_of

REASONS = 3
"""So many reasons are named in a sentence; the others are counted, and stand below it with their fixes."""


@dataclass(frozen=True)
class Verdict:
    """Purposes that can be served, and those that cannot with what blocks them.

    Args:
        possible: nothing blocks them; those that this version cannot run yet are among them.
        impossible: those that something blocks, with what blocks them.
        device: what the work will run on.
        torch_asked: whether torch was asked; otherwise the verdict stands on what was seen without it.
        partial: whether only some of the checks were asked for.
    """

    possible: tuple[Purpose, ...]
    impossible: tuple[tuple[Purpose, tuple[Finding, ...]], ...]
    device: str
    torch_asked: bool = True
    partial: bool = False

    def sentences(self) -> list[str]:
        """The verdict in plain words, a sentence each."""
        lines = []
        runnable = [str(purpose) for purpose in self.possible if purpose.is_runnable]
        ready = [str(purpose) for purpose in self.possible if not purpose.is_runnable]
        if runnable:
            start = "In the chosen checks nothing is against: " if self.partial else "You can run: "
            lines.append(f"{start}{'; '.join(runnable)}, on {self.device}.")
        if ready:
            lines.append(f"Machine and files are ready for: {'; '.join(ready)} (this version cannot run that yet).")
        for purpose, findings in self.impossible:
            because = f"because: {_listed(findings)}."
            if purpose.is_runnable:
                lines.append(f"You cannot yet: {purpose}, {because}")
            else:
                lines.append(
                    f"Machine and files are not ready for: {purpose} (this version cannot run that yet), {because}"
                )
        if not self.torch_asked:
            lines.append("torch was not asked: run without --quick for the whole answer.")
        return lines


def purposes_of(asked: Purpose) -> list[Purpose]:
    """What the verdict speaks of: the purpose asked about, then evaluation of the demo and of the user's data.

    A look at a machine looks at one data set, so others are not spoken of.
    """
    own = PUBLISHED if asked.is_embedded else asked.dataset
    folders = {asked.dataset: asked.data}
    others = [Purpose("eval", name, folders.get(name), precision=asked.precision) for name in (EMBEDDED, own)]
    told = {(asked.action, asked.dataset)}
    return [asked, *(purpose for purpose in others if (purpose.action, purpose.dataset) not in told)]


def verdict(facts: Facts, diagnoses: Sequence[Diagnosis], *, partial: bool = False) -> Verdict:
    """Sort diagnoses by whether they can be served; `partial`: only some checks were asked for."""
    return Verdict(
        possible=tuple(diagnosis.purpose for diagnosis in diagnoses if diagnosis.possible),
        impossible=tuple(
            (diagnosis.purpose, diagnosis.of(Severity.BLOCK)) for diagnosis in diagnoses if not diagnosis.possible
        ),
        device=device_of(facts),
        torch_asked=facts.torch.state != "not asked",
        partial=partial,
    )


def _listed(findings: Sequence[Finding]) -> str:
    words = [f"{finding.title} ({finding.id})" for finding in findings[:REASONS]]
    if len(findings) > REASONS:
        words.append(f"{len(findings) - REASONS} more")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

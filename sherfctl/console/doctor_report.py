"""The doctor's report as text: verdict first, then what to mend, warnings, what is fine, and remarks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from checks import Diagnosis, Facts, Finding, Severity
from checks.catalogue import CATALOGUE
from checks.catalogue.entry import Entry
from checks.summaries import group_summaries
from checks.verdict import Verdict
from sherfctl.console.console import Console, Status
from sherfctl.console.layout import printable
from sherfctl.console.steps import ShownSteps

STATUS_OF = {Severity.BLOCK: Status.FAIL, Severity.WARN: Status.WARN, Severity.INFO: Status.INFO}
HEADINGS = {Severity.BLOCK: "To mend first", Severity.WARN: "Warnings"}
NOTEBOOKS = {"colab", "kaggle", "jupyter"}


def show_report(
    console: Console, facts: Facts, diagnosis: Diagnosis, verdict: Verdict, selected: Collection[str] | None = None
) -> None:
    """The whole report; `selected` are the ids that were asked for, None for all."""
    for sentence in verdict.sentences():
        console.say(printable(sentence))
    shown = ShownSteps(facts.platform.notebook in NOTEBOOKS)
    for severity, heading in HEADINGS.items():
        findings = diagnosis.of(severity)
        if findings:
            console.heading(f"{heading} ({diagnosis.purpose})")
            for finding in findings:
                _show_finding(console, finding, shown)
    _show_silenced(console, diagnosis)
    _show_groups(console, facts, diagnosis, selected)
    _show_remarks(console, diagnosis.of(Severity.INFO))


def show_catalogue(console: Console, entries: Iterable[Entry]) -> None:
    """Every id with its group and title."""
    console.table(("id", "group", "title"), [(entry.id, entry.group, entry.title) for entry in entries])


def _show_finding(console: Console, finding: Finding, shown: ShownSteps) -> None:
    console.item(STATUS_OF[finding.severity], f"{finding.title}  [{finding.id}]")
    for line in finding.evidence:
        console.say(printable(line), indent=4)
    console.say(finding.cause, indent=4)
    shown.show(console, finding.id, finding.fix)
    if finding.link:
        console.say(f"more: {finding.link}", indent=4)


def _show_silenced(console: Console, diagnosis: Diagnosis) -> None:
    silenced = [f for f in diagnosis.findings if f.silenced_by and f.severity > Severity.INFO]
    if silenced:
        console.say()
    for finding in silenced:
        console.item(Status.INFO, f"{finding.title}  [{finding.id}], skipped: depends on {finding.silenced_by}")


def _show_groups(console: Console, facts: Facts, diagnosis: Diagnosis, selected: Collection[str] | None) -> None:
    """A line for each group that was looked at and has no trouble, and for each look that failed."""
    troubled = {finding.group for finding in diagnosis.findings if finding.severity > Severity.INFO}
    asked = None if selected is None else {CATALOGUE[identifier].group for identifier in selected}
    fine = {
        group: words
        for group, words in group_summaries(facts).items()
        if group not in troubled and (asked is None or group in asked)
    }
    if fine or facts.problems or diagnosis.undecided:
        console.heading("Checked")
    for group, words in fine.items():
        unknown = {
            "Torch": facts.torch.state == "not asked",
            "GPU": facts.gpu.present and not facts.gpu.devices,
        }
        console.item(Status.INFO if unknown.get(group) else Status.PASS, f"{group}: {printable(words)}")
    for problem in facts.problems:
        console.item(Status.WARN, f"could not look at {problem.collector}: {printable(problem.error)}")
    for identifier, error in diagnosis.undecided:
        console.item(Status.WARN, f"could not decide {identifier}, a defect of sherfctl: {printable(error)}")


def _show_remarks(console: Console, findings: Collection[Finding]) -> None:
    if not findings:
        return
    console.heading("Good to know (`sherfctl explain ID` says more)")
    for finding in findings:
        console.item(Status.INFO, f"{finding.title}  [{finding.id}]")

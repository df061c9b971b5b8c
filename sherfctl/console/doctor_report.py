"""The doctor's report, as text and as a JSON document."""

from __future__ import annotations

from typing import Any

from checks import Diagnosis, Facts, Finding, Purpose, Severity
from checks.catalogue import GROUPS
from checks.summaries import group_summaries
from checks.verdict import Verdict
from sherfctl import __version__
from sherfctl.console.console import Console, Status
from sherfctl.exit_codes import ExitCode

REPORT_VERSION = 1
STATUS_OF = {Severity.BLOCK: Status.FAIL, Severity.WARN: Status.WARN, Severity.INFO: Status.INFO}
HEADINGS = {Severity.BLOCK: "To mend first", Severity.WARN: "Warnings"}


def show_report(console: Console, facts: Facts, diagnosis: Diagnosis, verdict: Verdict) -> None:
    """Verdict first, then failures and warnings with their fixes, then one line for each group that is fine."""
    for sentence in verdict.sentences():
        console.say(sentence)
    if diagnosis.purpose.action == "train":
        console.say("(This version evaluates only: for training the answer is about the machine and the files.)")
    for severity, heading in HEADINGS.items():
        findings = diagnosis.of(severity)
        if findings:
            console.heading(f"{heading} ({diagnosis.purpose})")
            for finding in findings:
                _show_finding(console, finding)
    _show_silenced(console, diagnosis)
    troubled = {finding.group for severity in HEADINGS for finding in diagnosis.of(severity)}
    console.heading("Checked")
    remarks = diagnosis.of(Severity.INFO)
    for group, summary in group_summaries(facts).items():
        if group in troubled:
            continue
        notes = [finding for finding in remarks if finding.group == group]
        console.item(Status.INFO if notes else Status.PASS, f"{group}: {summary}")
    for problem in facts.problems:
        console.item(Status.WARN, f"could not look at {problem.collector}: {problem.error}")


def report_document(facts: Facts, diagnosis: Diagnosis, verdict: Verdict, status: ExitCode) -> dict[str, Any]:
    """The same as one JSON document; `format` grows when a field changes its meaning."""
    return {
        "format": REPORT_VERSION,
        "program": f"sherfctl {__version__}",
        "purpose": _purpose(diagnosis.purpose),
        "verdict": {
            "text": " ".join(verdict.sentences()),
            "device": verdict.device,
            "possible": [_purpose(purpose) for purpose in verdict.possible],
            "impossible": [
                {**_purpose(purpose), "because": [finding.id for finding in findings]}
                for purpose, findings in verdict.impossible
            ],
        },
        "exit_status": int(status),
        "findings": [finding.as_dict() for finding in diagnosis.findings],
        "groups": {group: words for group, words in group_summaries(facts).items() if group in GROUPS},
        "facts": facts.model_dump(mode="json"),
    }


def _show_finding(console: Console, finding: Finding) -> None:
    console.item(STATUS_OF[finding.severity], f"{finding.title}  [{finding.id}]")
    for line in finding.evidence:
        console.say(line, indent=4)
    console.say(finding.cause, indent=4)
    for step in finding.fix:
        if step.startswith("$ "):
            console.command(step[2:], indent=6)
        else:
            console.say(f"fix: {step}", indent=4)
    if finding.link:
        console.say(f"more: {finding.link}", indent=4)


def _show_silenced(console: Console, diagnosis: Diagnosis) -> None:
    for finding in diagnosis.findings:
        if finding.silenced_by and finding.severity > Severity.INFO:
            console.item(Status.INFO, f"skipped: {finding.title} [{finding.id}], depends on {finding.silenced_by}")


def _purpose(purpose: Purpose) -> dict[str, str | None]:
    data = None if purpose.data is None else str(purpose.data)
    return {"action": purpose.action, "dataset": purpose.dataset, "data": data}

"""What an error or a log means, as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checks.explain import Explained, Explanation
from sherfctl.console.console import Console, Status
from sherfctl.console.layout import printable

SHELL, POWERSHELL = "$ ", "PS> "
EXPLANATION_VERSION = 1


def show_explanation(console: Console, explanation: Explanation, suggestions: Sequence[str]) -> None:
    """Each trouble with the line that shows it, its cause and its fix; an honest word where nothing is known."""
    if not explanation.findings:
        console.say("No trouble that is known here stands in this text.")
        if suggestions:
            console.say(f"Did you mean {' or '.join(suggestions)}?")
        console.say("`sherfctl doctor` looks at this machine itself. To ask people, send them this:")
        console.command("sherfctl doctor --bundle report.zip", indent=2)
    for number, finding in enumerate(explanation.findings):
        if number:
            console.say()
        _show(console, finding)


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """The same as one JSON document; `format` grows when a field changes its meaning."""
    return {
        "format": EXPLANATION_VERSION,
        "findings": [
            {
                "id": finding.entry.id,
                "title": finding.entry.title,
                "group": finding.entry.group,
                "cause": finding.entry.cause,
                "fix": "\n".join(finding.steps),
                "steps": list(finding.steps),
                "link": finding.entry.link,
                "evidence": finding.evidence,
                "line": finding.line,
            }
            for finding in explanation.findings
        ],
    }


def _show(console: Console, finding: Explained) -> None:
    console.item(Status.INFO, f"{finding.entry.title}  [{finding.entry.id}]")
    if finding.evidence:
        where = "found:" if finding.line is None else f"line {finding.line}:"
        console.say(f"{where} {printable(finding.evidence)}", indent=4)
    console.say(finding.entry.cause, indent=4)
    for step, before in zip(finding.steps, ("", *finding.steps), strict=False):
        if step.startswith(SHELL):
            console.command(step.removeprefix(SHELL), indent=6)
        elif step.startswith(POWERSHELL):
            if "PowerShell" not in before and not before.startswith(POWERSHELL):
                console.say("fix: in PowerShell on Windows", indent=4)
            console.command(step.removeprefix(POWERSHELL), indent=6)
        else:
            console.say(f"fix: {step}", indent=4)
    if finding.entry.link:
        console.say(f"more: {finding.entry.link}", indent=4)

"""What an error or a log means, as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checks.explain import Explained, Explanation
from sherfctl.console.console import Console, Status
from sherfctl.console.layout import printable
from sherfctl.console.steps import ShownSteps

EXPLANATION_VERSION = 1


def show_explanation(console: Console, explanation: Explanation, suggestions: Sequence[str]) -> None:
    """Each trouble with the line that shows it, its cause and its fix; an honest word where nothing is known."""
    if not explanation.findings:
        console.say("No trouble that is known here stands in this text.")
        if suggestions:
            console.say(f"Did you mean {' or '.join(suggestions)}?")
        console.say("`sherfctl doctor` looks at this machine itself. To ask people, send them this:")
        console.command("sherfctl doctor --bundle report.zip", indent=2)
    shown = ShownSteps()
    for number, finding in enumerate(explanation.findings):
        if number:
            console.say()
        _show(console, finding, shown)


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


def _show(console: Console, finding: Explained, shown: ShownSteps) -> None:
    console.item(Status.INFO, f"{finding.entry.title}  [{finding.entry.id}]")
    if finding.evidence:
        where = "found:" if finding.line is None else f"line {finding.line}:"
        console.say(f"{where} {printable(finding.evidence)}", indent=4)
    console.say(finding.entry.cause, indent=4)
    shown.show(console, finding.entry.id, tuple(finding.steps))
    if finding.entry.link:
        console.say(f"more: {finding.entry.link}", indent=4)

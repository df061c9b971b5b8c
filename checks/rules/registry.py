"""How a rule is registered, and how it states what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose

Rule = Callable[[Facts, Purpose], list[Finding]]

RULES: dict[str, Rule] = {}


def rule(identifier: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule for one id of the catalogue."""
    if identifier not in CATALOGUE:
        raise ValueError(f"{identifier} is not in the catalogue")

    def register(function: Rule) -> Rule:
        if identifier in RULES:
            raise ValueError(f"{identifier} has two rules")
        RULES[identifier] = function
        return function

    return register


def found(
    identifier: str,
    severity: Severity,
    evidence: Iterable[str],
    *,
    fix: Iterable[str] | None = None,
    **values: object,
) -> list[Finding]:
    """The finding of that id.

    Args:
        identifier: its name in the catalogue.
        severity: how much it matters for the purpose.
        evidence: what was observed; empty lines are left out.
        fix: steps that are exact for this machine, in place of the catalogue's.
        values: what is filled in for the `{names}` of the catalogue's fix.
    """
    entry = CATALOGUE[identifier]
    return [
        Finding(
            id=identifier,
            severity=severity,
            group=entry.group,
            title=entry.title,
            evidence=tuple(line for line in evidence if line),
            cause=entry.cause,
            fix=tuple(line.format(**values) for line in entry.fix) if fix is None else tuple(fix),
            link=entry.link,
        )
    ]


def user_files(purpose: Purpose, *, otherwise: Severity = Severity.INFO) -> Severity:
    """How much a trouble with the user's own files matters: the embedded data set needs none of them."""
    return otherwise if purpose.is_embedded else Severity.BLOCK

"""The SMPL body file."""

from __future__ import annotations

from pathlib import Path

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import Rule, found, rule, user_files

COMPONENTS_USED = 10
# Troubles that the reader itself names; the facts carry its words.
READER_FINDS = ("SMPL.HTML", "SMPL.LFS", "SMPL.ZIP", "SMPL.TRUNC", "SMPL.STRUCT", "SMPL.SMPLX", "SMPL.UNSAFE")


@rule("SMPL.MISSING")
def body_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is no body file of the user's: fine with the embedded body, unless the data set needs SMPL."""
    if facts.body is not None and facts.body.problem != "SMPL.MISSING":
        return []
    evidence = (
        ["the embedded free body is used"] if purpose.is_embedded else [f"{purpose.dataset} was fitted with SMPL"]
    )
    return found("SMPL.MISSING", user_files(purpose), evidence)


@rule("SMPL.RENAMED")
def body_renamed(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The body is there under its publisher's name."""
    neutral = [body for body in facts.named_bodies if body.gender == "neutral"]
    if facts.body is not None or not neutral:
        return []
    path = Path(neutral[0].path)
    name = f"SMPL_NEUTRAL{path.suffix}"
    return found("SMPL.RENAMED", user_files(purpose), [f"found {path}"], path=_quoted(path), name=name)


@rule("SMPL.SHAPEDIRS300")
def many_components(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The body has more shape components than are used."""
    if facts.body is None or (facts.body.shape_components or 0) <= COMPONENTS_USED:
        return []
    components = facts.body.shape_components
    evidence = [f"{facts.body.path}: shapedirs has {components} components, {COMPONENTS_USED} are used"]
    return found("SMPL.SHAPEDIRS300", Severity.INFO, evidence)


def _reader_rule(identifier: str) -> Rule:
    def check(facts: Facts, purpose: Purpose) -> list[Finding]:
        if facts.body is None or facts.body.problem != identifier:
            return []
        expected = facts.body.expected and f"expected: {facts.body.expected}"
        severity = user_files(purpose, otherwise=Severity.WARN)
        return found(identifier, severity, [facts.body.found, expected], path=_quoted(Path(facts.body.path)))

    check.__doc__ = f"The body file: {CATALOGUE[identifier].title}."
    return check


for _identifier in READER_FINDS:
    rule(_identifier)(_reader_rule(_identifier))


def _quoted(path: Path) -> str:
    text = str(path)
    return f"'{text}'" if " " in text else text

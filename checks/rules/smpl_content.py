"""What is in the SMPL body file: troubles that the reader names, and oddities that it puts right."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts, FileFacts
from checks.findings import Finding, Severity
from checks.known_bodies import published_sizes
from checks.machine_commands import python_of
from checks.purpose import Purpose
from checks.rules.registry import Rule, found, rule, user_files
from checks.rules.smpl import body_steps, neutral_bodies

COMPONENTS_USED = 10
READER_FINDS = ("SMPL.HTML", "SMPL.LFS", "SMPL.ZIP", "SMPL.TRUNC", "SMPL.STRUCT", "SMPL.SMPLX", "SMPL.UNSAFE")


def _reader_rule(identifier: str) -> Rule:
    def check(facts: Facts, purpose: Purpose) -> list[Finding]:
        body = facts.body
        if body is None or body.problem != identifier:
            return []
        evidence = [body.found, body.expected and f"expected: {body.expected}"]
        if identifier == "SMPL.TRUNC" and body.bytes is not None:
            evidence.append(f"it has {body.bytes:,} bytes; whole files have {published_sizes()}")
        path = PurePath(body.path)
        return found(
            identifier,
            user_files(purpose, otherwise=Severity.WARN),
            evidence,
            fix=_steps(facts, body),
            path=shlex.quote(body.path),
            folder=shlex.quote(str(path.parent)),
            python=python_of(facts),
        )

    check.__doc__ = f"The body file: {CATALOGUE[identifier].title}."
    return check


for _identifier in READER_FINDS:
    rule(_identifier)(_reader_rule(_identifier))


def _steps(facts: Facts, body: FileFacts) -> tuple[str, ...] | None:
    """What this machine offers: a neutral body elsewhere or packed in the file itself; None for the catalogue's."""
    near = neutral_bodies(facts)
    if near:
        return body_steps(facts, near[0])
    if body.problem == "SMPL.ZIP" and "gzip" in body.found:
        path = shlex.quote(body.path)
        return (f"$ mv {path} {path}.gz && gunzip {path}.gz",)
    return None


@rule("SMPL.SHAPEDIRS300")
def many_components(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The body has more shape components than are used."""
    if facts.body is None or (facts.body.shape_components or 0) <= COMPONENTS_USED:
        return []
    components = facts.body.shape_components
    evidence = [f"{facts.body.path}: shapedirs has {components} components, {COMPONENTS_USED} are used"]
    return found("SMPL.SHAPEDIRS300", Severity.INFO, evidence)


@rule("SMPL.PY2")
def python2(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Python 2 wrote it."""
    if facts.body is None or facts.body.problem or not facts.body.python2:
        return []
    return found("SMPL.PY2", Severity.INFO, [f"{facts.body.path} has texts without an encoding"])


@rule("SMPL.CHUMPY")
def chumpy(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Its arrays are chumpy objects."""
    if facts.body is None or facts.body.problem or not facts.body.chumpy:
        return []
    return found("SMPL.CHUMPY", Severity.INFO, [f"{facts.body.path} names objects of chumpy"])

"""Trained weights."""

from __future__ import annotations

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import PUBLISHED, Purpose
from checks.rules.registry import Rule, found, rule, user_files

READER_FINDS = ("CKPT.FILE", "CKPT.KEYS", "CKPT.PERSISTENCE")


@rule("CKPT.MISSING")
def checkpoint_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """No weights of the user's: the demo has its own, an evaluation of real data needs some, training makes them."""
    if facts.checkpoint is not None or purpose.action == "train":
        return []
    evidence = ["the demo's own weights are used"] if purpose.is_embedded else []
    dataset = PUBLISHED if purpose.is_embedded else purpose.dataset
    evidence.append(f"looked for SHERF_{dataset}.safetensors")
    return found("CKPT.MISSING", user_files(purpose), evidence)


def _reader_rule(identifier: str) -> Rule:
    def check(facts: Facts, purpose: Purpose) -> list[Finding]:
        if facts.checkpoint is None or facts.checkpoint.problem != identifier or purpose.action == "train":
            return []
        expected = facts.checkpoint.expected and f"expected: {facts.checkpoint.expected}"
        severity = user_files(purpose, otherwise=Severity.WARN)
        return found(identifier, severity, [facts.checkpoint.found, expected])

    check.__doc__ = f"The checkpoint: {CATALOGUE[identifier].title}."
    return check


for _identifier in READER_FINDS:
    rule(_identifier)(_reader_rule(_identifier))

"""Trained weights."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts, FileFacts
from checks.findings import Finding, Severity
from checks.purpose import PUBLISHED, Purpose
from checks.rules.filesystem import twin_of
from checks.rules.registry import Rule, found, rule, user_files
from checks.rules.smpl import reading_allowed
from sherf_core.data.locations import CHECKPOINT_FOLDERS, checkpoint_name

SHOWN = 5
READER_FINDS = ("CKPT.FILE", "CKPT.KEYS", "CKPT.PERSISTENCE")


@rule("CKPT.MISSING")
def checkpoint_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """No weights of the user's: the demo has its own, an evaluation of real data needs some, training makes them."""
    if purpose.action == "train" or twin_of(facts, "checkpoint") is not None:
        return []
    file = facts.checkpoint
    if file is not None and not file.readable:
        evidence = [f"{file.path} is there, and you may not read it"]
        return found("CKPT.MISSING", user_files(purpose), evidence, fix=[reading_allowed(facts, file)])
    if file is not None and file.problem != "CKPT.MISSING":
        return []
    name = checkpoint_name(PUBLISHED if purpose.is_embedded else purpose.dataset)
    evidence = ["the demo's own weights are used"] if purpose.is_embedded else []
    evidence.append(file.found if file is not None else f"looked for {name}.safetensors and {name}.pkl")
    evidence += [f"found {path}" for path in facts.work.stray_checkpoints[:SHOWN]]
    evidence += [f"found for other data: {path}" for path in facts.work.other_checkpoints[:SHOWN]]
    steps = _placed(facts, file, name)
    return found("CKPT.MISSING", user_files(purpose), evidence, fix=steps, name=name)


def _placed(facts: Facts, file: FileFacts | None, name: str) -> tuple[str, ...] | None:
    """How weights that lie elsewhere get to where they are looked for; None where there are none."""
    strays = [path for path in facts.work.stray_checkpoints if PurePath(path).stem.lower() == name.lower()]
    if not strays:
        return None
    place = f"{CHECKPOINT_FOLDERS[0]}/{name}{PurePath(strays[0]).suffix.lower()}"
    freed = (f"$ rm {shlex.quote(file.path)}    # a link that leads nowhere",) if file is not None else ()
    return (*freed, f"$ mkdir -p {CHECKPOINT_FOLDERS[0]} && ln -s {shlex.quote(strays[0])} {place}")


def _reader_rule(identifier: str) -> Rule:
    def check(facts: Facts, purpose: Purpose) -> list[Finding]:
        if facts.checkpoint is None or facts.checkpoint.problem != identifier or purpose.action == "train":
            return []
        evidence = [facts.checkpoint.found]
        if facts.checkpoint.expected:
            evidence.append(f"expected: {facts.checkpoint.expected}")
        evidence += facts.checkpoint.notes
        # A sound pickle is read like any other file; the demo has weights of its own.
        handled = identifier == "CKPT.PERSISTENCE"
        severity = Severity.INFO if handled else user_files(purpose, otherwise=Severity.WARN)
        return found(identifier, severity, evidence)

    check.__doc__ = f"The checkpoint: {CATALOGUE[identifier].title}."
    return check


for _identifier in READER_FINDS:
    rule(_identifier)(_reader_rule(_identifier))

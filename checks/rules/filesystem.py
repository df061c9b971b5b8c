"""Names in the file system."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Literal

from checks.facts.records import CaseTwin, Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule, user_files

Sought = Literal["body", "checkpoint", "data"]
WORDS = {"body": "the SMPL body", "checkpoint": "the checkpoint", "data": "the data set"}


def twin_of(facts: Facts, what: Sought) -> CaseTwin | None:
    """What is there in place of something missing, under a name that differs in case alone: then FS.CASE explains it,
    and the finding that it is missing says nothing.
    """
    if _in_use(facts, what):
        return None
    return next((twin for twin in facts.work.case_twins if twin.what == what), None)


@rule("FS.CASE")
def letter_case(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A file or folder is there but for the case of its letters."""
    kinds: tuple[Sought, ...] = ("body", "data") if purpose.action == "train" else ("body", "checkpoint", "data")
    missed = [twin for what in kinds if (twin := twin_of(facts, what)) is not None]
    if missed:
        evidence = [
            f"{WORDS[twin.what]} is looked for as {twin.wanted}, and is there as {twin.found}" for twin in missed
        ]
        return found("FS.CASE", user_files(purpose), evidence, fix=[_link(twin) for twin in missed])
    used = [twin for twin in facts.work.case_twins if twin.found == _in_use(facts, twin.what)]
    if not used:
        return []
    evidence = [f"{WORDS[twin.what]} is {twin.found}: the usual spelling is {twin.wanted}" for twin in used]
    return found("FS.CASE", Severity.INFO, evidence, fix=["nothing to do: this program finds it all the same"])


def _in_use(facts: Facts, what: Sought) -> str:
    """The path that serves as body, checkpoint or data set, "" where none does."""
    if what == "data":
        return facts.dataset.root if facts.dataset.exists else ""
    file = facts.body if what == "body" else facts.checkpoint
    return "" if file is None or file.problem in {"SMPL.MISSING", "CKPT.MISSING"} else file.path


def _link(twin: CaseTwin) -> str:
    folder = shlex.quote(str(PurePath(twin.wanted).parent))
    return f"$ mkdir -p {folder} && ln -s {shlex.quote(twin.found)} {shlex.quote(twin.wanted)}"

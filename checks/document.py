"""The doctor's JSON documents: what `--json` prints, as models, so that their JSON Schema follows from them.

Imported only where JSON is asked for: building the models takes time. `schemas/doctor.schema.json` is
`python -m checks.document`'s output; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from checks.catalogue.entry import Entry
from checks.diagnosis import Diagnosis
from checks.facts.records import Facts
from checks.findings import Finding
from checks.purpose import Action, Purpose
from checks.summaries import group_summaries
from checks.verdict import Verdict
from sherf_core.precision import Precision

DOCUMENT_FORMAT: Literal[2] = 2
"""Grows when a field changes its meaning or goes; new fields alone do not change it."""

SCHEMA_ID = "sherfctl-doctor"
SeverityName = Literal["info", "warn", "block"]
Look = Literal["quick", "normal", "deep", "snapshot"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PurposeDocument(_Model):
    """What the user wants to do."""

    action: Action
    dataset: str
    data: str | None
    gpus: int | None
    precision: Precision | None


class BlockedDocument(PurposeDocument):
    """A purpose that something blocks."""

    because: Annotated[list[str], Field(description="Ids of the findings that block it.")]


class VerdictDocument(_Model):
    """What can be run here, and what cannot yet."""

    text: Annotated[str, Field(description="The verdict in words, as the text report begins.")]
    device: Annotated[str, Field(description="What the work will run on.")]
    partial: Annotated[bool, Field(description="Whether only some checks were asked for (--only, --skip).")]
    torch_asked: Annotated[bool, Field(description="Whether torch was asked (not with --quick).")]
    possible: list[PurposeDocument]
    impossible: list[BlockedDocument]


class FindingDocument(_Model):
    """Something observed that matters for the purpose."""

    id: str
    severity: SeverityName
    group: str
    title: str
    evidence: list[str]
    cause: str
    fix: Annotated[str, Field(description="The steps, joined by newlines.")]
    steps: Annotated[
        list[str], Field(description="`$ ` starts a shell command, `PS> ` one for PowerShell in Windows; else words.")
    ]
    link: str
    silenced_by: Annotated[str, Field(description="The id of the finding that this one follows from, or empty.")]


class RemedyDocument(_Model):
    """A step of `--fix`."""

    id: Annotated[str, Field(description="The finding that it mends.")]
    words: Annotated[str, Field(description="What is done.")]
    state: Literal["planned", "done", "already done", "refused"]
    reason: Annotated[str, Field(description="Why it was refused, or what is worth knowing; may be empty.")]
    undo: Annotated[str, Field(description="The shell command that takes it back; empty where nothing was done.")]


class ReportDocument(_Model):
    """What `sherfctl doctor --json` prints."""

    format: Literal[2]
    program: str
    look: Annotated[
        Look, Field(description="How closely this machine was looked at, or that recorded facts were read.")
    ]
    purpose: PurposeDocument
    verdict: VerdictDocument
    exit_status: Annotated[int, Field(description="0 fine, 1 something blocks, 3 warnings with --strict.")]
    findings: Annotated[list[FindingDocument], Field(description="Gravest first.")]
    undecided: Annotated[dict[str, str], Field(description="Checks that failed themselves, with the error.")]
    groups: Annotated[dict[str, str], Field(description="What was seen in each group of checks, in words.")]
    remedies: Annotated[list[RemedyDocument], Field(description="What --fix planned or did; empty without it.")]
    facts: Annotated[Facts, Field(description="Everything that was observed; `--snapshot` reads it.")]


class CheckDocument(_Model):
    """An entry of the catalogue."""

    id: str
    group: str
    title: str
    cause: str
    fix: str
    steps: list[str]
    link: str
    follows: Annotated[list[str], Field(description="Ids that explain this one away where they are found too.")]


class CatalogueDocument(_Model):
    """What `sherfctl doctor --list --json` prints."""

    format: Literal[2]
    program: str
    checks: list[CheckDocument]


class ErrorFields(_Model):
    """Why a command could not do its work."""

    type: str
    found: str
    expected: str
    fix: str
    code: Annotated[str, Field(description="The id of the check that explains it, or empty.")]
    path: str | None


class ErrorDocument(_Model):
    """What any command prints in place of its document where it fails."""

    error: ErrorFields


DOCUMENTS = (ReportDocument, CatalogueDocument, ErrorDocument)


def report_document(
    facts: Facts,
    diagnosis: Diagnosis,
    verdict: Verdict,
    *,
    exit_status: int,
    look: Look,
    program: str,
    remedies: Iterable[RemedyDocument] = (),
) -> dict[str, Any]:
    """The report as JSON's own types."""
    document = ReportDocument(
        format=DOCUMENT_FORMAT,
        program=program,
        look=look,
        purpose=PurposeDocument(**_purpose(diagnosis.purpose)),
        verdict=VerdictDocument(
            text=" ".join(verdict.sentences()),
            device=verdict.device,
            partial=verdict.partial,
            torch_asked=verdict.torch_asked,
            possible=[PurposeDocument(**_purpose(purpose)) for purpose in verdict.possible],
            impossible=[
                BlockedDocument(**_purpose(purpose), because=[finding.id for finding in findings])
                for purpose, findings in verdict.impossible
            ],
        ),
        exit_status=exit_status,
        findings=[_finding(finding) for finding in diagnosis.findings],
        undecided=dict(diagnosis.undecided),
        groups=group_summaries(facts),
        remedies=list(remedies),
        facts=facts,
    )
    return document.model_dump(mode="json")


def catalogue_document(entries: Iterable[Entry], program: str) -> dict[str, Any]:
    """Entries of the catalogue as JSON's own types; fixes are those that hold without a machine."""
    checks = []
    for entry in entries:
        steps = list(entry.general or entry.fix)
        checks.append(
            CheckDocument(
                id=entry.id,
                group=entry.group,
                title=entry.title,
                cause=entry.cause,
                fix="\n".join(steps),
                steps=steps,
                link=entry.link,
                follows=list(entry.follows),
            )
        )
    return CatalogueDocument(format=DOCUMENT_FORMAT, program=program, checks=checks).model_dump(mode="json")


def schema() -> dict[str, Any]:
    """The JSON Schema of everything that `sherfctl doctor` prints with `--json`."""
    references, definitions = models_json_schema(
        [(model, "serialization") for model in DOCUMENTS], title="sherfctl doctor --json"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_ID}.v{DOCUMENT_FORMAT}",
        **definitions,
        "anyOf": [references[(model, "serialization")] for model in DOCUMENTS],
    }


def schema_text() -> str:
    """The schema as the file that ships holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=True) + "\n"


def _purpose(purpose: Purpose) -> dict[str, Any]:
    return {
        "action": purpose.action,
        "dataset": purpose.dataset,
        "data": None if purpose.data is None else str(purpose.data),
        "gpus": purpose.gpus,
        "precision": purpose.precision,
    }


def _finding(finding: Finding) -> FindingDocument:
    severity: Any = finding.severity.name.lower()
    return FindingDocument(
        id=finding.id,
        severity=severity,
        group=finding.group,
        title=finding.title,
        evidence=list(finding.evidence),
        cause=finding.cause,
        fix="\n".join(finding.fix),
        steps=list(finding.fix),
        link=finding.link,
        silenced_by=finding.silenced_by,
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(schema_text())

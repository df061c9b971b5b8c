"""`sherfctl doctor`: what this machine can run, what not, and what mends it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sherfctl.commands.datasets import DatasetName
from sherfctl.console import console_of
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from checks import Diagnosis


class ActionName(str, Enum):
    """What the user wants to do."""

    EVAL = "eval"
    TRAIN = "train"


def doctor(
    context: typer.Context,
    dataset: Annotated[
        DatasetName | None,
        typer.Option(
            help="Ask about this data set.  [default: RenderPeople if it is there, else demo]", case_sensitive=False
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data set's folder.", metavar="DIR")] = None,
    action: Annotated[ActionName, typer.Option("--for", help="What you want to do.")] = ActionName.EVAL,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are warnings.")] = False,
) -> ExitCode:
    """Say what this machine can run, what not, and what mends it."""
    from checks import Purpose, Scope, all_facts, diagnose
    from checks.purpose import EMBEDDED, PUBLISHED
    from checks.verdict import purposes_of, verdict
    from sherfctl.console.doctor_report import report_document, show_report

    console = console_of(context)
    console.use_json(as_json)
    facts = all_facts(Scope(PUBLISHED if dataset is None else dataset.value, data))
    if dataset is not None:
        name = dataset.value
    else:
        name = PUBLISHED if facts.dataset.exists or data is not None or action is ActionName.TRAIN else EMBEDDED
    asked = Purpose(action.value, name, data)
    diagnoses = [diagnose(facts, purpose) for purpose in purposes_of(asked)]
    status = exit_status(diagnoses[0], strict=strict)
    conclusion = verdict(facts, diagnoses)
    if as_json:
        console.document(report_document(facts, diagnoses[0], conclusion, status))
    else:
        show_report(console, facts, diagnoses[0], conclusion)
    return status


def exit_status(diagnosis: Diagnosis, *, strict: bool) -> ExitCode:
    """1 where something blocks the purpose, 3 for warnings if `strict`, else 0."""
    from checks import Severity

    if not diagnosis.possible:
        return ExitCode.FAILED
    if strict and diagnosis.of(Severity.WARN):
        return ExitCode.WARNINGS
    return ExitCode.FINE

"""What `sherfctl doctor` does once its options are read: look, diagnose, mend, write, report."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sherfctl import __version__
from sherfctl.console import Console, Progress
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from checks import Diagnosis, Facts
    from checks.verdict import Verdict
    from sherfctl.commands.doctor_fix import Mending

PROGRAM = f"sherfctl {__version__}"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The options of one call of `sherfctl doctor`; `selected` is None where all checks are wanted."""

    action: Literal["eval", "train"] = "eval"
    dataset: str | None = None
    data: Path | None = None
    gpus: int | None = None
    profile: str | None = None
    selected: frozenset[str] | None = None
    depth: Literal["quick", "normal", "deep"] = "normal"
    strict: bool = False
    fix: bool = False
    dry_run: bool = False
    yes: bool = False
    bundle: Path | None = None
    snapshot: Path | None = None
    save_snapshot: Path | None = None
    write_profile: Path | None = None


@dataclass(frozen=True)
class Examination:
    """One look and what follows from it: the asked purpose's diagnosis is the first."""

    facts: Facts
    diagnoses: tuple[Diagnosis, ...]
    verdict: Verdict

    @property
    def asked(self) -> Diagnosis:
        """The diagnosis for what was asked about."""
        return self.diagnoses[0]


def list_checks(console: Console, selected: frozenset[str] | None) -> ExitCode:
    """The catalogue, as a table or a JSON document."""
    from checks.catalogue import ENTRIES

    entries = [entry for entry in ENTRIES if selected is None or entry.id in selected]
    if console.json_mode:
        from checks.document import catalogue_document

        console.document(catalogue_document(entries, PROGRAM))
    else:
        from sherfctl.console.doctor_report import show_catalogue

        show_catalogue(console, entries)
    return ExitCode.FINE


def examine(console: Console, wishes: Wishes) -> ExitCode:
    """The whole command but its options."""
    _refuse_existing(wishes)
    plan = _plan(wishes)
    examination = _look(console, wishes, plan)
    mending = None
    if wishes.fix:
        from sherfctl.commands.doctor_fix import mend

        mending = mend(console, examination.facts, examination.diagnoses, yes=wishes.yes, dry_run=wishes.dry_run)
        if mending.changed:
            examination = _look(console, wishes, plan)
    status = exit_status(examination.asked, strict=wishes.strict)
    if mending is not None and (mending.unasked or mending.refused):
        status = ExitCode.FAILED
    if not console.json_mode and (mending is None or mending.changed or not mending.planned):
        from sherfctl.console.doctor_report import show_report

        show_report(console, examination.facts, examination.asked, examination.verdict, wishes.selected)
    document = None
    if console.json_mode or wishes.bundle is not None:
        document = _document(examination, wishes, status, mending)
    # Before the document: should a file fail, the error is the one document.
    _write_files(console, wishes, examination, document)
    if console.json_mode and document is not None:
        console.document(document)
    return status


def exit_status(diagnosis: Diagnosis, *, strict: bool) -> ExitCode:
    """1 where something blocks the purpose, 3 for warnings if `strict`, else 0."""
    from checks import Severity

    if not diagnosis.possible:
        return ExitCode.FAILED
    if strict and diagnosis.of(Severity.WARN):
        return ExitCode.WARNINGS
    return ExitCode.FINE


def _refuse_existing(wishes: Wishes) -> None:
    """Before anything is looked at: a file that is there is not replaced."""
    from checks.new_files import refuse_existing

    for path in (wishes.bundle, wishes.save_snapshot, wishes.write_profile):
        if path is not None:
            refuse_existing(path)


@dataclass(frozen=True)
class Plan:
    """What the named launch profile asks for; nothing where none was named."""

    precision: Any = None
    gpus: int | None = None


def _plan(wishes: Wishes) -> Plan:
    """`auto` asks for nothing: it takes what suits the machine."""
    if wishes.profile is None or wishes.profile == "auto":
        return Plan()
    from profiles import load_profile

    profile = load_profile(wishes.profile)
    if wishes.action == "train":
        return Plan(profile.training.precision, profile.gpus or None)
    return Plan(profile.evaluation.precision)


def _look(console: Console, wishes: Wishes, plan: Plan) -> Examination:
    gpus = wishes.gpus or plan.gpus
    # Before the rules and their words are imported: torch's child is at work meanwhile.
    facts = _facts(console, wishes, gpus, plan.precision)
    from checks.diagnosis import diagnose
    from checks.purpose import Purpose
    from checks.verdict import purposes_of, verdict

    name = _dataset(wishes, facts)
    facts = _without_other_data(console, facts, name) if wishes.snapshot is not None else facts
    purposes = purposes_of(Purpose(wishes.action, name, wishes.data, gpus, plan.precision))
    diagnoses = tuple(diagnose(facts, purpose, wishes.selected) for purpose in purposes)
    return Examination(facts, diagnoses, verdict(facts, diagnoses, partial=wishes.selected is not None))


def _dataset(wishes: Wishes, facts: Facts) -> Any:
    """The data set that is asked about: the one named, else one that is there, else the demo."""
    from checks.purpose import EMBEDDED, PUBLISHED

    if wishes.dataset is not None:
        return wishes.dataset
    if wishes.snapshot is not None and facts.dataset.exists:
        return facts.dataset.name
    wanted = facts.dataset.exists or wishes.data is not None or wishes.action == "train"
    return PUBLISHED if wanted else EMBEDDED


def _facts(console: Console, wishes: Wishes, gpus: int | None, precision: Any) -> Facts:
    if wishes.snapshot is not None:
        from checks.snapshots import facts_in, read_snapshot

        if str(wishes.snapshot) != "-":
            return read_snapshot(wishes.snapshot)
        return facts_in(b"" if sys.stdin is None else sys.stdin.buffer.read(), "standard input")
    from checks.facts import torch_start

    # First of all: it takes longest, and everything else is imported while it is at work.
    quick = wishes.depth == "quick"
    child = None if quick else torch_start.start_torch(torch_start.Request(precision=precision, gpus=gpus or 0))
    from checks import Scope, all_facts
    from checks.purpose import PUBLISHED

    reading = _Reading(console)
    scope = Scope(
        dataset=wishes.dataset or PUBLISHED,
        data=wishes.data,
        depth=wishes.depth,
        gpus=gpus,
        precision=precision,
        on_progress=reading if wishes.depth == "deep" else None,
    )
    try:
        return all_facts(scope, child)
    finally:
        reading.close()


def _without_other_data(console: Console, facts: Facts, name: str) -> Facts:
    """Facts that say nothing of a data set where they were recorded for another one."""
    from checks.facts.records import DatasetFacts
    from checks.purpose import EMBEDDED

    if name == EMBEDDED or facts.dataset.name in ("", name):
        return facts
    console.note(f"the recorded facts look at {facts.dataset.name}; of {name} they say nothing")
    return facts.model_copy(update={"dataset": DatasetFacts()})


def _document(examination: Examination, wishes: Wishes, status: ExitCode, mending: Mending | None) -> dict[str, Any]:
    from checks.document import report_document

    return report_document(
        examination.facts,
        examination.asked,
        examination.verdict,
        exit_status=int(status),
        look="snapshot" if wishes.snapshot is not None else wishes.depth,
        program=PROGRAM,
        remedies=() if mending is None else mending.documents(),
    )


def _write_files(console: Console, wishes: Wishes, examination: Examination, document: dict[str, Any] | None) -> None:
    if wishes.save_snapshot is not None:
        from checks.snapshots import write_snapshot

        write_snapshot(wishes.save_snapshot, examination.facts)
        console.note(f"the facts are recorded in {wishes.save_snapshot}")
    if wishes.write_profile is not None:
        from profiles import write_profile

        write_profile(wishes.write_profile, examination.facts, examination.asked.purpose)
        console.note(f"a launch profile for this machine is in {wishes.write_profile}")
    if wishes.bundle is not None and document is not None:
        from checks.bundle import write_bundle
        from sherfctl.failures import crash_files

        members = write_bundle(wishes.bundle, document, crashes=crash_files(os.environ), environment=os.environ)
        console.note(
            f"{wishes.bundle} holds {', '.join(members)}; names of people and machines, addresses and secrets are "
            "replaced. Look at it before you send it."
        )


class _Reading:
    """Shows how far a deep look is; told (done, total) by the look's own threads."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        if self.progress is None:
            self.progress = self.console.progress("reading", total, "pictures").__enter__()
        self.progress.total = total
        self.progress.advance(max(0, done - self.progress.done))

    def close(self) -> None:
        """Say how it ended, if it began."""
        if self.progress is not None:
            self.progress.__exit__(None, None, None)
            self.progress = None

"""The doctor's rules before an evaluation: on quick facts of the machine, and on the files that are really used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sherfctl.console import Console
from sherfctl.exit_codes import ExitCode
from sherfctl.failures import failure_of

if TYPE_CHECKING:
    from checks import Facts, Finding
    from sherf_core.errors import SherfError
    from sherf_core.evaluate.job import Job


def blockers_of(job: Job, machine: Facts, gpus: int | None = None) -> tuple[Finding, ...]:
    """What blocks this evaluation.

    The files are those of the prepared job, wherever they lie, so that a named checkpoint is never missing. Where only
    part of the pictures is made, the rest of the data set may be as it is: the job has looked at its own part.
    Troubles of GPUs do not block a purpose that names none: the CPU can evaluate.
    """
    from checks import Purpose, Severity, diagnose

    purpose = Purpose("eval", job.plan.dataset, job.sources.data, gpus=gpus)
    diagnosis = diagnose(facts_of(job, machine), purpose)
    blockers = diagnosis.of(Severity.BLOCK)
    return tuple(one for one in blockers if not (job.plan.partial and one.id.startswith("DATA.")))


def unready() -> tuple[Finding, ...]:
    """What blocks every evaluation because torch or another package is not there; seen without importing any."""
    from checks.facts.requirements import may_be_there, missing_packages

    if may_be_there("torch") and not missing_packages():
        return ()
    from checks import machine_facts
    from checks.facts.collect import missing_parts

    return _without_files(machine_facts().model_copy(update={"missing_parts": missing_parts()}))


def torch_blockers(machine: Facts) -> tuple[Finding, ...]:
    """Import torch, which the evaluation needs in this process; where that fails, what the doctor says of it.

    Raises:
        Exception: the import fails here, and a fresh process finds nothing wrong with torch.
    """
    try:
        import torch  # noqa: F401
    except Exception as error:  # a broken package can raise anything
        from checks.facts.torch_probe import torch_facts
        from checks.facts.torch_start import Request, start_torch

        if machine.torch.state == "not asked":
            machine = machine.model_copy(update={"torch": torch_facts(start_torch(Request(kernels=False)))})
        blockers = _without_files(machine)
        if not blockers:
            raise error
        return blockers
    return ()


def _without_files(machine: Facts) -> tuple[Finding, ...]:
    """What blocks the demo, which needs no file of the user's."""
    from checks import Purpose, Severity, diagnose

    return diagnose(machine, Purpose("eval")).of(Severity.BLOCK)


def facts_of(job: Job, machine: Facts) -> Facts:
    """The machine's facts with those of the files that the job uses; they were read when it was prepared."""
    from checks.facts import system
    from checks.facts.collect import missing_parts
    from checks.facts.gather import Collector, gather
    from checks.facts.records import DatasetFacts, FileFacts, WorkFolderFacts
    from checks.purpose import EMBEDDED
    from sherf_core.body.files import FREE_BODY
    from sherf_core.data.own.layout import OWN
    from sherf_core.model.demo import DEMO_WEIGHTS

    body = FileFacts(
        path=str(job.sources.body or FREE_BODY),
        vertices=len(job.body.v_template),
        shape_components=job.body.shape_components,
    )
    collectors = {
        "missing_parts": Collector(missing_parts),
        "disk": Collector(lambda: system.disk_facts(job.folder.path)),
    }
    # Own data was read to its end when the job was prepared; the doctor knows no more of it.
    if job.plan.dataset not in (EMBEDDED, OWN):
        collectors["dataset"] = Collector(lambda: _dataset(job))
    observed, problems = gather(collectors)
    return machine.model_copy(
        update={
            "body": body,
            "checkpoint": FileFacts(path=str(job.sources.checkpoint or DEMO_WEIGHTS)),
            "work": WorkFolderFacts(perceptual=str(job.vgg or "")),
            "dataset": DatasetFacts(name=job.plan.dataset),
            **observed,
            "problems": (*machine.problems, *problems),
        }
    )


def refuse(console: Console, blockers: Sequence[Finding], *, forcible: bool = True) -> ExitCode:
    """Say what blocks the run and what mends it; `forcible`: whether --force would go on."""
    ids = ", ".join(finding.id for finding in blockers)
    found = f"the doctor says that this cannot run here: {ids}"
    fix = "mend what is named" + (", or go on all the same with --force" if forcible else "")
    if console.json_mode:
        console.document(
            {
                "error": {
                    "type": "Refused",
                    "found": found,
                    "expected": "",
                    "fix": fix,
                    "code": blockers[0].id,
                    "path": None,
                },
                "blocked_by": blocked_by(blockers),
            }
        )
    for finding in blockers:
        console.error(f"{finding.title}: {'; '.join(finding.evidence)}", code=finding.id)
        for step in finding.fix:
            if step.startswith(("$ ", "PS> ")):
                console.note_command(f"    {step}")
            else:
                console.note(f"  fix: {step}")
    console.note(f"not started: {fix}")
    return ExitCode.FAILED


def refuse_all(console: Console, missing: Sequence[SherfError]) -> ExitCode:
    """Say of several files that they are missing, all at once."""
    if console.json_mode:
        documents = [failure.as_dict() for one in missing if (failure := failure_of(one)) is not None]
        console.document({"error": documents[0], "errors": documents})
    for one in missing:
        console.error(one.found, expected=one.expected, fix=one.fix, code=one.code)
    return ExitCode.FAILED


def blocked_by(blockers: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings for a JSON document."""
    names = ("id", "title", "evidence", "cause", "fix", "link")
    return [{name: getattr(finding, name) for name in names} for finding in blockers]


def _dataset(job: Job) -> object:
    from checks.facts.datasets import dataset_facts

    return dataset_facts(job.plan.dataset, job.sources.data, depth="quick")

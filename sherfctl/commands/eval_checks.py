"""The doctor's rules before an evaluation: on quick facts of the machine, and on the files that are really used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sherfctl.console import Console
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from checks import Facts, Finding
    from sherf_core.evaluate.job import Job


# What only concerns an evaluation on a GPU; on the CPU none of it stands in the way.
GPU_ONLY = (
    "GPU.",
    "CUDA.",
    "LIB.",
    "WSL.NODXG",
    "WSL.BLOCKED",
    "WSL.LINUXDRIVER",
    "WSL.LIBCUDA",
    "WSL.V1",
    "T4.",
    "RUN.VRAM",
    "TORCH.CPU",
    "TORCH.KERNEL",
)


def blockers_of(job: Job, machine: Facts) -> tuple[Finding, ...]:
    """What blocks this evaluation.

    The files are those of the prepared job, wherever they lie, so that a named checkpoint is never missing. Where only
    part of the pictures is made, the rest of the data set may be as it is: the job has looked at its own part.
    """
    from checks import Purpose, Severity, diagnose

    purpose = Purpose("eval", job.plan.dataset, job.sources.data)
    diagnosis = diagnose(facts_of(job, machine), purpose)
    beside: tuple[str, ...] = ("DATA.",) if job.plan.partial else ()
    if job.options.device == "cpu":
        beside += GPU_ONLY
    return tuple(one for one in diagnosis.of(Severity.BLOCK) if not one.id.startswith(beside))


def facts_of(job: Job, machine: Facts) -> Facts:
    """The machine's facts with those of the files that the job uses; they were read when it was prepared."""
    from checks.facts import system
    from checks.facts.collect import missing_parts
    from checks.facts.gather import Collector, gather
    from checks.facts.records import DatasetFacts, FileFacts, WorkFolderFacts
    from checks.purpose import EMBEDDED
    from sherf_core.body.files import FREE_BODY
    from sherf_core.model.demo import DEMO_WEIGHTS

    body = FileFacts(
        path=str(job.sources.body or FREE_BODY),
        vertices=len(job.body.v_template),
        shape_components=job.body.shape_components,
    )
    collectors = {
        "missing_parts": Collector(missing_parts),
        "disk": Collector(lambda: system.disk_facts(_existing(job.folder.path))),
    }
    if job.plan.dataset != EMBEDDED:
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


def refuse(console: Console, blockers: Sequence[Finding]) -> ExitCode:
    """Say what blocks the run and what mends it."""
    ids = ", ".join(finding.id for finding in blockers)
    found = f"the doctor says that this cannot run here: {ids}"
    fix = "mend what is named, or go on all the same with --force"
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
            console.note(f"    {step}" if step.startswith(("$ ", "PS> ")) else f"  fix: {step}")
    console.note(f"not started: {fix}")
    return ExitCode.FAILED


def blocked_by(blockers: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings for a JSON document."""
    names = ("id", "title", "evidence", "cause", "fix", "link")
    return [{name: getattr(finding, name) for name in names} for finding in blockers]


def _dataset(job: Job) -> object:
    from checks.facts.datasets import dataset_facts

    return dataset_facts(job.plan.dataset, job.sources.data, depth="quick")


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next((folder for folder in (path, *path.absolute().parents) if folder.is_dir()), Path.cwd())

"""The doctor's rules before a training: on quick facts of the machine, and on the files that are really used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checks import Facts, Finding
    from sherf_core.train.job import TrainJob
    from sherfctl.commands.train_settings import Plan

# What only concerns a training on a GPU; on the CPU none of it stands in the way.
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


def blockers_of(job: TrainJob, machine: Facts, plan: Plan) -> tuple[Finding, ...]:
    """What blocks this training.

    A job for a cluster runs on other computers: nothing is said about this one's GPUs, and each of those is looked at
    when the job starts there. The demo's training may take the CPU; others would take months on it.
    """
    from checks import Purpose, Severity, diagnose
    from checks.purpose import EMBEDDED

    on_cpu, elsewhere = job.options.device == "cpu", plan.launcher == "slurm"
    gpus = None if on_cpu or elsewhere else plan.launch.processes
    precision = None if on_cpu else plan.config.precision
    purpose = Purpose("train", job.dataset, job.sources.data, gpus=gpus, precision=precision)
    diagnosis = diagnose(facts_of(job, machine), purpose)
    beside: tuple[str, ...] = ()
    if elsewhere or (on_cpu and job.dataset == EMBEDDED):
        beside += (*GPU_ONLY, "RUN.GPUS")
    return tuple(one for one in diagnosis.of(Severity.BLOCK) if not one.id.startswith(beside))


def facts_of(job: TrainJob, machine: Facts) -> Facts:
    """The machine's facts with those of the files that the job uses; they were read when it was prepared."""
    from checks.facts import system
    from checks.facts.collect import missing_parts
    from checks.facts.datasets import dataset_facts
    from checks.facts.gather import Collector, gather
    from checks.facts.records import DatasetFacts, FileFacts, WorkFolderFacts
    from checks.purpose import DATASETS, EMBEDDED
    from sherf_core.body.files import FREE_BODY

    body = FileFacts(
        path=str(job.sources.body or FREE_BODY),
        vertices=len(job.body.v_template),
        shape_components=job.body.shape_components,
    )
    collectors = {
        "missing_parts": Collector(missing_parts),
        "disk": Collector(lambda: system.disk_facts(job.path)),
    }
    if job.dataset in DATASETS and job.dataset != EMBEDDED:
        collectors["dataset"] = Collector(lambda: dataset_facts(job.dataset, job.sources.data, depth="quick"))
    observed, problems = gather(collectors)
    return machine.model_copy(
        update={
            "body": body,
            "work": WorkFolderFacts(perceptual=str(job.vgg or "")),
            "dataset": DatasetFacts(name=job.dataset),
            **observed,
            "problems": (*machine.problems, *problems),
        }
    )

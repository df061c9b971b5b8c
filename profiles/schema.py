"""What a profile file may say. Each field's description is its documentation."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

from sherf_core.precision import Precision

PUBLISHED_BATCH = 4
"""Pictures behind each step of the published training; another number gives other weights."""
GPUS_PER_NODE = 16
# A number that is written as one: neither "1" nor true.
Whole = Annotated[int, Strict()]
Amount = Annotated[float, Strict()]
# Cards by words of their names, with their compute capability, where it is below 8.0.
OLD_CARDS = (
    (
        re.compile(r"\b(T4G?|T400|T600|T1000|T1200|(RTX )?20[678]0|Quadro RTX [3-8]000|TITAN RTX|GTX 16\d0)\b", re.I),
        (7, 5),
    ),
    (re.compile(r"\b(V100S?|TITAN V|GV100)\b", re.I), (7, 0)),
    (re.compile(r"\b(P100|GP100)\b", re.I), (6, 0)),
    (re.compile(r"\b(P4|P6|P40|(GTX )?10[5678]0|TITAN XP?)\b", re.I), (6, 1)),
    (re.compile(r"\b(M4|M6|M10|M40|M60|GTX 9[5678]0)\b", re.I), (5, 2)),
    (re.compile(r"\bK80\b", re.I), (3, 7)),
)
# The compute capability from which a GPU has this arithmetic.
ARITHMETIC_FROM = {"tf32": (8, 0), "bfloat16": (8, 0), "float16": (7, 0)}


class ImpossibleCombination(ValueError):
    """Fields that cannot be together; `problems` are (dotted field, what is wrong)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems))


class Section(BaseModel):
    """A part of a profile: unknown fields are refused, nothing changes after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PointsPerChunk = Annotated[
    Whole, Field(ge=1024, le=2**24, description="Points sent through the model at once; bounds memory, not the result.")
]


class Evaluation(Section):
    """How pictures are made and measured (`sherfctl run eval`)."""

    precision: Annotated[
        Precision,
        Field(description="Arithmetic of the networks. The published figures are float32; the others need a GPU."),
    ] = "float32"
    resolution: Annotated[
        Whole, Field(ge=64, le=2048, description="Largest side of the pictures in pixels, unless --resolution says so.")
    ] = 512
    points_per_chunk: PointsPerChunk = 32_768


class Training(Section):
    """How a training runs (`sherfctl run train`)."""

    precision: Annotated[
        Precision,
        Field(
            description="Arithmetic of the fusion and the decoder: float16 from compute capability 7.0, tf32 and "
            "bfloat16 from 8.0."
        ),
    ] = "float32"
    samples_per_gpu: Annotated[Whole, Field(ge=1, le=64, description="Pictures at once on each GPU.")] = 1
    accumulation: Annotated[
        Whole, Field(ge=1, le=1024, description="Gradients of so many rounds are added up before a step.")
    ] = 4
    effective_batch: Annotated[
        Whole,
        Field(
            ge=1,
            description="Pictures behind each step: gpus x nodes x samples_per_gpu x accumulation. The published "
            "training has 4; state another number here if you mean it.",
        ),
    ] = PUBLISHED_BATCH
    resolution: Annotated[Whole, Field(ge=64, le=2048, description="Side of the pictures in pixels.")] = 512
    points_per_chunk: PointsPerChunk = 65_536
    workers: Annotated[Whole, Field(ge=0, le=64, description="Processes a GPU that read pictures; 0: none.")] = 0


class Paths(Section):
    """Folders, as defaults: an option on the command line comes before them. `~` is your home folder."""

    data: Annotated[str | None, Field(min_length=1, description="The data set's folder.")] = None
    output: Annotated[
        str | None, Field(min_length=1, description="Folder in which each run makes its own, in place of runs/.")
    ] = None
    assets: Annotated[
        str | None,
        Field(min_length=1, description="Folder that holds your assets/, models/ and data/, looked into first."),
    ] = None


class Needs(Section):
    """What the machine should have for an evaluation; what is missing is said, and something near is used instead."""

    gpu: Annotated[str, Field(description="A word in the GPU's name, such as T4; empty for any GPU.")] = ""
    vram_gib: Annotated[Amount, Field(ge=0, description="Free GPU memory for the chunk size, in GiB.")] = 0.0
    ram_gib: Annotated[Amount, Field(ge=0, description="Available main memory, in GiB.")] = 0.0


class Slurm(Section):
    """What the job asks the batch system for."""

    partition: Annotated[str | None, Field(description="Partition (queue); the cluster's default without it.")] = None
    account: Annotated[str | None, Field(description="Account that pays for the job.")] = None
    time: Annotated[
        str,
        Field(
            pattern=r"^(\d+-)?\d{1,2}(:\d{2}){1,2}$|^\d+$",
            description='Time limit, in quotes: "2-00:00:00" is two days.',
        ),
    ] = "2-00:00:00"
    cpus_per_task: Annotated[Whole, Field(ge=1, description="Cores for each GPU's process.")] = 4
    memory_gib: Annotated[Whole | None, Field(ge=1, description="Main memory of each node, in GiB.")] = None

    @field_validator("time", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        # YAML reads 48:00:00 as a number to the base of 60.
        if isinstance(value, int):
            raise ValueError('a time is written in quotes: "48:00:00"')
        return value


class Fingerprint(Section):
    """The machine that a written profile was made for; None and "" mean "was not known"."""

    gpus: Annotated[
        tuple[str, ...] | None, Field(description="Kinds of GPUs, with count and GiB: `2 x Tesla T4 (15 GiB)`.")
    ] = None
    memory_gib: Annotated[Whole | None, Field(description="Main memory, to the nearest power of two.")] = None
    torch: Annotated[str, Field(description="Version of torch, such as `2.11`.")] = ""
    cuda_build: Annotated[str | None, Field(description="CUDA version that torch was built for; cpu without.")] = None
    driver: Annotated[str, Field(description="Major version of the NVIDIA driver.")] = ""


class Profile(Section):
    """How to run on a kind of machine."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Its name on the command line.")]
    summary: Annotated[str, Field(min_length=1, description="One line: the machine it is for.")]
    device: Annotated[Literal["cpu", "cuda"], Field(description="Where the model runs.")]
    gpus: Annotated[
        Whole | None, Field(ge=0, le=GPUS_PER_NODE, description="GPUs of each node [default: 1; 0 with device: cpu].")
    ] = None
    nodes: Annotated[Whole, Field(ge=1, le=1024, description="Computers that work together.")] = 1
    launcher: Annotated[
        Literal["direct", "torchrun", "slurm"],
        Field(description="What starts the processes: direct for one, torchrun for several, slurm on a cluster."),
    ] = "direct"
    evaluation: Annotated[Evaluation, Field(description="How pictures are made and measured.")] = Evaluation()
    training: Annotated[Training, Field(description="How a training runs.")] = Training()
    paths: Annotated[Paths, Field(description="Folders.")] = Paths()
    needs: Annotated[Needs, Field(description="What the machine should have.")] = Needs()
    slurm: Annotated[Slurm | None, Field(description="What a job asks for; with launcher: slurm only.")] = None
    fingerprint: Annotated[
        Fingerprint | None, Field(description="Written by --write-profile: the machine it was made for.")
    ] = None

    @property
    def gpu_count(self) -> int:
        """GPUs of each node."""
        return self.gpus if self.gpus is not None else int(self.device == "cuda")

    @field_validator("name")
    @classmethod
    def _not_auto(cls, name: str) -> str:
        if name == "auto":
            raise ValueError("auto is the name of the profile that is made for each machine; choose another")
        return name

    @model_validator(mode="after")
    def _combinations(self) -> Profile:
        """Refuse what cannot be together."""
        problems = [
            *_device_problems(self),
            *_arithmetic_problems(self),
            *_launcher_problems(self),
            *_batch_problems(self),
        ]
        if problems:
            raise ImpossibleCombination(problems)
        return self


def _device_problems(profile: Profile) -> list[tuple[str, str]]:
    problems = []
    if profile.device == "cuda":
        if profile.gpus == 0:
            problems.append(("gpus", "device: cuda needs at least one GPU; use 1, or device: cpu"))
        return problems
    if profile.gpu_count:
        problems.append(("gpus", f"device: cpu uses no GPU, this says {profile.gpus}; leave it out, or device: cuda"))
    for name, precision in (
        ("evaluation", profile.evaluation.precision),
        ("training", profile.training.precision),
    ):
        if precision != "float32":
            problems.append((f"{name}.precision", f"{precision} needs a GPU; use float32 with device: cpu"))
    for name in ("gpu", "vram_gib"):
        if getattr(profile.needs, name):
            problems.append((f"needs.{name}", "a profile with device: cpu cannot need a GPU"))
    return problems


def _arithmetic_problems(profile: Profile) -> list[tuple[str, str]]:
    """Arithmetic that the card lacks which the profile itself names."""
    card = profile.needs.gpu
    capability = next((capability for words, capability in OLD_CARDS if words.search(card)), None)
    if capability is None:
        return []
    problems = []
    for name, precision in (("evaluation", profile.evaluation.precision), ("training", profile.training.precision)):
        least = ARITHMETIC_FROM.get(precision, capability)
        if capability < least:
            others = "float16 or float32" if name == "training" and capability >= (7, 0) else "float32"
            message = f"{precision} needs compute capability {least[0]}.{least[1]}, a {card} has "
            problems.append((f"{name}.precision", f"{message}{capability[0]}.{capability[1]}; use {others}"))
    return problems


def _launcher_problems(profile: Profile) -> list[tuple[str, str]]:
    problems = []
    if profile.launcher == "direct" and profile.device == "cuda" and profile.gpu_count * profile.nodes > 1:
        problems.append(("launcher", "direct starts one process; several GPUs need torchrun or slurm"))
    if profile.launcher == "direct" and profile.device == "cpu" and profile.nodes > 1:
        problems.append(("nodes", "direct runs on one computer; use 1"))
    if profile.launcher == "torchrun" and profile.device == "cpu":
        problems.append(("launcher", "torchrun starts a process for each GPU; use direct with device: cpu"))
    if profile.slurm is not None and profile.launcher != "slurm":
        problems.append(("slurm", f"this section needs launcher: slurm, not {profile.launcher}"))
    return problems


def _batch_problems(profile: Profile) -> list[tuple[str, str]]:
    training = profile.training
    gpus = max(1, profile.gpu_count) if profile.device == "cuda" else 1
    processes = gpus * profile.nodes
    product = processes * training.samples_per_gpu * training.accumulation
    if product == training.effective_batch:
        return []
    words = (
        f"{gpus} gpus x {profile.nodes} nodes x {training.samples_per_gpu} samples_per_gpu x "
        f"{training.accumulation} accumulation make an effective batch of {product}, not {training.effective_batch}"
    )
    advice = f"state `effective_batch: {product}` if you mean it"
    rounds, rest = divmod(training.effective_batch, processes * training.samples_per_gpu)
    if not rest and rounds:
        advice = f"use `accumulation: {rounds}`, or {advice}"
    return [("training.accumulation", f"{words}: {advice}")]

"""From a published command line to the profile that does the same here, and what was wrong with it."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from checks.facts.records import Facts
from profiles.published_command import PublishedCommand, parse_command
from profiles.published_flags import DATASETS, IGNORED, PLACES
from profiles.schema import GPUS_PER_NODE, PUBLISHED_BATCH, Profile
from sherf_core.errors import ConfigurationError
from sherf_core.memory import GIB, gpu_bytes

Kind = Literal["wrong", "differs", "ignored"]
TRUE = {"true", "1", "yes", "on"}
LARGEST_BATCH = 1024
CHUNK, TRAINING_CHUNK = 262_144, 65_536
# One person's folder below the data set's own, as the published commands name it.
SUBJECT = re.compile(r"seq_\d+.*|human_\d+|subject_\d+")


@dataclass(frozen=True)
class Remark:
    """One thing to know about the command.

    Args:
        kind: `wrong` did not work as it stood, `differs` is done in another way here, `ignored` has no part here.
        option: the option it is about, without its dashes, several joined by ` --`, or "".
        text: a sentence.
        code: the doctor's id that says more, or "".
    """

    kind: Kind
    option: str
    text: str
    code: str = ""


@dataclass(frozen=True)
class Translation:
    """What a published command becomes.

    Attributes:
        action: `eval` for a test command, else `train`.
        dataset: by its name here, "" if the command names none.
        profile: the equivalent profile.
        command: the command that does it here.
        remarks: gravest first.
    """

    action: Literal["eval", "train"]
    dataset: str
    profile: Profile
    command: str
    remarks: tuple[Remark, ...]


def translate(text: str, facts: Facts | None = None) -> Translation:
    """The profile that is equivalent to a published command line.

    Args:
        text: the command, as it was pasted.
        facts: of this machine, to say where it has fewer GPUs; None leaves that out.

    Raises:
        ConfigurationError: it is no command line of train.py, or a number in it is none.
    """
    command = parse_command(text)
    remarks: list[Remark] = []
    action: Literal["eval", "train"] = "eval" if _is_test(command, remarks) else "train"
    dataset = _dataset(command, remarks)
    side = _number(command, "neural_rendering_resolution_initial", 512)
    if not 64 <= side <= 2048:
        remarks.append(
            Remark("wrong", "neural_rendering_resolution_initial", f"{side} pixels cannot be; 512 are taken")
        )
        side = 512
    gpus = _gpus(command, facts, action, remarks)
    data, output = _data(command, remarks), command.value("outdir")
    values: dict[str, Any] = {
        "name": "from-command",
        "summary": f"From a published {'test' if action == 'eval' else 'training'} command",
        "device": "cuda",
        "evaluation": {"resolution": side, "points_per_chunk": CHUNK},
        "paths": {name: value for name, value in (("data", data), ("output", output)) if value},
    }
    if action == "train":
        gpus, values["training"] = _training(command, gpus, side, remarks)
        values["gpus"], values["launcher"] = gpus, "torchrun" if gpus > 1 else "direct"
    else:
        values["gpus"] = 1
    values["needs"] = {"vram_gib": round(gpu_bytes("eval", side, CHUNK) / GIB, 1)}
    _others(command, remarks)
    order = ("wrong", "differs", "ignored")
    remarks.sort(key=lambda remark: order.index(remark.kind))
    profile = Profile.model_validate(values)
    options = _test_options(command) if action == "eval" else _training_options(command, profile)
    words = _command(action, dataset, data, side, command.value("outdir"), options)
    return Translation(action, dataset, profile, words, tuple(remarks))


def _is_test(command: PublishedCommand, remarks: list[Remark]) -> bool:
    flag = command.value("test_flag")
    if flag is not None and flag.lower() in TRUE:
        remarks.append(Remark("differs", "test_flag", "a test command becomes `sherfctl run eval`"))
        return True
    resume = command.value("resume")
    if resume is not None and flag is None and PurePosixPath(resume).name.startswith("SHERF_"):
        remarks.append(
            Remark("differs", "resume", "it names published weights, so this is taken as a test: `sherfctl run eval`")
        )
        return True
    if resume is not None:
        remarks.append(
            Remark("differs", "resume", f"a training goes on from checkpoints of its own, not from {resume}")
        )
    return False


def _dataset(command: PublishedCommand, remarks: list[Remark]) -> str:
    name = command.value("cfg")
    if name is None:
        return ""
    found = DATASETS.get(re.sub(r"[^a-z]", "", name.lower()))
    if found is None:
        remarks.append(Remark("wrong", "cfg", f"there is no data set {name}; {', '.join(DATASETS.values())} are known"))
    return found or ""


def _number(command: PublishedCommand, name: str, usual: int) -> int:
    text = command.value(name, name.replace("-", "_"))
    if text is None:
        return usual
    try:
        return int(text)
    except ValueError as error:
        raise ConfigurationError(
            f"--{name}={text} is no whole number", fix=f"write --{name}={usual}, for example"
        ) from error


def _gpus(command: PublishedCommand, facts: Facts | None, action: str, remarks: list[Remark]) -> int:
    gpus = _number(command, "gpus", command.processes or command.visible_gpus or 1)
    if not 1 <= gpus <= GPUS_PER_NODE:
        remarks.append(Remark("wrong", "gpus", f"{gpus} GPUs cannot be; 1 is taken"))
        gpus = 1
    if command.processes is not None:
        remarks.append(
            Remark(
                "wrong",
                "",
                f"the published train.py starts its own processes: {command.wrapper or 'a launcher'} in front of it "
                "starts them twice",
                "RUN.GPUS",
            )
        )
    if action == "eval":
        if gpus > 1:
            remarks.append(Remark("differs", "gpus", f"one is taken; `--gpus {gpus}` spreads the pictures over {gpus}"))
        return 1
    visible = command.visible_gpus
    if visible is not None and visible < gpus:
        remarks.append(
            Remark("wrong", "gpus", f"CUDA_VISIBLE_DEVICES shows {visible}, the command wants {gpus}", "CUDA.VISIBLE")
        )
        gpus = max(1, visible)
    there = 0 if facts is None else len(facts.torch.devices or facts.gpu.devices)
    if there and gpus > there:
        remarks.append(Remark("wrong", "gpus", f"it wants {gpus} GPUs, this machine has {there}", "RUN.GPUS"))
        gpus = there
    elif facts is not None and not there:
        remarks.append(Remark("differs", "gpus", f"this machine has no GPU; the profile is for one with {gpus}"))
    return gpus


def _training(command: PublishedCommand, gpus: int, side: int, remarks: list[Remark]) -> tuple[int, dict[str, Any]]:
    asked = max(1, _number(command, "gpus", gpus))
    batch = _number(command, "batch", PUBLISHED_BATCH)
    if not 1 <= batch <= LARGEST_BATCH:
        remarks.append(Remark("wrong", "batch", f"a batch of {batch} cannot be; {PUBLISHED_BATCH} is taken"))
        batch = PUBLISHED_BATCH
    if batch % asked:
        remarks.append(
            Remark("wrong", "batch", f"{batch} pictures cannot be shared evenly by {asked} GPUs", "RUN.BATCH")
        )
    elif batch // asked > 1:
        remarks.append(
            Remark(
                "wrong",
                "batch",
                f"{batch} on {asked} GPU{'s' if asked > 1 else ''} is {batch // asked} pictures on each, which never "
                "worked there: the published renderer merges the samples of a GPU into one. Here each sample is "
                "rendered on its own, so any number works",
                "RUN.BATCH",
            )
        )
    shared = max(count for count in range(1, gpus + 1) if batch % count == 0)
    if shared < gpus:
        remarks.append(Remark("differs", "gpus", f"{shared} of {gpus} GPUs are used, so that {batch} is shared evenly"))
    rounds = batch // shared
    if rounds > 1:
        needed = gpu_bytes("train", side, TRAINING_CHUNK) / GIB
        remarks.append(
            Remark(
                "differs",
                "batch",
                f"one picture at a time and {rounds} rounds a step give the same gradient in {needed:.1f} GiB a GPU; "
                "raise samples_per_gpu where there is more memory",
            )
        )
    if batch != PUBLISHED_BATCH:
        remarks.append(
            Remark("differs", "batch", f"the published training has {PUBLISHED_BATCH} pictures a step, this {batch}")
        )
    return shared, {
        "samples_per_gpu": 1,
        "accumulation": rounds,
        "effective_batch": batch,
        "resolution": side,
        "points_per_chunk": TRAINING_CHUNK,
        "workers": min(64, max(0, _number(command, "workers", 3))),
    }


def _data(command: PublishedCommand, remarks: list[Remark]) -> str | None:
    data = command.value("data")
    if data is None:
        return None
    path = PurePosixPath(data)
    if SUBJECT.fullmatch(path.name):
        remarks.append(
            Remark(
                "differs", "data", f"it names one person's folder; here the whole data set's is named: {path.parent}"
            )
        )
        return str(path.parent)
    return data


def _others(command: PublishedCommand, remarks: list[Remark]) -> None:
    known = [*PLACES, *IGNORED]
    reasons: dict[str, list[str]] = {}
    for option in command.options:
        if option in PLACES or option.replace("_", "-") in PLACES:
            continue
        if option in IGNORED:
            reasons.setdefault(IGNORED[option], []).append(option)
            continue
        near = difflib.get_close_matches(option, known, n=1)
        hint = f"; did you mean --{near[0]}?" if near else ""
        remarks.append(Remark("ignored", option, f"it is not an option that is known here{hint}"))
    remarks += [Remark("ignored", " --".join(options), reason) for reason, options in reasons.items()]
    for word in command.strays:
        remarks.append(Remark("ignored", "", f"{word!r} belongs to no option"))


def _test_options(command: PublishedCommand) -> list[tuple[str, str | None]]:
    return [("--checkpoint", command.value("resume"))]


def _training_options(command: PublishedCommand, profile: Profile) -> list[tuple[str, str | None]]:
    training = profile.training
    settings: list[tuple[str, object]] = [
        ("samples_per_gpu", training.samples_per_gpu),
        ("accumulation", training.accumulation),
        ("schedule", "published"),
        ("adam.learning_rate", command.value("glr")),
        ("seed", command.value("seed")),
    ]
    return [
        ("--gpus", str(profile.gpu_count)),
        ("--kimg", command.value("kimg")),
        *(("--set", f"{name}={value}") for name, value in settings if value is not None),
    ]


def _command(
    action: str, dataset: str, data: str | None, side: int, output: str | None, options: list[tuple[str, str | None]]
) -> str:
    words = ["sherfctl", "run", action]
    wanted = [("--dataset", dataset), ("--data", data), *options, ("--resolution", str(side)), ("--out", output)]
    for name, value in wanted:
        if value:
            words += [name, value]
    return shlex.join(words)

"""What a run needs of the machine: GPUs and their memory, time, shared memory, weights for LPIPS; and single photos."""

from __future__ import annotations

from checks.catalogue import CATALOGUE
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.machine_commands import (
    as_root,
    ask_scheduler,
    choose_accelerator,
    give_gpu_to_container,
    in_shell,
    set_variable,
    unset_variable,
)
from checks.purpose import Purpose
from checks.rules.registry import found, rule
from checks.rules.system import by_purpose
from checks.step_times import step_times
from sherf_core.metrics.vgg_files import ADDRESS, WEIGHTS_NAME

GIB, MIB = 1024**3, 1024**2
PUBLISHED_GPUS = 4
PUBLISHED_BATCH = 4
# Peak GPU memory at 512 x 512 in float32 on an H100: an evaluation; the published code's training step with Adam.
GPU_NEEDED = {"eval": 18 * GIB // 10, "train": 1127 * GIB // 100}
# Four processes for each GPU keep two samples of 16 MiB ready: two pictures of 512 x 512, their masks and the rays.
SHM_NEEDED = 4 * 2 * 16 * MIB
SESSION_HOURS = {"colab": 12, "kaggle": 12}


def gpus_there(facts: Facts) -> int | None:
    """How many GPUs a run would see; None where another trouble hides that."""
    if facts.torch.devices:
        return len(facts.torch.devices)
    if not facts.gpu.present:
        return 0
    if any(device.mig for device in facts.gpu.devices):
        return None
    return _shown(facts) or None


def _shown(facts: Facts) -> int:
    """GPUs that CUDA_VISIBLE_DEVICES leaves; as CUDA does, its list ends at the first number that is no GPU."""
    visible, count = facts.gpu.visible_devices, len(facts.gpu.devices)
    if visible is None:
        return count
    shown = 0
    for word in visible.split(","):
        number = word.strip()
        if not number or (number.lstrip("-").isdigit() and not 0 <= int(number) < count):
            break
        shown += 1
    return shown


def _names(facts: Facts) -> str:
    devices = facts.torch.devices or facts.gpu.devices
    kinds = {device.name: 0 for device in devices}
    for device in devices:
        kinds[device.name] += 1
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in kinds.items())


@rule("RUN.GPUS")
def gpus(facts: Facts, purpose: Purpose) -> list[Finding]:
    """More GPUs are asked for than there are; or training on fewer than the published four, which works."""
    there = gpus_there(facts)
    if there is None:
        return []
    if purpose.gpus is None:
        if purpose.action == "eval" or not 0 < there < PUBLISHED_GPUS:
            return []
        evidence = [
            f"GPUs there: {there} ({_names(facts)}); the published set-up has {PUBLISHED_GPUS}",
            f"the same effective batch of {PUBLISHED_BATCH} comes from accumulation",
        ]
        return found("RUN.GPUS", Severity.INFO, evidence, fix=["nothing to do"])
    if purpose.gpus <= there:
        return []
    evidence = [f"GPUs asked for: {purpose.gpus}; there: {there}" + (f" ({_names(facts)})" if there else "")]
    return found("RUN.GPUS", Severity.BLOCK, evidence, fix=_fewer_gpus(facts, purpose, there))


def _fewer_gpus(facts: Facts, purpose: Purpose, there: int) -> list[str]:
    if not there:
        return (
            ["leave --gpus away: evaluation runs on the CPU"]
            if purpose.action == "eval"
            else ["take a machine with a GPU"]
        )
    steps = [f"ask for what is there: --gpus {there}"]
    machine, devices = facts.platform, len(facts.gpu.devices)
    if machine.scheduler:
        more = ask_scheduler(facts, purpose.gpus or 1)
        return [*steps, *(["or ask for more in the job:"] if more else []), *more]
    if devices > there and facts.gpu.visible_devices is not None:
        return [*steps, f"or show all {devices}:", unset_variable(facts, "CUDA_VISIBLE_DEVICES")]
    if machine.notebook == "kaggle" and there == 1:
        return [*steps, "or " + choose_accelerator(facts)[0]]
    if machine.container in {"docker", "podman"} and not machine.notebook:
        return [*steps, "if the host has more:", *give_gpu_to_container(facts)[:1]]
    return steps


def effective_batch(gpu_count: int) -> int:
    """The batch nearest to the published one that so many GPUs can share evenly."""
    return gpu_count * max(1, round(PUBLISHED_BATCH / gpu_count))


@rule("RUN.BATCH")
def batch(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Training on an asked number of GPUs: several pictures for each of them, or a batch that is not the published."""
    asked = purpose.gpus
    if purpose.action != "train" or not asked or asked == PUBLISHED_GPUS:
        return []
    if PUBLISHED_BATCH % asked == 0:
        evidence = [
            f"{PUBLISHED_BATCH} pictures over {asked} GPU{'s' if asked > 1 else ''}: "
            f"{PUBLISHED_BATCH // asked} for each, in one go or one after the other"
        ]
        return found("RUN.BATCH", Severity.INFO, evidence, fix=["nothing to do"])
    evidence = [
        f"{PUBLISHED_BATCH} pictures cannot be shared evenly by {asked} GPUs: the effective batch becomes "
        f"{effective_batch(asked)}, and the result is not the published one"
    ]
    even = max(count for count in (1, 2, 4) if count <= asked)
    return found(
        "RUN.BATCH", Severity.WARN, evidence, fix=[f"take a number that divides {PUBLISHED_BATCH}: --gpus {even}"]
    )


@rule("RUN.TIME")
def time(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The published recipe takes days; a notebook's session ends before."""
    if purpose.action != "train" or purpose.is_embedded or not gpus_there(facts):
        return []
    pictures, measured = step_times()
    device = (facts.torch.devices or facts.gpu.devices)[0].name
    fitting = [entry for entry in measured if entry.gpu in device.replace("-", " ").split()]
    evidence = [f"this machine has {_names(facts)}" + ("" if fitting else ", on which no step was measured")]
    evidence += [
        f"measured on one {entry.gpu}: {entry.code} takes {entry.seconds_per_picture * 1000:.0f} ms for forward and "
        f"backward of a picture ({entry.precision}), {entry.hours(pictures):.0f} hours for all {pictures:,}"
        for entry in fitting or measured
    ]
    session = SESSION_HOURS.get(facts.platform.notebook)
    if session is None:
        return found(
            "RUN.TIME", Severity.INFO, evidence, fix=_in_a_job() if facts.platform.scheduler == "slurm" else None
        )
    evidence.append(f"a {facts.platform.notebook.capitalize()} session ends after {session} hours at most")
    fix = [
        "keep the checkpoints where they survive the session, and continue from the last one in the next",
        "or train on a machine without such a limit",
        "or evaluate with the published weights, which needs no training",
    ]
    return found("RUN.TIME", Severity.WARN, evidence, fix=fix)


def _in_a_job() -> list[str]:
    return [
        "ask for enough time in the job: #SBATCH --time=4-00:00:00",
        "or continue from the last checkpoint in the next job",
    ]


@rule("RUN.VRAM")
def gpu_memory(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A GPU that would be used is too small, even if nothing else were on it (what others take is GPU.BUSY)."""
    if not facts.torch.devices and (any(device.mig for device in facts.gpu.devices) or not _shown(facts)):
        return []
    needed = GPU_NEEDED[purpose.action]
    devices = facts.torch.devices or facts.gpu.devices
    small = [device for device in devices[: purpose.gpus or 1] if device.total_bytes < needed]
    if not small:
        return []
    evidence = [f"{device.name} has {device.total_bytes / GIB:.1f} GiB in all" for device in small]
    evidence.append(f"to {purpose}, {needed / GIB:.1f} GiB are needed in the smallest pieces")
    larger = [device.index for device in facts.gpu.devices if device.total_bytes >= needed]
    fix = []
    if larger and not purpose.gpus:
        fix = ["take the larger GPU:", set_variable(facts, "CUDA_DEVICE_ORDER", "PCI_BUS_ID")]
        fix.append(set_variable(facts, "CUDA_VISIBLE_DEVICES", str(larger[0])))
    if purpose.action == "eval":
        fix += [
            "or evaluate on the CPU:" if fix else "evaluate on the CPU:",
            in_shell(facts, "sherfctl run eval --profile cpu"),
        ]
    else:
        fix.append(f"train on a GPU with {needed / GIB:.0f} GiB or more; evaluating works here")
    return found("RUN.VRAM", by_purpose(purpose, train=Severity.BLOCK, evaluate=Severity.WARN), evidence, fix=fix)


@rule("RUN.SHM")
def shared_memory(facts: Facts, purpose: Purpose) -> list[Finding]:
    """/dev/shm is too small for processes that read pictures; evaluation has none."""
    total, needed = facts.limits.shm_total, SHM_NEEDED * max(1, purpose.gpus or gpus_there(facts) or 1)
    if total is None or total >= needed:
        return []
    evidence = [f"/dev/shm has {total / MIB:.0f} MiB; to train, {needed / MIB:.0f} MiB are wanted"]
    if purpose.action == "eval":
        return found("RUN.SHM", Severity.INFO, evidence, fix=["nothing to do: evaluation does not use it"])
    return found("RUN.SHM", Severity.WARN, evidence, fix=_more_shared_memory(facts))


def _more_shared_memory(facts: Facts) -> list[str]:
    without = "or take a profile with `workers: 0`: slower, and needs no shared memory"
    machine = facts.platform
    if machine.notebook in {"colab", "kaggle"}:
        return [without.removeprefix("or ")]
    if machine.container == "kubernetes":
        return [
            "in the pod: a volume of the kind emptyDir with medium: Memory and sizeLimit: 8Gi, "
            "mounted in the container at /dev/shm",
            without,
        ]
    if machine.container in {"docker", "podman"}:
        return [f"start the container with more: {machine.container} run --shm-size=8g …, or --ipc=host", without]
    return [as_root(facts, "mount -o remount,size=8g /dev/shm    # until the next restart"), without]


@rule("RUN.LPIPS")
def perceptual_weights(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The VGG16 weights are not there: no LPIPS in a report, and none in the loss."""
    if facts.work.perceptual:
        return []
    severity = Severity.WARN if purpose.action == "train" and not purpose.is_embedded else Severity.INFO
    without = "training goes without that part of its loss" if purpose.action == "train" else "LPIPS is not measured"
    evidence = [f"no {WEIGHTS_NAME} in assets/ and in torch's caches: {without}"]
    fetch = in_shell(facts, f"mkdir -p assets && curl -L -o assets/{WEIGHTS_NAME} {ADDRESS}")
    return found("RUN.LPIPS", severity, evidence, fix=[fetch, *CATALOGUE["RUN.LPIPS"].fix[1:]])


@rule("INPUT.WILD")
def single_photos(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Photos lie loose where the user works."""
    photos = facts.work.photos
    if not photos.count:
        return []
    more = ", …" if photos.count > len(photos.examples) else ""
    evidence = [f"photos here: {photos.count}" + (f" ({', '.join(photos.examples)}{more})" if photos.examples else "")]
    return found("INPUT.WILD", Severity.INFO, evidence)

"""What a run needs of the machine: GPUs and their memory, time, shared memory, weights for LPIPS; and single photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from checks.facts.records import Facts, GpuDevice, TorchDevice
from checks.findings import Finding, Severity
from checks.machine_commands import (
    as_root,
    ask_scheduler,
    choose_accelerator,
    give_gpu_to_container,
    in_shell,
    set_variable,
)
from checks.purpose import Purpose
from checks.rules.gpu_count import PUBLISHED_GPUS, devices_there, devices_used
from checks.rules.needs import BFLOAT16_FROM, GIB, HALF_FROM, MIB, SMALLEST_CHUNK
from checks.rules.registry import found, rule
from checks.step_times import step_times
from sherf_core.memory import gpu_bytes
from sherf_core.metrics.vgg_files import WEIGHTS_NAME
from sherf_core.precision import Precision

PUBLISHED_BATCH = 4
RESOLUTION, SMALLER = 512, 256
# Four processes for each GPU keep two samples of 16 MiB ready: two pictures of 512 x 512, their masks and the rays.
SHM_NEEDED = 4 * 2 * 16 * MIB
SESSION_HOURS = {"colab": 12, "kaggle": 12}


def _names(devices: Sequence[GpuDevice | TorchDevice]) -> str:
    counts = Counter(device.name for device in devices)
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())


@rule("RUN.GPUS")
def gpus(facts: Facts, purpose: Purpose) -> list[Finding]:
    """More GPUs are asked for than there are; or training on fewer than the published four, which works."""
    devices = devices_there(facts)
    if not devices:  # none at all, or all hidden: that has its own findings
        return []
    there = len(devices)
    if purpose.gpus is None:
        if purpose.action == "eval" or there >= PUBLISHED_GPUS:
            return []
        evidence = [
            f"GPUs there: {there} ({_names(devices)}); the published set-up has {PUBLISHED_GPUS}",
            f"the same effective batch of {PUBLISHED_BATCH} comes from accumulation",
        ]
        return found("RUN.GPUS", Severity.INFO, evidence, fix=["nothing to do"])
    if purpose.gpus <= there:
        return []
    evidence = [f"GPUs asked for: {purpose.gpus}; there: {there} ({_names(devices)})"]
    return found("RUN.GPUS", Severity.BLOCK, evidence, fix=_fewer_gpus(facts, purpose, there))


def _fewer_gpus(facts: Facts, purpose: Purpose, there: int) -> list[str]:
    steps = [f"ask for what is there: --gpus {there}"]
    machine = facts.platform
    if machine.scheduler:
        more = ask_scheduler(facts, purpose.gpus or 1)
        return [*steps, *(["or ask for more in the job:"] if more else []), *more]
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
    devices = devices_there(facts)
    if purpose.action != "train" or purpose.is_embedded or not devices:
        return []
    pictures, measured = step_times()
    fitting = [entry for entry in measured if entry.fits(devices[0].name)]
    evidence = [f"this machine has {_names(devices)}" + ("" if fitting else ", on which no step was measured")]
    evidence += [
        f"{entry.code} on one {entry.gpu}, measured: {entry.seconds_per_picture * 1000:.0f} ms a picture "
        f"({entry.precision}), {entry.hours(pictures):.0f} hours for all {pictures:,}"
        for entry in sorted(fitting or measured, key=lambda entry: entry.code, reverse=True)
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
    used = devices_used(facts, purpose)
    small = [device for device in used if device.total_bytes < _gpu_need(purpose, device, RESOLUTION)]
    if not small:
        return []
    worst = min(small, key=lambda device: device.total_bytes)
    needed, smaller = (_gpu_need(purpose, worst, side) for side in (RESOLUTION, SMALLER))
    evidence = [f"{_names(small)}: {worst.total_bytes / GIB:.1f} GiB in all"]
    if purpose.action == "eval":
        evidence.append(f"to {purpose}, {needed / GIB:.1f} GiB are needed in the smallest pieces")
    else:
        evidence.append(
            f"to {purpose} at {RESOLUTION} x {RESOLUTION} in {_precision(purpose, worst)}, {needed / GIB:.1f} GiB are "
            f"needed in the smallest pieces; at {SMALLER} x {SMALLER}, {smaller / GIB:.1f} GiB"
        )
    ways = _larger_gpu(facts, purpose, needed)
    if purpose.action == "eval":
        ways.append(["evaluate on the CPU:", in_shell(facts, "sherfctl run eval --profile cpu")])
        severity = Severity.WARN
    else:
        ways += _smaller_training(worst, needed, smaller)
        severity = Severity.WARN if smaller <= worst.total_bytes else Severity.BLOCK
    fix = [
        f"or {step}" if way and not place else step
        for way, steps in enumerate(ways)
        for place, step in enumerate(steps)
    ]
    return found("RUN.VRAM", severity, evidence, fix=fix)


def _smaller_training(device: GpuDevice | TorchDevice, needed: int, smaller: int) -> list[list[str]]:
    """What a profile can change so that training fits, and the GPU that it would need otherwise."""
    ways = []
    half: Precision = "bfloat16" if device.capability and device.capability >= BFLOAT16_FROM else "float16"
    halved = gpu_bytes("train", RESOLUTION, SMALLEST_CHUNK, half)
    if halved <= device.total_bytes:
        ways.append([f"take half precision, {halved / GIB:.1f} GiB: `precision: {half}` in the profile's training"])
    if smaller <= device.total_bytes:
        ways.append([f"train on smaller pictures: `resolution: {SMALLER}` in the profile's training"])
    return [*ways, [f"train on a GPU with more than {needed / GIB:.0f} GiB"]]


def _larger_gpu(facts: Facts, purpose: Purpose, needed: int) -> list[list[str]]:
    """The way to a GPU that is not the first one, if it is larger and any one will do."""
    larger = [device for device in facts.gpu.devices if device.total_bytes >= needed and not device.mig]
    if not larger or purpose.gpus is not None:
        return []
    order = set_variable(facts, "CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    choice = set_variable(facts, "CUDA_VISIBLE_DEVICES", str(larger[0].index))
    return [[f"take {larger[0].name}, which is larger:", order, choice]]


def _precision(purpose: Purpose, device: GpuDevice | TorchDevice) -> Precision:
    """The arithmetic that is asked for, else what suits the GPU."""
    if purpose.precision is not None or device.capability is None:
        return purpose.precision or "float32"
    return "float16" if device.capability >= HALF_FROM else "float32"


def _gpu_need(purpose: Purpose, device: GpuDevice | TorchDevice, resolution: int) -> int:
    return gpu_bytes(purpose.action, resolution, SMALLEST_CHUNK, _precision(purpose, device))


@rule("RUN.SHM")
def shared_memory(facts: Facts, purpose: Purpose) -> list[Finding]:
    """/dev/shm is too small for processes that read pictures; evaluation has none."""
    total, needed = facts.limits.shm_total, SHM_NEEDED * max(1, len(devices_used(facts, purpose)))
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
    if facts.work.perceptual != "":
        return []
    severity = Severity.WARN if purpose.action == "train" and not purpose.is_embedded else Severity.INFO
    without = "training goes without that part of its loss" if purpose.action == "train" else "LPIPS is not measured"
    evidence = [f"no {WEIGHTS_NAME} in assets/ and in torch's caches: {without}"]
    return found("RUN.LPIPS", severity, evidence)


@rule("INPUT.WILD")
def single_photos(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Photos lie loose where the user works."""
    photos = facts.work.photos
    if not photos.count:
        return []
    more = ", …" if photos.count > len(photos.examples) else ""
    evidence = [f"photos here: {photos.count}" + (f" ({', '.join(photos.examples)}{more})" if photos.examples else "")]
    return found("INPUT.WILD", Severity.INFO, evidence)

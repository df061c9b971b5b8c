"""From the facts about a machine to a profile for it: a pure function, with a reason for each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from checks.facts.records import Facts, GpuDevice
from checks.purpose import Purpose
from checks.usable import usable_devices
from profiles.fingerprint import fingerprint_of
from profiles.schema import PUBLISHED_BATCH, Profile
from sherf_core.memory import GIB, GPU_PROCESS_RAM, Action, cpu_bytes, gpu_bytes
from sherf_core.precision import Precision

PUBLISHED_SIDE = 512
SIDES = (PUBLISHED_SIDE, 384, 256, 192, 128, 64)
"""Sides of pictures that are tried, largest first."""
CPU_CHUNK, GPU_CHUNK, TRAINING_CHUNK, SMALLEST_CHUNK = 1 << 15, 1 << 18, 1 << 16, 1 << 14
HEADROOM = 0.9
"""Share of the free memory that is planned with: other programs do not stand still."""
MOST_WORKERS = 6
WORKER_SHM = 64 * 2**20
"""Shared memory for a reader: two batches ahead, each a few float pictures of 512² with masks and rays."""
DRIVE, KAGGLE_OUTPUT = "/content/drive/MyDrive/sherf", "/kaggle/working/runs"

Reasons = dict[str, str]


@dataclass(frozen=True)
class Hardware:
    """What is computed on.

    Attributes:
        device: `cuda` or `cpu`.
        gpu: the smallest of the GPUs that torch sees, None on a CPU.
        count: how many GPUs torch sees.
        capability: compute capability of the oldest.
        free: bytes that may be planned with.
        why: the reason for the device.
    """

    device: Literal["cpu", "cuda"]
    gpu: GpuDevice | None
    count: int
    capability: tuple[int, int]
    free: int
    why: str

    def bytes(self, action: Action, side: int, chunk: int, precision: Precision, samples: int = 1) -> int:
        """The memory model on this hardware."""
        of = gpu_bytes if self.device == "cuda" else cpu_bytes
        return of(action, side, chunk, precision, samples=samples)


def derive(facts: Facts, purpose: Purpose | None = None) -> tuple[Profile, Reasons]:
    """A profile for this machine and the reason of each value, by dotted field.

    The effective batch of 4 is kept, whatever the number of GPUs; an evaluation keeps the published arithmetic.
    """
    purpose = purpose or Purpose()
    hardware = hardware_of(facts)
    values: dict[str, Any] = {
        "name": "this-machine",
        "summary": f"Made for {hardware.gpu.name if hardware.gpu else 'this computer, without a GPU'}"
        + (f" x {hardware.count}" if hardware.count > 1 else ""),
        "device": hardware.device,
    }
    reasons = {"device": hardware.why}
    gpus, reasons["gpus"] = _gpus(hardware, purpose)
    values["gpus"] = gpus
    values["launcher"], reasons["launcher"] = _launcher(facts, purpose, gpus)
    if values["launcher"] == "slurm":
        values["slurm"], reasons["slurm.time"] = {}, "the published recipe takes days; partition and account are yours"
    values["evaluation"] = _evaluation(hardware, reasons)
    values["training"] = _training(facts, hardware, max(1, gpus), reasons)
    values["paths"] = _paths(facts, purpose, reasons)
    values["needs"] = _needs(hardware, values["evaluation"], reasons)
    values["fingerprint"] = fingerprint_of(facts).model_dump()
    reasons["fingerprint"] = "by this a later run notices that the machine is another one"
    return Profile.model_validate(values), reasons


def hardware_of(facts: Facts) -> Hardware:
    """The GPUs that torch would use, or the CPU and why."""
    gpu, why_not = usable_gpu(facts)
    if gpu is None:
        available = facts.memory.available
        free = int(HEADROOM * available) if available is not None else 4 * GIB
        return Hardware("cpu", None, 0, (0, 0), free, f"{why_not}, so the CPU computes")
    devices = usable_devices(facts)
    capability = min(device.capability for device in devices)
    named = {device.name for device in devices}
    same = [device.free_bytes for device in facts.gpu.devices if device.name in named]
    free = min(same) if len(same) == len(devices) else min(gpu.free_bytes, *(one.total_bytes for one in devices))
    why = f"torch {facts.torch.version} can use {gpu.name}"
    return Hardware("cuda", gpu, len(devices), capability, int(HEADROOM * free), why)


def usable_gpu(facts: Facts) -> tuple[GpuDevice | None, str]:
    """The first GPU that torch would use, or None and why there is none."""
    usable = usable_devices(facts)
    if usable:
        seen = usable[0]
        # The same card in the driver's list knows how much of its memory is free.
        same = next((gpu for gpu in facts.gpu.devices if gpu.name == seen.name), None)
        free = min(same.free_bytes, seen.total_bytes) if same is not None else seen.total_bytes
        return GpuDevice(index=0, name=seen.name, total_bytes=seen.total_bytes, free_bytes=free), ""
    if not facts.gpu.devices:
        return None, "this machine has no NVIDIA GPU"
    name = facts.gpu.devices[0].name
    if facts.torch.cuda_available and facts.torch.devices:
        name = facts.torch.devices[0].name
        return None, f"torch {facts.torch.version} cannot compute on the {name} (see `sherfctl doctor`)"
    if facts.torch.state == "ok" and not facts.torch.cuda_build:
        return None, f"torch {facts.torch.version} is a CPU build and cannot use the {name} (TORCH.CPU)"
    return None, f"torch cannot use the {name} (see `sherfctl doctor`)"


def training_precision(hardware: Hardware) -> tuple[Precision, str]:
    """The arithmetic of a training on this hardware, and why."""
    if hardware.device == "cpu":
        return "float32", "the CPU computes in float32"
    shown = f"compute capability {hardware.capability[0]}.{hardware.capability[1]}"
    if hardware.capability >= (8, 0):
        return "bfloat16", f"{shown}: bfloat16 from 8.0 on, it needs no loss scaling"
    if hardware.capability >= (7, 0):
        return "float16", f"{shown}: float16 from 7.0 on; bfloat16 would be emulated"
    return "float32", f"{shown}: no fast 16-bit arithmetic before 7.0"


def _gpus(hardware: Hardware, purpose: Purpose) -> tuple[int, str]:
    if hardware.device == "cpu":
        return 0, "none can be used"
    asked = min(hardware.count, purpose.gpus or hardware.count)
    used = max(count for count in (1, 2, 4) if count <= asked)
    if used < asked:
        words = (
            f"{asked} could be used, but the effective batch of {PUBLISHED_BATCH} is shared evenly by 1, 2 or 4 alone"
        )
    else:
        words = f"{hardware.count} {'is' if hardware.count == 1 else 'are'} here"
        words += f", {purpose.gpus} asked for" if purpose.gpus else ""
    return used, words if used == 1 else f"{words}; an evaluation uses one of them"


def _launcher(facts: Facts, purpose: Purpose, gpus: int) -> tuple[str, str]:
    if purpose.action == "train" and facts.platform.scheduler == "slurm":
        return "slurm", "this machine belongs to a Slurm cluster"
    if gpus > 1:
        return "torchrun", "one process for each GPU"
    return "direct", "one process"


def _evaluation(hardware: Hardware, reasons: Reasons) -> dict[str, Any]:
    reasons["evaluation.precision"] = "the published figures are float32"
    most = GPU_CHUNK if hardware.device == "cuda" else CPU_CHUNK
    side = next(
        (side for side in SIDES if hardware.bytes("eval", side, SMALLEST_CHUNK, "float32") <= hardware.free), 64
    )
    chunk = most
    while chunk > SMALLEST_CHUNK and hardware.bytes("eval", side, chunk, "float32") > hardware.free:
        chunk //= 2
    taken = hardware.bytes("eval", side, chunk, "float32")
    reasons["evaluation.resolution"] = (
        "the published test's" if side == PUBLISHED_SIDE else f"what {_free(hardware)} allow"
    )
    if taken > hardware.free:
        reasons["evaluation.points_per_chunk"] = (
            f"the smallest; it takes {taken / GIB:.1f} GiB by the memory model, {_free(hardware)} can be planned with"
        )
    else:
        limit = "more saves little time" if chunk == most else f"the most that fits into {_free(hardware)}"
        if chunk == most and hardware.device == "cpu":
            limit = "larger ones are slower on a CPU"
        reasons["evaluation.points_per_chunk"] = f"takes {taken / GIB:.1f} GiB by the memory model; {limit}"
    return {"precision": "float32", "resolution": side, "points_per_chunk": chunk}


def _training(facts: Facts, hardware: Hardware, gpus: int, reasons: Reasons) -> dict[str, Any]:
    precision, reasons["training.precision"] = training_precision(hardware)
    chunk = TRAINING_CHUNK if hardware.device == "cuda" else SMALLEST_CHUNK
    share = PUBLISHED_BATCH // gpus
    side = next((side for side in SIDES if hardware.bytes("train", side, chunk, precision) <= hardware.free), SIDES[-1])
    samples = next(
        (
            count
            for count in (4, 2, 1)
            if share % count == 0 and hardware.bytes("train", side, chunk, precision, count) <= hardware.free
        ),
        1,
    )
    taken = hardware.bytes("train", side, chunk, precision, samples)
    fits = f"{taken / GIB:.1f} GiB by the memory model, {_free(hardware)} can be planned with"
    reasons["training.resolution"] = (
        "the published training's" if side == PUBLISHED_SIDE else f"one picture of {PUBLISHED_SIDE} pixels does not fit"
    )
    reasons["training.samples_per_gpu"] = fits if taken <= hardware.free else f"too much even so: {fits}"
    reasons["training.accumulation"] = (
        f"{gpus} x {samples} x {share // samples} = {PUBLISHED_BATCH}, the published effective batch"
    )
    reasons["training.points_per_chunk"] = "training keeps every point anyway: larger chunks gain little"
    workers, reasons["training.workers"] = _workers(facts, gpus, samples)
    return {
        "precision": precision,
        "samples_per_gpu": samples,
        "accumulation": share // samples,
        "resolution": side,
        "points_per_chunk": chunk,
        "workers": workers,
    }


def _workers(facts: Facts, gpus: int, samples: int) -> tuple[int, str]:
    cores = facts.memory.cores
    if cores is None:
        return 0, "the number of cores is not known"
    if facts.memory.core_quota is not None:
        cores = min(cores, max(1, int(facts.memory.core_quota)))
    by_cores = min(MOST_WORKERS, max(0, cores // gpus - 1))
    words = f"{cores} core{'s' if cores != 1 else ''}, one for each GPU's own process"
    shm = facts.limits.shm_free
    if shm is None or by_cores == 0:
        return by_cores, words
    by_shm = shm // (gpus * samples * WORKER_SHM)
    if by_shm < by_cores:
        return by_shm, f"/dev/shm has {shm / 2**20:.0f} MiB free, a reader takes {samples * WORKER_SHM // 2**20}"
    return by_cores, words


def _paths(facts: Facts, purpose: Purpose, reasons: Reasons) -> dict[str, str]:
    paths = {}
    if purpose.data is not None:
        paths["data"], reasons["paths.data"] = str(purpose.data), "named with --data"
    elif not purpose.is_embedded and facts.dataset.exists and facts.dataset.name == purpose.dataset:
        paths["data"], reasons["paths.data"] = facts.dataset.root, f"{purpose.dataset} was found there"
    if facts.platform.notebook == "colab" and facts.platform.drive_mounted:
        paths["output"], reasons["paths.output"] = DRIVE, "on Google Drive it outlives the session"
    elif facts.platform.notebook == "kaggle":
        paths["output"], reasons["paths.output"] = KAGGLE_OUTPUT, "the folder that Kaggle keeps"
    return paths


def _needs(hardware: Hardware, evaluation: dict[str, Any], reasons: Reasons) -> dict[str, Any]:
    taken = hardware.bytes("eval", evaluation["resolution"], evaluation["points_per_chunk"], "float32")
    if hardware.gpu is None:
        reasons["needs.ram_gib"] = "an evaluation, by the memory model"
        return {"ram_gib": round(taken / GIB, 1)}
    reasons["needs.vram_gib"] = "an evaluation, by the memory model"
    reasons["needs.ram_gib"] = "a process that computes on a GPU, measured"
    return {"vram_gib": round(taken / GIB, 1), "ram_gib": round(GPU_PROCESS_RAM / GIB, 1)}


def _free(hardware: Hardware) -> str:
    return f"{hardware.free / GIB:.1f} GiB"

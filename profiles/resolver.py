"""What a profile becomes on a machine: a pure function of the profile and the machine's facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from checks.facts.records import Facts, GpuDevice
from profiles.schema import Profile
from profiles.store import AUTO, load_profile

GIB = 1024**3
SMALLEST_CHUNK = 16_384
FALLBACK = "cpu"


@dataclass(frozen=True)
class ResolvedProfile:
    """A profile as it is run.

    Args:
        name: the profile in force.
        requested: what the user asked for.
        device: `cuda` or `cpu`.
        precision: `float32` or `tf32`.
        points_per_chunk: points sent through the model at once.
        resolution: side of the pictures, unless the user asks for another.
        notes: where this machine is not what the profile is for, and why a profile was chosen; sentences to show.
    """

    name: str
    requested: str
    device: Literal["cpu", "cuda"]
    precision: Literal["float32", "tf32"]
    points_per_chunk: int
    resolution: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return asdict(self)


def resolve_profile(name: str | Path, facts: Facts) -> ResolvedProfile:
    """Choose (`auto`) or load a profile and fit it to the machine.

    Raises:
        ConfigurationError: there is no such profile, or its file is wrong.
    """
    requested = str(name)
    notes: list[str] = []
    if requested == AUTO:
        profile, reason = _choose(facts)
        notes.append(reason)
    else:
        profile = load_profile(name)
    if profile.device == "cuda":
        gpu, why_not = usable_gpu(facts)
        if gpu is None:
            notes.append(f"profile {profile.name} is for {_wanted(profile)}, but {why_not}: the CPU is used instead")
            profile = load_profile(FALLBACK)
        else:
            profile = _fit_gpu(profile, gpu, notes)
    _check_memory(profile, facts, notes)
    return ResolvedProfile(
        name=profile.name,
        requested=requested,
        device=profile.device,
        precision=profile.precision,
        points_per_chunk=profile.points_per_chunk,
        resolution=profile.resolution,
        notes=tuple(notes),
    )


def usable_gpu(facts: Facts) -> tuple[GpuDevice | None, str]:
    """The GPU that torch would use, or None and why there is none."""
    if facts.torch.cuda_available and facts.torch.devices:
        seen = facts.torch.devices[0]
        # The same card in the driver's list knows how much of its memory is free.
        same = next((gpu for gpu in facts.gpu.devices if gpu.name == seen.name), None)
        free = same.free_bytes if same is not None else seen.total_bytes
        return GpuDevice(index=0, name=seen.name, total_bytes=seen.total_bytes, free_bytes=free), ""
    if not facts.gpu.devices:
        return None, "this machine has no NVIDIA GPU"
    name = facts.gpu.devices[0].name
    if facts.torch.state == "ok" and not facts.torch.cuda_build:
        return None, f"torch {facts.torch.version} is a CPU build and cannot use the {name} (TORCH.CPU)"
    return None, f"torch cannot use the {name} (see `sherfctl doctor`)"


def _choose(facts: Facts) -> tuple[Profile, str]:
    gpu, why_not = usable_gpu(facts)
    if gpu is None:
        return load_profile("cpu"), f"profile auto: {why_not}, so cpu was chosen"
    name = "colab-t4" if facts.platform.notebook == "colab" and "T4" in gpu.name else "local-1gpu"
    return load_profile(name), f"profile auto: this machine has {gpu.name}, so {name} was chosen"


def _wanted(profile: Profile) -> str:
    return f"an NVIDIA {profile.needs.gpu}" if profile.needs.gpu else "an NVIDIA GPU"


def _fit_gpu(profile: Profile, gpu: GpuDevice, notes: list[str]) -> Profile:
    """Say where the GPU is another one, and halve the chunk until it fits the free memory."""
    if profile.needs.gpu and profile.needs.gpu.lower() not in gpu.name.lower():
        notes.append(
            f"profile {profile.name} is for {_wanted(profile)}; this machine has {gpu.name} "
            f"({gpu.total_bytes / GIB:.0f} GiB), which is used with the profile's settings"
        )
    chunk, needed, free = profile.points_per_chunk, profile.needs.vram_gib, gpu.free_bytes / GIB
    while needed > free and chunk // 2 >= SMALLEST_CHUNK:
        chunk, needed = chunk // 2, needed / 2
    if chunk != profile.points_per_chunk:
        notes.append(
            f"{free:.1f} GiB of GPU memory are free, the profile wants {profile.needs.vram_gib:.1f} GiB: "
            f"chunks of {chunk} points instead of {profile.points_per_chunk} (slower, same result)"
        )
    return profile.model_copy(update={"points_per_chunk": chunk})


def _check_memory(profile: Profile, facts: Facts, notes: list[str]) -> None:
    available = facts.memory.available
    if available is not None and available / GIB < profile.needs.ram_gib:
        notes.append(
            f"{available / GIB:.1f} GiB of memory are available, profile {profile.name} wants "
            f"{profile.needs.ram_gib:.1f} GiB: ask for a smaller --resolution if the system ends the program"
        )

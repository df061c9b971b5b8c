"""What a profile becomes on a machine: a pure function of the profile and the machine's facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.facts.records import Facts
from checks.purpose import Purpose
from profiles.derive import SMALLEST_CHUNK, Hardware, Reasons, derive, hardware_of, training_precision
from profiles.fingerprint import differences, fingerprint_of
from profiles.schema import ARITHMETIC_FROM, Profile
from profiles.store import AUTO, FOLDER, Entry, find_profile, read_file
from sherf_core.memory import GIB, GPU_PROCESS_RAM, cpu_bytes, gpu_bytes

FALLBACK = FOLDER / "cpu.yaml"


@dataclass(frozen=True)
class ResolvedProfile:
    """A profile as it is run here.

    Args:
        profile: its values, fitted to the machine.
        requested: what the user asked for.
        file: where it comes from, None for `auto`.
        reasons: why a value is what it is, by dotted field; the other values are the file's or the schema's.
        notes: where this machine is not what the profile is for; sentences to show.
        other_machine: one sentence if the profile was written for a machine that this is not, else "".
    """

    profile: Profile
    requested: str
    file: Path | None
    reasons: Reasons
    notes: tuple[str, ...]
    other_machine: str = ""

    @property
    def name(self) -> str:
        """The profile in force; `auto` where it was made for this machine."""
        return AUTO if self.file is None else self.profile.name

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return {
            "requested": self.requested,
            "file": None if self.file is None else str(self.file),
            **self.profile.model_dump(mode="json"),
            "name": self.name,
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
            "other_machine": self.other_machine,
        }


def resolve_profile(name: str | Path, facts: Facts, purpose: Purpose | None = None) -> ResolvedProfile:
    """Derive (`auto`) or load a profile and fit it to the machine.

    Raises:
        UnknownProfileError: there is no such name.
        ConfigurationError: its file is wrong.
    """
    requested = str(name)
    notes: list[str] = []
    if requested == AUTO:
        profile, reasons = derive(facts, purpose)
        notes += _memory_notes(profile, hardware_of(facts), facts)
        return ResolvedProfile(profile, requested, None, reasons, tuple(notes))
    entry = find_profile(name)
    profile, reasons, file = read_file(entry.path), {}, entry.path
    other = _other_machine(profile, entry, facts)
    if entry.hides:
        notes.append(f"profile {entry.name} is your own ({entry.path}), in place of the one that ships")
    hardware = hardware_of(facts)
    if profile.device == "cuda" and hardware.gpu is None:
        why_not = hardware.why.removesuffix(", so the CPU computes")
        notes.append(f"profile {profile.name} is for {_wanted(profile)}, but {why_not}: the CPU is used instead")
        reasons["device"] = hardware.why
        file = FALLBACK
        profile = read_file(FALLBACK).model_copy(update={"paths": profile.paths})
    elif profile.device == "cuda":
        profile = _fit(profile, hardware, notes, reasons)
    notes += _memory_notes(profile, hardware, facts)
    return ResolvedProfile(profile, requested, file, reasons, tuple(notes), other)


def as_written(name: str | Path) -> ResolvedProfile:
    """A profile as its file says, not fitted to this machine: for a job that runs on others.

    Raises:
        UnknownProfileError: there is no such name.
        ConfigurationError: its file is wrong.
    """
    entry = find_profile(name)
    return ResolvedProfile(read_file(entry.path), str(name), entry.path, {}, ())


def _wanted(profile: Profile) -> str:
    return f"an NVIDIA {profile.needs.gpu}" if profile.needs.gpu else "an NVIDIA GPU"


def _other_machine(profile: Profile, entry: Entry, facts: Facts) -> str:
    if profile.fingerprint is None:
        return ""
    changed = differences(profile.fingerprint, fingerprint_of(facts))
    if not changed:
        return ""
    return (
        f"profile {entry.name} was made for another machine ({'; '.join(changed)}); "
        "`sherfctl doctor --write-profile FILE` makes one for this"
    )


def _fit(profile: Profile, hardware: Hardware, notes: list[str], reasons: Reasons) -> Profile:
    """Say where the GPUs are others, and take what they cannot do out of the profile."""
    gpu = hardware.gpu
    if gpu is not None and profile.needs.gpu and profile.needs.gpu.lower() not in gpu.name.lower():
        notes.append(
            f"profile {profile.name} is for {_wanted(profile)}; this machine has {gpu.name} "
            f"({gpu.total_bytes / GIB:.0f} GiB), which is used with the profile's settings"
        )
    if profile.gpu_count > hardware.count:
        notes.append(f"profile {profile.name} is for {profile.gpu_count} GPUs a computer; torch sees {hardware.count}")
    wanted = profile.evaluation.points_per_chunk
    chunk, side = wanted, profile.evaluation.resolution
    while chunk // 2 >= SMALLEST_CHUNK and gpu_bytes("eval", side, chunk) > hardware.free:
        chunk //= 2
    if chunk != wanted:
        reason = (
            f"{hardware.free / GIB:.1f} GiB of GPU memory can be planned with, the profile's chunks take "
            f"{gpu_bytes('eval', side, wanted) / GIB:.1f} GiB"
        )
        notes.append(f"{reason}: chunks of {chunk} points instead of {wanted} (slower, same result)")
        reasons["evaluation.points_per_chunk"] = f"{reason} (the profile says {wanted})"
    possible, why = training_precision(hardware)
    training = profile.training
    lacking = ARITHMETIC_FROM.get(training.precision, (0, 0))
    if hardware.capability < lacking:
        reasons["training.precision"] = f"{why} (the profile says {training.precision})"
        training = training.model_copy(update={"precision": possible})
    needed = gpu_bytes(
        "train", training.resolution, training.points_per_chunk, training.precision, samples=training.samples_per_gpu
    )
    if needed > hardware.free:
        reasons["training.samples_per_gpu"] = (
            f"too much for this machine: {needed / GIB:.1f} GiB by the memory model, {hardware.free / GIB:.1f} GiB can "
            "be planned with (profile auto chooses what fits)"
        )
    evaluation = profile.evaluation.model_copy(update={"points_per_chunk": chunk})
    if hardware.capability < ARITHMETIC_FROM.get(evaluation.precision, (0, 0)):
        card = hardware.why.rpartition(" can use ")[2]
        reasons["evaluation.precision"] = f"{card} has no {evaluation.precision}"
        evaluation = evaluation.model_copy(update={"precision": "float32"})
    return profile.model_copy(update={"evaluation": evaluation, "training": training})


def _memory_notes(profile: Profile, hardware: Hardware, facts: Facts) -> list[str]:
    """Memory that an evaluation would not have, with all that can be done here done."""
    notes = []
    side, chunk = profile.evaluation.resolution, profile.evaluation.points_per_chunk
    smaller = "ask for a smaller --resolution, or close other programs"
    if profile.device == "cuda":
        needed, planned = gpu_bytes("eval", side, chunk), GPU_PROCESS_RAM
        if needed > hardware.free:
            notes.append(
                f"{hardware.free / GIB:.1f} GiB of GPU memory can be planned with, pictures of {side} pixels take "
                f"{needed / GIB:.1f} GiB: {smaller}, or take --profile cpu"
            )
    else:
        planned = cpu_bytes("eval", side, chunk)
    available, wanted = facts.memory.available, max(planned / GIB, profile.needs.ram_gib)
    if available is not None and available / GIB < wanted:
        notes.append(
            f"{available / GIB:.1f} GiB of memory are available, profile {profile.name} wants {wanted:.1f} GiB: "
            f"{smaller}"
        )
    return notes

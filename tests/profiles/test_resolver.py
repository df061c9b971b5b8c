from __future__ import annotations

from pathlib import Path

import pytest

from checks.facts.records import Facts, MemoryFacts, TorchFacts
from profiles import load_profile, profile_names, resolve_profile, write_profile
from profiles.derive import SMALLEST_CHUNK
from tests.checks.corpus import machine
from tests.profiles.machines import GIB, LAPTOP, with_gpus

FIELDS = "name: mine\nsummary: Mine\ndevice: cuda\nevaluation:\n  points_per_chunk: 65536\n  resolution: 256\n"


def test_every_profile_becomes_something_on_every_machine() -> None:
    for name in profile_names():
        for facts in (LAPTOP, with_gpus(), with_gpus(capability=(8, 9)), Facts()):
            assert resolve_profile(name, facts).profile.device in {"cpu", "cuda"}


@pytest.mark.parametrize(("facts", "device"), [(LAPTOP, "cpu"), (with_gpus(), "cuda"), (Facts(), "cpu")])
def test_auto_is_made_for_the_machine(facts: Facts, device: str) -> None:
    resolved = resolve_profile("auto", facts)
    assert (resolved.name, resolved.file, resolved.profile.device) == ("auto", None, device)
    assert resolved.reasons["device"]
    assert resolved.other_machine == ""


def test_colab_t4_on_a_t4_has_nothing_to_say() -> None:
    resolved = resolve_profile("colab-t4", with_gpus(free=14.5))
    assert (resolved.profile, resolved.notes) == (load_profile("colab-t4"), ())


def test_colab_t4_without_a_gpu_says_so_and_takes_the_cpu() -> None:
    resolved = resolve_profile("colab-t4", LAPTOP)
    assert (resolved.profile.device, resolved.name, resolved.requested) == ("cpu", "cpu", "colab-t4")
    assert resolved.notes == (
        "profile colab-t4 is for an NVIDIA T4, but this machine has no NVIDIA GPU: the CPU is used instead",
    )


def test_paths_stay_when_the_cpu_is_used_instead() -> None:
    assert resolve_profile("kaggle-t4x2", LAPTOP).profile.paths.output == "/kaggle/working/runs"


def test_colab_t4_on_another_gpu_says_so_and_uses_it() -> None:
    resolved = resolve_profile("colab-t4", with_gpus("NVIDIA L4", capability=(8, 9)))
    assert resolved.profile.device == "cuda"
    assert resolved.notes == (
        "profile colab-t4 is for an NVIDIA T4; this machine has NVIDIA L4 (15 GiB), "
        "which is used with the profile's settings",
    )


def test_fewer_gpus_than_the_profile_wants_are_said() -> None:
    resolved = resolve_profile("kaggle-t4x2", with_gpus())
    assert resolved.notes == ("profile kaggle-t4x2 is for 2 GPUs a computer; torch sees 1",)


def test_a_gpu_that_torch_cannot_use_is_named() -> None:
    cpu_build = with_gpus().model_copy(update={"torch": TorchFacts(state="ok", version="2.13.0+cpu")})
    assert "CPU build" in resolve_profile("local-1gpu", cpu_build).notes[0]
    broken = with_gpus().model_copy(update={"torch": TorchFacts(state="broken")})
    assert "sherfctl doctor" in resolve_profile("local-1gpu", broken).notes[0]


def test_chunks_are_halved_until_they_fit_the_free_memory() -> None:
    resolved = resolve_profile("local-1gpu", with_gpus("NVIDIA T1000", free=3))
    # 0.9 x 3 GiB: 2^16 points take 2.4 GiB by the memory model, 2^17 take 2.8.
    assert resolved.profile.evaluation.points_per_chunk == 1 << 16
    assert "same result" in resolved.notes[0]
    assert "262144" in resolved.reasons["evaluation.points_per_chunk"]
    tiny = resolve_profile("local-1gpu", with_gpus("NVIDIA T1000", free=0.1))
    assert tiny.profile.evaluation.points_per_chunk == SMALLEST_CHUNK
    assert "take --profile cpu" in tiny.notes[-1]


def test_arithmetic_that_the_gpu_lacks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(FIELDS.replace("resolution", "precision: tf32\n  resolution") + "training: {precision: bfloat16}\n")
    old = resolve_profile(path, with_gpus(capability=(7, 5)))
    assert (old.profile.evaluation.precision, old.profile.training.precision) == ("float32", "float16")
    assert old.reasons["evaluation.precision"] == "Tesla T4 has no tf32"
    new = resolve_profile(path, with_gpus(capability=(8, 0)))
    assert (new.profile.evaluation.precision, new.profile.training.precision) == ("tf32", "bfloat16")


@pytest.mark.parametrize(
    ("wanted", "capability", "taken"),
    [
        ("bfloat16", (6, 1), "float32"),
        ("float16", (6, 1), "float32"),
        ("float16", (9, 0), "float16"),
        ("tf32", (7, 5), "float16"),
        ("float32", (6, 1), "float32"),
    ],
)
def test_training_arithmetic_follows_the_oldest_gpu(
    tmp_path: Path, wanted: str, capability: tuple[int, int], taken: str
) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(f"{FIELDS}training: {{precision: {wanted}}}\n")
    assert resolve_profile(path, with_gpus(capability=capability)).profile.training.precision == taken


def test_a_training_that_does_not_fit_is_said_in_its_reason() -> None:
    reasons = resolve_profile("wsl-1gpu", with_gpus("RTX 3060", total=12, capability=(8, 6))).reasons
    # 2.05 + 0.9 + 36,000 B x 512² + 2,600 B x 65,536 = 11.9 GiB, of 0.9 x 12.
    assert reasons["training.samples_per_gpu"].startswith(
        "too much for this machine: 11.9 GiB by the memory model, 10.8"
    )
    assert resolve_profile("wsl-1gpu", with_gpus("RTX 3090", total=24, capability=(8, 6))).reasons == {}


def test_little_memory_is_said() -> None:
    facts = with_gpus("NVIDIA L4", total=20).model_copy(update={"memory": MemoryFacts(available=GIB, cores=2)})
    assert "1.0 GiB of memory are available" in resolve_profile("local-1gpu", facts).notes[0]


def test_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(FIELDS)
    resolved = resolve_profile(path, with_gpus())
    assert (resolved.name, resolved.profile.evaluation.resolution, resolved.file) == ("mine", 256, path)


def test_an_own_profile_in_place_of_a_shipped_one_is_said(own: Path) -> None:
    (own / "cpu.yaml").write_text("name: cpu\nsummary: My own\ndevice: cpu\n")
    assert "in place of the one that ships" in resolve_profile("cpu", LAPTOP).notes[0]


def test_a_written_profile_knows_its_machine(tmp_path: Path) -> None:
    path = tmp_path / "here.yaml"
    write_profile(path, machine("kaggle-t4x2"))
    assert resolve_profile(path, machine("kaggle-t4x2")).other_machine == ""
    elsewhere = resolve_profile(path, machine("cpu-laptop")).other_machine
    assert elsewhere.startswith("profile here was made for another machine (GPUs: 2 x Tesla T4 (15 GiB) then, none now")
    assert elsewhere.endswith("`sherfctl doctor --write-profile FILE` makes one for this")

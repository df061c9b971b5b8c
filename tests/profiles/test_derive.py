from __future__ import annotations

from pathlib import Path

import pytest

from checks import Facts, Purpose
from checks.facts.records import DatasetFacts, PlatformFacts
from profiles import derive
from profiles.fingerprint import differences, fingerprint_of
from sherf_core.memory import cpu_bytes, gpu_bytes
from tests.checks.corpus import machine, machines
from tests.profiles.machines import GIB, LAPTOP, with_gpus

TRAIN = Purpose("train", "RenderPeople")


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("purpose", [Purpose(), TRAIN], ids=["eval", "train"])
def test_every_healthy_machine_gets_a_profile_that_fits_and_says_why(name: str, purpose: Purpose) -> None:
    facts = machine(name)
    profile, reasons = derive(facts, purpose)
    evaluation, training = profile.evaluation, profile.training
    assert max(1, profile.gpu_count) * training.samples_per_gpu * training.accumulation == 4
    of = gpu_bytes if profile.device == "cuda" else cpu_bytes
    room = min(gpu.free_bytes for gpu in facts.gpu.devices) if profile.device == "cuda" else facts.memory.available
    assert room is not None
    assert of("eval", evaluation.resolution, evaluation.points_per_chunk) < room
    samples = training.samples_per_gpu
    assert of("train", training.resolution, training.points_per_chunk, training.precision, samples=samples) < room
    for section, values in (("evaluation", evaluation), ("training", training)):
        for field in type(values).model_fields:
            if field != "effective_batch":
                assert reasons[f"{section}.{field}"]
    assert {"device", "gpus", "launcher", "fingerprint"} <= set(reasons)
    assert all("\n" not in reason and reason for reason in reasons.values())


@pytest.mark.parametrize(
    ("facts", "precision"),
    [
        (LAPTOP, "float32"),
        (with_gpus(capability=(6, 1)), "float32"),
        (with_gpus(capability=(7, 0)), "float16"),
        (with_gpus(capability=(7, 5)), "float16"),
        (with_gpus(capability=(8, 0)), "bfloat16"),
        (with_gpus(capability=(12, 0)), "bfloat16"),
    ],
)
def test_precision_follows_the_compute_capability(facts: Facts, precision: str) -> None:
    profile, _ = derive(facts, TRAIN)
    assert profile.training.precision == precision
    assert profile.evaluation.precision == "float32"


@pytest.mark.parametrize(("count", "used"), [(1, 1), (2, 2), (3, 2), (4, 4), (6, 4), (8, 4)])
def test_the_effective_batch_of_4_decides_how_many_gpus_are_used(count: int, used: int) -> None:
    profile, reasons = derive(with_gpus(count=count, total=24), TRAIN)
    assert profile.gpu_count == used
    assert profile.launcher == ("torchrun" if used > 1 else "direct")
    assert ("shared evenly" in reasons["gpus"]) == (used < count)


def test_asked_gpus_count() -> None:
    profile, reasons = derive(with_gpus(count=4), Purpose("train", "RenderPeople", gpus=2))
    assert profile.gpu_count == 2
    assert "2 asked for" in reasons["gpus"]
    profile, reasons = derive(with_gpus(count=4), Purpose("eval", "RenderPeople"))
    assert profile.gpu_count == 4
    assert reasons["gpus"] == "4 are here; an evaluation uses one of them"


@pytest.mark.parametrize(
    ("total", "side", "samples"), [(5.5, 192, 1), (8, 256, 1), (15, 512, 1), (39, 512, 2), (78, 512, 4)]
)
def test_memory_decides_sides_and_samples(total: float, side: int, samples: int) -> None:
    training = derive(with_gpus(total=total, capability=(8, 0)), TRAIN)[0].training
    assert (training.resolution, training.samples_per_gpu, training.accumulation) == (side, samples, 4 // samples)


def test_the_smallest_of_several_gpus_decides() -> None:
    facts = with_gpus(count=2, total=24, capability=(8, 9))
    crowded = facts.gpu.devices[1].model_copy(update={"free_bytes": 3 * GIB})
    facts = facts.model_copy(update={"gpu": facts.gpu.model_copy(update={"devices": (facts.gpu.devices[0], crowded)})})
    profile, reasons = derive(facts, TRAIN)
    assert profile.evaluation.points_per_chunk < 262_144
    assert "2.7 GiB" in reasons["evaluation.points_per_chunk"]


def test_little_free_memory_makes_chunks_small_and_no_memory_is_said() -> None:
    assert derive(with_gpus(free=15))[0].evaluation.points_per_chunk == 262_144
    assert derive(with_gpus(free=3))[0].evaluation.points_per_chunk == 65_536
    profile, reasons = derive(with_gpus(free=0.5))
    assert profile.evaluation.points_per_chunk == 16_384
    assert "can be planned with" in reasons["evaluation.points_per_chunk"]


@pytest.mark.parametrize(
    ("cores", "shm", "gpus", "workers"),
    [(2, None, 1, 1), (1, None, 1, 0), (8, None, 4, 1), (64, 512, 1, 6), (8, 64, 1, 1)],
)
def test_workers_follow_cores_and_shared_memory(cores: int, shm: int | None, gpus: int, workers: int) -> None:
    facts = with_gpus(count=gpus, cores=cores, shm=shm)
    assert derive(facts, TRAIN)[0].training.workers == workers


def test_docker_default_shared_memory_leaves_no_reader_to_two_gpus() -> None:
    profile, reasons = derive(with_gpus(count=2, cores=16, shm=64), TRAIN)
    assert profile.training.workers == 0
    assert "/dev/shm has 64 MiB free" in reasons["training.workers"]


def test_paths_follow_the_place() -> None:
    colab = with_gpus().model_copy(update={"platform": PlatformFacts(notebook="colab", drive_mounted=True)})
    assert derive(colab)[0].paths.output == "/content/drive/MyDrive/sherf"
    kaggle = with_gpus().model_copy(update={"platform": PlatformFacts(notebook="kaggle")})
    assert derive(kaggle)[0].paths.output == "/kaggle/working/runs"
    assert derive(with_gpus())[0].paths.output is None
    found = with_gpus().model_copy(update={"dataset": DatasetFacts(name="RenderPeople", root="/d/rp", exists=True)})
    assert derive(found, Purpose("eval", "RenderPeople"))[0].paths.data == "/d/rp"
    assert derive(found, Purpose("eval", "demo"))[0].paths.data is None
    assert derive(found, Purpose("eval", "RenderPeople", Path("/mine")))[0].paths.data == "/mine"


def test_a_cluster_gets_slurm_for_training_alone() -> None:
    cluster = with_gpus(count=4).model_copy(update={"platform": PlatformFacts(scheduler="slurm")})
    profile, _ = derive(cluster, TRAIN)
    assert profile.launcher == "slurm"
    assert profile.slurm is not None
    assert derive(cluster, Purpose())[0].launcher == "torchrun"


def test_the_fingerprint_names_kinds_and_no_single_machine() -> None:
    facts = machine("kaggle-t4x2")
    made = fingerprint_of(facts)
    assert made.gpus == ("2 x Tesla T4 (15 GiB)",)
    assert not [gpu.uuid for gpu in facts.gpu.devices if gpu.uuid and gpu.uuid in made.model_dump_json()]
    assert differences(made, made) == []
    changed = differences(made, fingerprint_of(machine("colab-t4")))
    assert changed[0] == "GPUs: 2 x Tesla T4 (15 GiB) then, 1 x Tesla T4 (15 GiB) now"


def test_what_is_not_known_is_not_compared() -> None:
    quick = Facts(gpu=with_gpus().gpu)
    assert differences(fingerprint_of(with_gpus()), fingerprint_of(quick)) == []
    # A little memory that a driver or kernel keeps is no other machine.
    less = LAPTOP.model_copy(update={"memory": LAPTOP.memory.model_copy(update={"total": int(15.3 * GIB)})})
    assert differences(fingerprint_of(LAPTOP), fingerprint_of(less)) == []

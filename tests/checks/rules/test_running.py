from __future__ import annotations

import pytest

from checks import Facts, Purpose, Severity
from checks.rules.gpu_count import devices_there, devices_used
from checks.rules.running import effective_batch
from tests.checks.corpus import machine
from tests.checks.rules import asking
from tests.checks.rules.asking import BLOCK, INFO, WARN, changed

GIB, MIB = 1024**3, 1024**2
EVAL = Purpose("eval", "RenderPeople")
TRAIN = Purpose("train", "RenderPeople")
TRAIN_DEMO = Purpose("train", "demo")


def train_on(gpus: int) -> Purpose:
    return Purpose("train", "RenderPeople", gpus=gpus)


def severity(facts: Facts, identifier: str, purpose: Purpose = TRAIN) -> Severity | None:
    return asking.severity(facts, identifier, purpose)


def fix(facts: Facts, identifier: str, purpose: Purpose = TRAIN) -> str:
    return asking.fix(facts, identifier, purpose)


def evidence(facts: Facts, identifier: str, purpose: Purpose = TRAIN) -> str:
    return asking.evidence(facts, identifier, purpose)


def untried(name: str, **change: object) -> Facts:
    """A healthy machine on which torch was not looked at (--quick)."""
    facts = changed(name, **change)
    return facts.model_copy(update={"torch": Facts().torch})


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 4), ("0", 1), ("1, 3", 2), ("0,7,1", 1), ("", None), ("-1", None), ("9", None)]
)
def test_gpus_that_a_run_would_see_without_asking_torch(visible: str | None, count: int | None) -> None:
    devices = devices_there(untried("bare-metal-4gpu", gpu={"visible_devices": visible}))
    assert (devices and len(devices)) == count


def test_what_torch_sees_counts_more_than_what_the_driver_sees() -> None:
    facts = machine("bare-metal-4gpu")
    torch = facts.torch.model_copy(update={"devices": facts.torch.devices[:3]})
    devices = devices_there(facts.model_copy(update={"torch": torch}))
    assert devices is not None
    assert len(devices) == 3


def test_a_split_gpu_is_not_counted_without_torch() -> None:
    assert [device.name for device in devices_there(machine("a100-mig")) or ()] == ["NVIDIA A100-SXM4-80GB MIG 3g.40gb"]
    assert devices_there(untried("a100-mig")) is None


@pytest.mark.parametrize(
    ("action", "gpus", "count"),
    [("eval", None, 1), ("train", None, 4), ("train", 2, 2), ("train", 8, 4), ("eval", 2, 2)],
)
def test_gpus_that_a_purpose_uses(action: str, gpus: int | None, count: int) -> None:
    purpose = Purpose(action, "RenderPeople", gpus=gpus)  # type: ignore[arg-type]
    assert len(devices_used(machine("bare-metal-4gpu"), purpose)) == count


def test_a_gpu_that_another_trouble_hides_is_not_counted() -> None:
    facts = untried("bare-metal-1gpu", gpu={"devices": []})
    assert devices_there(facts) is None
    assert severity(facts, "RUN.GPUS", train_on(4)) is None


@pytest.mark.parametrize(("asked", "expected"), [(None, None), (1, None), (4, None), (5, BLOCK)])
@pytest.mark.parametrize("action", ["eval", "train"])
def test_gpus_asked_for(asked: int | None, expected: Severity | None, action: str) -> None:
    purpose = Purpose(action, "RenderPeople", gpus=asked)  # type: ignore[arg-type]
    assert severity(machine("bare-metal-4gpu"), "RUN.GPUS", purpose) == expected


def test_fewer_gpus_than_published_is_a_remark_on_training_only() -> None:
    assert severity(machine("bare-metal-1gpu"), "RUN.GPUS", TRAIN) == INFO
    assert severity(machine("bare-metal-1gpu"), "RUN.GPUS", EVAL) is None
    assert severity(machine("bare-metal-4gpu"), "RUN.GPUS", TRAIN) is None


def test_where_more_gpus_come_from() -> None:
    assert "--gpus 1" in fix(machine("bare-metal-1gpu"), "RUN.GPUS", train_on(4))
    assert "--gres=gpu:4" in fix(machine("a100-mig"), "RUN.GPUS", train_on(4))
    assert "docker run --gpus all" in fix(machine("docker-gpus"), "RUN.GPUS", train_on(2))
    assert "docker" not in fix(machine("colab-t4"), "RUN.GPUS", train_on(2))
    kaggle = machine("kaggle-t4x2")
    one = changed("kaggle-t4x2", gpu={"devices": [kaggle.gpu.devices[0].model_dump()]})
    one = one.model_copy(update={"torch": one.torch.model_copy(update={"devices": one.torch.devices[:1]})})
    assert "GPU T4 x2" in fix(one, "RUN.GPUS", train_on(2))


def test_without_a_gpu_nothing_is_said_about_their_number() -> None:
    assert severity(machine("cpu-laptop"), "RUN.GPUS", train_on(4)) is None
    assert severity(machine("cpu-laptop"), "RUN.GPUS", Purpose("eval", "demo", gpus=4)) is None


@pytest.mark.parametrize(("gpus", "batch"), [(1, 4), (2, 4), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8)])
def test_the_effective_batch(gpus: int, batch: int) -> None:
    assert effective_batch(gpus) == batch


@pytest.mark.parametrize(
    ("asked", "expected", "words"),
    [
        (None, None, ""),
        (1, INFO, "4 for each"),
        (2, INFO, "2 for each"),
        (3, WARN, "becomes 3"),
        (4, None, ""),
    ],
)
def test_pictures_for_each_gpu(asked: int | None, expected: Severity | None, words: str) -> None:
    facts, purpose = machine("bare-metal-4gpu"), Purpose("train", "RenderPeople", gpus=asked)
    assert severity(facts, "RUN.BATCH", purpose) == expected
    if expected:
        assert words in evidence(facts, "RUN.BATCH", purpose)
    assert severity(facts, "RUN.BATCH", Purpose("eval", "RenderPeople", gpus=asked)) is None


def test_a_measured_gpu_gets_its_own_hours_and_others_none() -> None:
    devices = [{"name": "NVIDIA H100 80GB HBM3", "capability": [9, 0], "total_bytes": 80 * GIB}]
    measured = evidence(changed("bare-metal-1gpu", torch={"devices": devices}), "RUN.TIME")
    assert "no step was measured" not in measured
    # 0.3084 s x 800000 / 3600 = 68.5 h
    assert "the published code on one H100, measured: 308 ms a picture (float32), 69 hours for all 800,000" in measured
    other = evidence(machine("bare-metal-1gpu"), "RUN.TIME")
    assert "NVIDIA GeForce RTX 4090, on which no step was measured" in other
    assert "on one H100, measured" in other


def test_time_is_spoken_of_before_training_on_real_data_only() -> None:
    assert severity(machine("bare-metal-1gpu"), "RUN.TIME", EVAL) is None
    assert severity(machine("bare-metal-1gpu"), "RUN.TIME", TRAIN_DEMO) is None
    assert severity(machine("cpu-laptop"), "RUN.TIME", TRAIN) is None
    assert severity(machine("gcp-vm"), "RUN.TIME", TRAIN) == INFO
    assert severity(machine("colab-t4"), "RUN.TIME", TRAIN) == WARN
    assert "#SBATCH --time" in fix(machine("a100-mig"), "RUN.TIME")


def gpu_of(gib: float, capability: tuple[int, int] = (8, 6)) -> Facts:
    """The machine with one GPU, of another size."""
    seen = {"name": "NVIDIA GPU", "capability": capability, "total_bytes": int(gib * GIB)}
    listed = {**seen, "index": 0, "free_bytes": int(gib * GIB)}
    return changed("bare-metal-1gpu", gpu={"devices": [listed]}, torch={"devices": [seen]})


# At 512 x 512 training takes 17.5 GiB in float32 and 11.8 in half precision, at 256 x 256 6.6 and 5.2 (the memory
# model by hand: 2.05 + 0.9 + 59,500 or 36,000 bytes a pixel + 2,600 bytes for each of 16,384 points).
@pytest.mark.parametrize(
    ("gib", "capability", "precision", "expected"),
    [
        (12, (8, 6), None, None),
        (11.5, (8, 6), None, WARN),
        (5.5, (8, 6), None, WARN),
        (5, (8, 6), None, BLOCK),
        (18, (6, 0), None, None),
        (17, (6, 0), None, WARN),
        (6.5, (6, 0), None, BLOCK),
        (17, (8, 6), "float32", WARN),
        (12, (8, 6), "bfloat16", None),
    ],
)
def test_gpu_memory_for_training(
    gib: float, capability: tuple[int, int], precision: str | None, expected: Severity | None
) -> None:
    purpose = Purpose("train", "RenderPeople", precision=precision)  # type: ignore[arg-type]
    assert severity(gpu_of(gib, capability), "RUN.VRAM", purpose) == expected


@pytest.mark.parametrize(("gib", "expected"), [(2.5, None), (2, WARN), (0.5, WARN)])
def test_gpu_memory_for_evaluating(gib: float, expected: Severity | None) -> None:
    assert severity(gpu_of(gib), "RUN.VRAM", EVAL) == expected


def test_ways_out_of_little_gpu_memory() -> None:
    single = Purpose("train", "RenderPeople", precision="float32")
    assert fix(gpu_of(14), "RUN.VRAM", single).splitlines() == [
        "take half precision, 11.8 GiB: `precision: bfloat16` in the profile's training",
        "or train on smaller pictures: `resolution: 256` in the profile's training",
        "or train on a GPU with more than 18 GiB",
    ]
    assert fix(gpu_of(4), "RUN.VRAM").splitlines() == ["train on a GPU with more than 12 GiB"]
    assert fix(gpu_of(2), "RUN.VRAM", EVAL).splitlines() == [
        "evaluate on the CPU:",
        "$ sherfctl run eval --profile cpu",
    ]


def test_a_larger_gpu_beside_the_first_is_named() -> None:
    small, large = (
        {"index": i, "name": name, "total_bytes": size * GIB, "free_bytes": size * GIB, "capability": (7, 5)}
        for i, name, size in ((0, "NVIDIA GT 1030", 2), (1, "NVIDIA TITAN RTX", 24))
    )
    facts = untried("bare-metal-1gpu", gpu={"devices": [small, large]})
    assert fix(facts, "RUN.VRAM", EVAL).splitlines()[:3] == [
        "take NVIDIA TITAN RTX, which is larger:",
        "$ export CUDA_DEVICE_ORDER=PCI_BUS_ID",
        "$ export CUDA_VISIBLE_DEVICES=1",
    ]


def test_shared_memory_grows_with_the_gpus() -> None:
    def facts(mib: int) -> Facts:
        return changed("bare-metal-4gpu", limits={"shm_total": mib * MIB})

    assert severity(facts(127), "RUN.SHM", train_on(1)) == WARN
    assert severity(facts(128), "RUN.SHM", train_on(1)) is None
    assert severity(facts(128), "RUN.SHM", train_on(4)) == WARN
    assert severity(facts(512), "RUN.SHM", TRAIN) is None
    assert severity(facts(64), "RUN.SHM", EVAL) == INFO
    assert severity(changed("bare-metal-4gpu", limits={"shm_total": None}), "RUN.SHM") is None


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ({"container": "docker"}, "docker run --shm-size=8g"),
        ({"container": "podman"}, "podman run --shm-size=8g"),
        ({"container": "kubernetes"}, "medium: Memory"),
        ({}, "$ sudo mount -o remount,size=8g /dev/shm"),
        ({"is_root": True}, "$ mount -o remount,size=8g /dev/shm"),
        ({"container": "docker", "notebook": "colab"}, "take a profile with `workers: 0`"),
    ],
)
def test_more_shared_memory_for_this_kind_of_machine(platform: dict[str, object], words: str) -> None:
    facts = changed("bare-metal-1gpu", platform=platform, limits={"shm_total": 64 * MIB})
    assert words in fix(facts, "RUN.SHM")


@pytest.mark.parametrize(
    ("purpose", "expected"), [(EVAL, INFO), (Purpose("eval", "demo"), INFO), (TRAIN, WARN), (TRAIN_DEMO, INFO)]
)
def test_weights_for_lpips(purpose: Purpose, expected: Severity) -> None:
    assert severity(changed("bare-metal-1gpu", work={"perceptual": ""}), "RUN.LPIPS", purpose) == expected
    assert severity(machine("bare-metal-1gpu"), "RUN.LPIPS", purpose) is None


def test_photos_are_counted_and_named() -> None:
    photos = {"count": 7, "of": 9, "examples": ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]}
    facts = changed("cpu-laptop", work={"photos": photos})
    assert evidence(facts, "INPUT.WILD", EVAL) == "photos here: 7 (a.jpg, b.jpg, c.jpg, d.jpg, e.jpg, …)"
    assert severity(changed("cpu-laptop", work={"photos": {"count": 0, "of": 9}}), "INPUT.WILD", EVAL) is None

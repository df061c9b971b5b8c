from __future__ import annotations

import pytest

from checks import Facts, Purpose, Severity
from tests.checks.rules.asking import BLOCK, EVAL, INFO, TRAIN, WARN, changed, fix, severity

GIB = 1024**3


@pytest.mark.parametrize("identifier", ["SYS.RAM", "SYS.DISK", "SYS.ULIMIT", "SYS.CPU", "SYS.EPHEMERAL"])
@pytest.mark.parametrize("purpose", [EVAL, TRAIN], ids=str)
def test_what_is_not_known_is_no_trouble(identifier: str, purpose: Purpose) -> None:
    assert severity(Facts(), identifier, purpose) is None


@pytest.mark.parametrize(
    ("available", "purpose", "expected"),
    [
        (275 * GIB // 100, EVAL, None),
        (265 * GIB // 100, EVAL, WARN),
        (675 * GIB // 100, TRAIN, None),
        (665 * GIB // 100, TRAIN, WARN),
        (0, EVAL, WARN),
    ],
)
def test_memory_that_is_available(available: int, purpose: Purpose, expected: Severity | None) -> None:
    assert severity(changed("bare-metal-1gpu", memory={"available": available}), "SYS.RAM", purpose) == expected


@pytest.mark.parametrize(("total", "expected"), [(12 * GIB // 10, WARN), (11 * GIB // 10, BLOCK)])
def test_memory_that_can_never_be_enough_blocks(total: int, expected: Severity) -> None:
    facts = changed("cpu-laptop", memory={"total": total, "available": GIB // 2})
    assert severity(facts, "SYS.RAM") == expected
    assert ("--resolution 256" in fix(facts, "SYS.RAM")) == (expected is WARN)


def test_each_gpu_that_trains_takes_memory() -> None:
    facts = changed("bare-metal-4gpu", memory={"available": 20 * GIB})
    assert severity(facts, "SYS.RAM", Purpose("train", "demo", gpus=2)) is None
    assert severity(facts, "SYS.RAM", Purpose("train", "demo", gpus=4)) == WARN
    assert severity(facts, "SYS.RAM", TRAIN) == WARN


def test_a_container_limit_above_the_need_is_not_the_cause() -> None:
    facts = changed("docker-gpus", memory={"limit": 64 * GIB, "available": 2 * GIB})
    assert "close other programs" in fix(facts, "SYS.RAM")
    assert "docker run" not in fix(facts, "SYS.RAM")


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ({"container": "docker"}, "docker run --memory=6g"),
        ({"container": "podman"}, "podman run --memory=6g"),
        ({"container": "kubernetes"}, "resources.limits.memory: 6Gi"),
        ({"scheduler": "slurm"}, "#SBATCH --mem=6G"),
        ({"scheduler": "pbs"}, "ask for 6 GB of memory in the job"),
        ({"container": "docker", "notebook": "colab"}, "High-RAM"),
    ],
)
def test_a_memory_limit_is_raised_where_it_was_set(platform: dict[str, str], words: str) -> None:
    limited = {"limit": 2 * GIB, "available": GIB}
    assert words in fix(changed("cpu-laptop", platform=platform, memory=limited), "SYS.RAM")


def test_on_wsl_memory_is_the_matter_of_another_rule() -> None:
    assert severity(changed("wsl2", memory={"available": GIB}), "SYS.RAM") is None


@pytest.mark.parametrize(
    ("free", "purpose", "expected"),
    [
        (GIB, EVAL, None),
        (GIB - 1, EVAL, WARN),
        (GIB // 10 - 1, EVAL, BLOCK),
        (5 * GIB, TRAIN, None),
        (5 * GIB - 1, TRAIN, WARN),
        (GIB, TRAIN, BLOCK),
    ],
)
def test_room_for_results(free: int, purpose: Purpose, expected: Severity | None) -> None:
    assert severity(changed("bare-metal-1gpu", disk={"free": free}), "SYS.DISK", purpose) == expected


def test_a_folder_that_cannot_be_written() -> None:
    own = changed("bare-metal-1gpu", disk={"path": "/data/my runs", "writable": False, "owned": True})
    assert "$ chmod u+rwx '/data/my runs'" in fix(own, "SYS.DISK")
    others = changed("bare-metal-1gpu", disk={"writable": False, "owned": False})
    assert "chmod" not in fix(others, "SYS.DISK")
    mounted = changed("bare-metal-1gpu", disk={"writable": False, "owned": True, "read_only": True})
    assert "chmod" not in fix(mounted, "SYS.DISK")
    kaggle = changed("kaggle-t4x2", disk={"path": "/kaggle/input/x", "read_only": True, "writable": False})
    assert "--out DIR, such as /kaggle/working/runs" in fix(kaggle, "SYS.DISK")


@pytest.mark.parametrize(
    ("soft", "purpose", "expected"), [(255, EVAL, WARN), (256, EVAL, None), (1023, TRAIN, WARN), (1024, TRAIN, None)]
)
def test_open_files(soft: int, purpose: Purpose, expected: Severity | None) -> None:
    facts = changed("bare-metal-1gpu", limits={"open_files": soft})
    assert severity(facts, "SYS.ULIMIT", purpose) == expected


@pytest.mark.parametrize(
    ("hard", "container", "words"),
    [
        (1048576, "", "$ ulimit -n 4096"),
        (2048, "", "$ ulimit -n 2048"),
        (None, "", "$ ulimit -n 4096"),
        (512, "", "$ sudo sh -c \"echo '* - nofile 65536' >> /etc/security/limits.conf\""),
        (512, "docker", "docker run --ulimit nofile=65536:65536"),
    ],
)
def test_the_soft_limit_is_raised_up_to_the_hard_one(hard: int | None, container: str, words: str) -> None:
    limits = {"open_files": 200, "open_files_hard": hard}
    facts = changed("bare-metal-1gpu", limits=limits, platform={"container": container})
    assert words in fix(facts, "SYS.ULIMIT", TRAIN)


@pytest.mark.parametrize(
    ("cores", "quota", "found"),
    [(2, None, False), (1, None, True), (16, 1.5, False), (16, 1.0, True), (None, 0.25, True), (None, None, False)],
)
def test_one_core_or_less(cores: int | None, quota: float | None, found: bool) -> None:
    facts = changed("bare-metal-1gpu", memory={"cores": cores, "core_quota": quota})
    assert severity(facts, "SYS.CPU", TRAIN) == (WARN if found else None)
    assert severity(facts, "SYS.CPU", EVAL) == (INFO if found else None)


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ({"wsl": 2}, "processors=4"),
        ({"notebook": "kaggle"}, "choose a runtime"),
        ({"container": "kubernetes"}, "resources.limits.cpu: 4"),
        ({"scheduler": "slurm"}, "#SBATCH --cpus-per-task=4"),
        ({"container": "podman"}, "podman run --cpus=4"),
        ({}, "taskset -cp $$"),
    ],
)
def test_more_cores_for_this_kind_of_machine(platform: dict[str, object], words: str) -> None:
    assert words in fix(changed("cpu-laptop", platform=platform, memory={"cores": 1}), "SYS.CPU")


@pytest.mark.parametrize(
    ("name", "path", "filesystem", "found"),
    [
        ("colab-t4", "/content/drive/MyDrive/sherf", "fuse.drive", False),
        ("colab-t4", "/content/drives", "overlay", True),
        ("kaggle-t4x2", "/kaggle/working/runs/deep", "ext4", False),
        ("kaggle-t4x2", "/kaggle/workings", "ext4", True),
        ("docker-gpus", "/runs", "xfs", False),
        ("docker-gpus", "/runs", "overlay", True),
        ("bare-metal-1gpu", "/home/anna", "overlay", False),
        ("bare-metal-1gpu", "/dev/shm/runs", "tmpfs", True),
        ("bare-metal-1gpu", "/home/anna", "", False),
    ],
)
def test_folders_that_do_not_last(name: str, path: str, filesystem: str, found: bool) -> None:
    facts = changed(name, disk={"path": path, "filesystem": filesystem})
    assert severity(facts, "SYS.EPHEMERAL", TRAIN) == (WARN if found else None)
    assert severity(facts, "SYS.EPHEMERAL", EVAL) == (INFO if found else None)


def test_a_drive_folder_without_the_drive_is_an_ordinary_folder() -> None:
    facts = changed("colab-t4", platform={"drive_mounted": False}, disk={"filesystem": "overlay"})
    assert "drive.mount('/content/drive')" in fix(facts, "SYS.EPHEMERAL", TRAIN)


def test_results_are_copied_out_of_a_container() -> None:
    facts = changed("docker-gpus", disk={"path": "/root/sherf", "filesystem": "overlay"})
    assert "docker cp NAME:/root/sherf/runs ." in fix(facts, "SYS.EPHEMERAL")
    kubernetes = changed("docker-gpus", platform={"container": "kubernetes"}, disk={"filesystem": "overlay"})
    assert "persistentVolumeClaim" in fix(kubernetes, "SYS.EPHEMERAL")

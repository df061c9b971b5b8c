from __future__ import annotations

import pytest

from checks import Facts, Purpose
from tests.checks.rules.asking import (
    BLOCK,
    EVAL,
    TRAIN,
    UNSEEN,
    WARN,
    alarms,
    changed,
    evidence,
    fix,
    severity,
    silenced_by,
)

TORCH_IDS = ["TORCH.MISSING", "TORCH.CPU", "TORCH.BROKEN", "TORCH.KERNEL"]
CPU_BUILD = {"cuda_build": "", "cuda_available": False, "devices": [], "architectures": [], "kernels": []}
FAILED = {"device": 0, "operation": "matmul", "precision": "float32", "ok": False, "error": "CUDA error: unknown"}


@pytest.mark.parametrize("identifier", TORCH_IDS)
def test_what_is_not_known_is_no_trouble(identifier: str) -> None:
    assert severity(Facts(), identifier, TRAIN) is None
    assert severity(changed("bare-metal-1gpu", torch={"state": "not asked", **CPU_BUILD}), identifier, TRAIN) is None


def test_a_torch_for_the_cpu_suits_a_machine_without_a_gpu() -> None:
    assert severity(changed("cpu-laptop"), "TORCH.CPU") is None


def test_without_a_gpu_any_torch_is_installed() -> None:
    missing = changed("cpu-laptop", torch={"state": "missing"})
    assert fix(missing, "TORCH.MISSING") == '$ /home/anna/.venv/bin/python -m pip install "torch>=2.4"'


@pytest.mark.parametrize(
    ("machine", "release"),
    [
        ("bare-metal-1gpu", "2.14"),  # driver 580
        ("bare-metal-4gpu", "2.10"),  # driver 550: nothing of CUDA 13
        ("wsl2", "2.10"),
        ("a100-mig", "2.10"),
    ],
)
def test_the_torch_that_the_driver_serves(machine: str, release: str) -> None:
    steps = fix(changed(machine, torch=CPU_BUILD), "TORCH.CPU").splitlines()
    assert steps[0].endswith("-m pip uninstall --yes torch")
    assert steps[1].endswith(f'-m pip install "torch=={release}.*"')


def test_in_a_notebook_cells_and_a_new_session() -> None:
    steps = fix(changed("colab-t4", torch=CPU_BUILD), "TORCH.CPU").splitlines()
    assert steps == [
        "in a cell: !/usr/bin/python3 -m pip uninstall --yes torch",
        'in a cell: !/usr/bin/python3 -m pip install "torch==2.10.*"',
        "then Runtime > Restart session",
    ]


def test_a_system_s_own_python_is_left_alone() -> None:
    system = {"manager": "system", "executable": "/usr/bin/python3"}
    steps = fix(changed("bare-metal-1gpu", torch={"state": "missing", **CPU_BUILD}, python=system), "TORCH.MISSING")
    assert steps.splitlines() == [
        "$ sudo apt-get install python3-venv",
        "$ /usr/bin/python3 -m venv ~/sherf-environment",
        '$ ~/sherf-environment/bin/pip install "torch==2.14.*"',
        "$ ~/sherf-environment/bin/pip install sherfctl",
        "$ ~/sherf-environment/bin/sherfctl doctor",
    ]


def test_a_path_with_spaces_is_quoted() -> None:
    facts = changed("cpu-laptop", torch={"state": "missing"}, python={"executable": "/home/a b/python"})
    assert fix(facts, "TORCH.MISSING").startswith("$ '/home/a b/python' -m pip")


def test_where_no_torch_serves_the_driver_it_is_the_driver_that_is_updated() -> None:
    old = changed("bare-metal-1gpu", torch=CPU_BUILD, gpu={"driver": "470.42.01", "cuda_driver": "11.4"})
    assert "ubuntu-drivers install" in fix(old, "TORCH.CPU")
    assert "pip install" not in fix(old, "TORCH.CPU")
    assert "no torch from 2.4 on runs with driver 470.42.01" in evidence(old, "TORCH.CPU")


def test_other_processors_are_sent_to_the_site() -> None:
    arm = changed("bare-metal-1gpu", torch=CPU_BUILD, platform={"machine": "aarch64"})
    assert "https://pytorch.org/get-started/locally/" in fix(arm, "TORCH.CPU")


def test_rocm_without_nvidia_is_no_trouble_of_torch() -> None:
    amd = changed("cpu-laptop", torch={"version": "2.8.0+rocm6.4", "hip_build": "6.4", "cuda_available": True})
    assert not {"TORCH.CPU", "TORCH.KERNEL"} & set(alarms(amd, TRAIN))


def test_the_last_lines_of_the_failure_are_shown() -> None:
    error = "\n".join(f"line {number}" for number in range(9))
    broken = changed("cpu-laptop", torch={"state": "broken", "error": error})
    assert evidence(broken, "TORCH.BROKEN").endswith("line 6\nline 7\nline 8")


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [(EVAL, WARN), (Purpose("eval", "demo", gpus=3), WARN), (Purpose("eval", "demo", gpus=4), BLOCK), (TRAIN, WARN)],
    ids=lambda value: f"gpus={value.gpus}" if isinstance(value, Purpose) else "",
)
def test_one_failing_gpu_of_four_is_grave_only_if_all_are_wanted(purpose: Purpose, expected: object) -> None:
    assert severity(changed("bare-metal-4gpu", torch={"kernels": [FAILED]}), "TORCH.KERNEL", purpose) == expected


def test_a_failing_only_gpu_blocks_training() -> None:
    facts = changed("gcp-vm", torch={"kernels": [FAILED]})
    assert severity(facts, "TORCH.KERNEL", EVAL) == WARN
    assert severity(facts, "TORCH.KERNEL", TRAIN) == BLOCK


def test_wrong_numbers_have_no_message() -> None:
    facts = changed("gcp-vm", torch={"kernels": [{**FAILED, "error": ""}]})
    assert evidence(facts, "TORCH.KERNEL") == "GPU 0: matmul in float32: wrong numbers"


@pytest.mark.parametrize(
    ("container", "steps"),
    [
        ("", "$ sudo systemctl enable --now nvidia-fabricmanager"),
        (
            "docker",
            "on the host: sudo systemctl enable --now nvidia-fabricmanager\non the host: docker restart CONTAINER",
        ),
    ],
)
def test_nvlink_switches_want_their_manager(container: str, steps: str) -> None:
    facts = changed("bare-metal-4gpu", gpu={"cuinit": 802}, torch=UNSEEN, platform={"container": container})
    assert fix(facts, "TORCH.KERNEL") == steps


def test_a_driver_without_libcuda() -> None:
    facts = changed("bare-metal-1gpu", gpu={"cuinit": None, "libcuda": ""}, torch=UNSEEN)
    assert fix(facts, "TORCH.KERNEL").startswith("libcuda is missing: install the driver again\n$ sudo apt-get")


@pytest.mark.parametrize(
    ("root", "change"),
    [
        ("TORCH.CPU", {"torch": {**CPU_BUILD, "kernels": [FAILED]}}),
        ("CUDA.ARCH", {"torch": {"kernels": [FAILED], "architectures": ["sm_50", "sm_90"]}}),
        ("CUDA.VISIBLE", {"torch": UNSEEN, "gpu": {"visible_devices": ""}}),
        ("CUDA.DRIVER_OLD", {"torch": UNSEEN, "gpu": {"driver": "470.42.01", "cuda_driver": "11.4"}}),
        ("GPU.UVM", {"torch": UNSEEN, "gpu": {"cuinit": 999}}),
        ("GPU.STUB", {"torch": UNSEEN, "gpu": {"cuinit": 34}}),
        ("GPU.MISMATCH", {"torch": UNSEEN, "gpu": {"cuinit": 803}}),
        ("CUDA.COMPAT", {"torch": UNSEEN, "gpu": {"cuinit": 804}}),
    ],
)
def test_what_explains_a_gpu_that_does_not_compute(root: str, change: dict[str, object]) -> None:
    facts = changed("bare-metal-1gpu", **change)
    for purpose in (EVAL, TRAIN):
        assert silenced_by(facts, "TORCH.KERNEL", purpose) == root


def test_several_gpus_that_do_not_talk_are_no_trouble_for_one() -> None:
    facts = changed("bare-metal-4gpu", torch={"nccl": {"state": "failed", "gpus": 4, "error": "a\nNCCL error"}})
    assert evidence(facts, "TORCH.KERNEL") == "all_reduce over 4 GPUs: NCCL error"
    assert severity(facts, "TORCH.KERNEL", TRAIN) == WARN
    assert severity(facts, "TORCH.KERNEL", Purpose("eval", "demo", gpus=1)) == WARN
    assert severity(facts, "TORCH.KERNEL", Purpose("eval", "demo", gpus=2)) == BLOCK

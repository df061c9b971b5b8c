from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Purpose, diagnose
from checks.catalogue import wsl as entries
from tests.checks.corpus import machines
from tests.checks.rules.asking import (
    BLOCK,
    EVAL,
    INFO,
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

GIB = 1024**3
NOT_FOUND = "libcuda.so.1: cannot open shared object file: No such file or directory"
BLOCKED = "GPU access blocked by the operating system"
NO_DEVICE: dict[str, Any] = {"driver": "", "cuda_driver": "", "devices": [], "cuinit": 100}


@pytest.mark.parametrize("entry", entries.ENTRIES, ids=lambda entry: entry.id)
@pytest.mark.parametrize("purpose", [EVAL, TRAIN], ids=str)
def test_what_is_not_known_is_no_trouble(entry: entries.Entry, purpose: Purpose) -> None:
    assert severity(Facts(), entry.id, purpose) is None


@pytest.mark.parametrize("name", [name for name in machines() if name != "wsl2"])
def test_elsewhere_nothing_is_said_of_wsl(name: str) -> None:
    trouble = changed(
        name,
        wsl={"linux_driver_packages": ["nvidia-driver-535"], "dxg": "", "smi": "/usr/bin/nvidia-smi"},
        gpu={"error": BLOCKED, "cuda_driver_error": "Unknown Error"},
        torch={**UNSEEN, "nccl": {"state": "failed", "gpus": 2}},
    )
    assert [f.id for f in diagnose(trouble, TRAIN).findings if f.id.startswith("WSL.")] == []


def test_the_healthy_machine_has_one_remark() -> None:
    found = diagnose(changed("wsl2"), TRAIN).findings
    assert [(f.id, f.severity) for f in found if f.group == "WSL"] == [("WSL.SYMLINK", INFO)]


@pytest.mark.parametrize("is_link", [True, None])
def test_a_link_or_no_library_is_no_remark(is_link: bool | None) -> None:
    assert severity(changed("wsl2", wsl={"libcuda_is_link": is_link}), "WSL.SYMLINK") is None


def test_version_one_explains_all_the_rest() -> None:
    facts = changed(
        "wsl2",
        platform={"wsl": 1},
        wsl={"dxg": "missing", "libcuda_is_link": None, "smi": ""},
        gpu={**NO_DEVICE, "device_files": [], "libcuda": "", "cuinit": None},
        torch=UNSEEN,
    )
    assert alarms(facts, TRAIN) == {"WSL.V1": BLOCK}
    assert silenced_by(facts, "GPU.NONE", TRAIN) == "WSL.V1"
    assert "PS> wsl --set-version NAME 2" in fix(facts, "WSL.V1")


def test_the_distribution_s_own_name_is_used() -> None:
    facts = changed("wsl2", platform={"wsl": 1}, wsl={"name": "Debian"}, torch=UNSEEN)
    assert "PS> wsl --set-version Debian 2" in fix(facts, "WSL.V1")


def test_a_computer_without_an_nvidia_card_is_not_warned_of_dxg() -> None:
    facts = changed(
        "wsl2",
        wsl={"dxg": "missing", "libcuda_is_link": None, "smi": ""},
        gpu={**NO_DEVICE, "device_files": [], "libcuda": "", "cuinit": None},
        torch=UNSEEN,
    )
    assert alarms(facts) == {}
    assert severity(facts, "WSL.NODXG") == INFO
    assert alarms(facts, TRAIN) == {"WSL.NODXG": BLOCK}


@pytest.mark.parametrize("dxg", ["ok", ""])
def test_dxg_that_is_there_or_unknown(dxg: str) -> None:
    assert severity(changed("wsl2", wsl={"dxg": dxg}), "WSL.NODXG", TRAIN) is None


def test_dxg_explains_what_nvml_and_the_loader_say() -> None:
    gpu = {**NO_DEVICE, "error": BLOCKED, "libcuda": "", "libcuda_error": NOT_FOUND, "cuda_driver_error": "x"}
    facts = changed("wsl2", wsl={"dxg": "missing"}, gpu=gpu, torch=UNSEEN)
    assert alarms(facts, TRAIN) == {"WSL.NODXG": BLOCK}
    for follower in ("WSL.BLOCKED", "WSL.SMIERR"):
        assert silenced_by(facts, follower, TRAIN) == "WSL.NODXG"


@pytest.mark.parametrize("error", [BLOCKED, "The operating system has blocked the request."])
def test_blocked_in_both_wordings(error: str) -> None:
    facts = changed("wsl2", gpu={**NO_DEVICE, "error": error}, torch=UNSEEN)
    assert alarms(facts) == {"WSL.BLOCKED": WARN}
    assert fix(facts, "WSL.BLOCKED").startswith("PS> wsl --shutdown")


@pytest.mark.parametrize("error", ["Unknown Error", "Driver Not Loaded", ""])
def test_other_errors_do_not_block(error: str) -> None:
    assert severity(changed("wsl2", gpu={**NO_DEVICE, "error": error}, torch=UNSEEN), "WSL.BLOCKED") is None


def test_a_blocked_container_is_told_of_its_host_s_setting() -> None:
    facts = changed("wsl2", platform={"container": "docker"}, gpu={**NO_DEVICE, "error": BLOCKED}, torch=UNSEEN)
    assert "no-cgroups = false" in fix(facts, "WSL.BLOCKED")


def test_a_linux_driver_explains_a_blocked_gpu() -> None:
    wsl = {"linux_driver_packages": ["nvidia-utils-535"], "smi": "/usr/bin/nvidia-smi"}
    facts = changed("wsl2", wsl=wsl, gpu={**NO_DEVICE, "error": BLOCKED}, torch=UNSEEN)
    assert alarms(facts, TRAIN) == {"WSL.LINUXDRIVER": BLOCK}
    assert fix(facts, "WSL.LINUXDRIVER") == "$ sudo apt-get purge nvidia-utils-535\nPS> wsl --shutdown"


def test_many_packages_are_removed_by_name_and_counted() -> None:
    packages = [f"libnvidia-part{number}-535" for number in range(7)]
    facts = changed("wsl2", wsl={"linux_driver_packages": packages})
    assert evidence(facts, "WSL.LINUXDRIVER").endswith("libnvidia-part4-535 and 2 more")
    assert all(package in fix(facts, "WSL.LINUXDRIVER") for package in packages)


@pytest.mark.parametrize(
    ("manager", "command"), [("dnf", "dnf remove akmod-nvidia"), ("zypper", "zypper remove"), ("pacman", "pacman -Rns")]
)
def test_other_package_managers(manager: str, command: str) -> None:
    facts = changed("wsl2", platform={"package_manager": manager}, wsl={"linux_driver_packages": ["akmod-nvidia"]})
    assert f"$ sudo {command}" in fix(facts, "WSL.LINUXDRIVER")


@pytest.mark.parametrize(
    "libcuda",
    ["/usr/lib/wsl/lib/libcuda.so.1", "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1/libcuda.so.1.1", "",
     "/usr/local/cuda/lib64/stubs/libcuda.so", "/usr/local/cuda-12.6/compat/libcuda.so.560.28.03"],
)  # fmt: skip
def test_libraries_that_are_no_linux_driver(libcuda: str) -> None:
    facts = changed("wsl2", gpu={"libcuda": libcuda, "cuinit": None}, torch=UNSEEN)
    assert severity(facts, "WSL.LINUXDRIVER") is None


def test_in_a_container_the_library_lies_elsewhere() -> None:
    facts = changed("docker-gpus", platform={"wsl": 2}, wsl={"dxg": "ok"})
    assert alarms(facts, TRAIN) == {}


def test_the_loader_s_path_is_kept() -> None:
    gpu = {"libcuda": "", "libcuda_error": NOT_FOUND, "cuinit": None}
    facts = changed("wsl2", gpu=gpu, torch=UNSEEN, toolkit={"library_path": "/opt/lib"}, platform={"is_root": True})
    assert alarms(facts, TRAIN) == {"WSL.LIBCUDA": BLOCK}
    assert "$ export LD_LIBRARY_PATH=/usr/lib/wsl/lib:/opt/lib" in fix(facts, "WSL.LIBCUDA")
    assert "$ echo /usr/lib/wsl/lib | tee /etc/ld.so.conf.d/ld.wsl.conf && ldconfig" in fix(facts, "WSL.LIBCUDA")


def test_a_library_that_windows_does_not_bring() -> None:
    gpu = {"libcuda": "", "libcuda_error": NOT_FOUND, "cuinit": None}
    facts = changed("wsl2", gpu=gpu, torch=UNSEEN, wsl={"libcuda_is_link": None})
    assert fix(facts, "WSL.LIBCUDA").startswith("in Windows: install the newest NVIDIA driver")


def test_a_missing_library_explains_smi_s_error() -> None:
    gpu = {"libcuda": "", "libcuda_error": NOT_FOUND, "cuinit": None, "cuda_driver": "", "cuda_driver_error": "x"}
    assert silenced_by(changed("wsl2", gpu=gpu, torch=UNSEEN), "WSL.SMIERR") == "WSL.LIBCUDA"


def test_smi_s_error_is_nothing_where_torch_works() -> None:
    assert alarms(changed("wsl2", gpu={"cuda_driver": "", "cuda_driver_error": "Unknown Error"}), TRAIN) == {}


def test_memory_is_granted_by_windows() -> None:
    facts = changed("wsl2", memory={"total": 2 * GIB, "available": 2 * GIB})
    assert severity(facts, "WSL.RAM", TRAIN) in {WARN, BLOCK}
    assert severity(facts, "SYS.RAM", TRAIN) is None
    steps = fix(facts, "WSL.RAM", TRAIN).splitlines()
    assert ".wslconfig" in steps[0]
    assert steps[1] == "[wsl2]"
    assert steps[2].startswith("memory=")
    assert steps[3] == "PS> wsl --shutdown"


def test_memory_in_use_is_not_windows_doing() -> None:
    facts = changed("wsl2", memory={"available": GIB})
    assert severity(facts, "WSL.RAM") == WARN
    assert ".wslconfig" not in fix(facts, "WSL.RAM")


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [(EVAL, WARN), (TRAIN, WARN), (Purpose("eval", "demo", gpus=1), WARN), (Purpose("train", "demo", gpus=2), BLOCK)],
)
def test_nccl_matters_to_several_gpus(purpose: Purpose, expected: object) -> None:
    facts = changed("wsl2", torch={"nccl": {"state": "timeout", "gpus": 2, "seconds": 30.0}})
    assert severity(facts, "WSL.NCCL", purpose) == expected
    assert severity(facts, "TORCH.KERNEL", purpose) is None


@pytest.mark.parametrize("state", ["ok", "not asked"])
def test_nccl_that_works_or_was_not_asked(state: str) -> None:
    assert severity(changed("wsl2", torch={"nccl": {"state": state}}), "WSL.NCCL", TRAIN) is None

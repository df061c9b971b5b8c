from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Purpose, diagnose
from checks.catalogue import gpu as entries
from checks.facts.records import GpuDevice, TorchFacts
from checks.rules.needs import SMALLEST_GPU_NEED
from tests.checks.corpus import machine, machines
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
NOTHING: dict[str, Any] = {"driver": "", "kernel_driver": "", "cuda_driver": "", "devices": [], "device_files": [],
                           "pci_devices": 0, "libcuda": "", "cuinit": None}  # fmt: skip
ONE_GPU = Purpose("eval", "demo", gpus=1)


def device(index: int = 0, **values: Any) -> dict[str, Any]:
    plain = {
        "index": index,
        "name": "Tesla T4",
        "uuid": f"GPU-{index}",
        "total_bytes": 16 * GIB,
        "free_bytes": 15 * GIB,
    }
    return GpuDevice.model_validate({**plain, "capability": (7, 5), **values}).model_dump()


@pytest.mark.parametrize("entry", entries.ENTRIES, ids=lambda entry: entry.id)
def test_what_is_not_known_is_no_alarm(entry: entries.Entry) -> None:
    known = {"GPU.NONE": INFO}
    assert severity(Facts(), entry.id) == known.get(entry.id)


@pytest.mark.parametrize(("purpose", "expected"), [(EVAL, INFO), (ONE_GPU, BLOCK), (TRAIN, BLOCK)])
def test_no_gpu(purpose: Purpose, expected: object) -> None:
    assert severity(changed("cpu-laptop"), "GPU.NONE", purpose) == expected


@pytest.mark.parametrize("notebook", ["colab", "kaggle"])
@pytest.mark.parametrize("libcuda", ["", "/usr/lib64-nvidia/libcuda.so.550.54.15"])
def test_a_hosted_notebook_is_told_its_menu(notebook: str, libcuda: str) -> None:
    facts = changed("colab-t4", platform={"notebook": notebook}, gpu={**NOTHING, "libcuda": libcuda}, torch=UNSEEN)
    assert alarms(facts) == {"GPU.NONE": WARN}
    assert {"colab": "Runtime > Change runtime type", "kaggle": "Settings > Accelerator"}[notebook] in fix(
        facts, "GPU.NONE"
    )


@pytest.mark.parametrize(
    ("platform", "step"),
    [
        ({"distribution_id": "ubuntu"}, "$ sudo ubuntu-drivers install"),
        ({"distribution_id": "debian", "is_root": True}, "$ apt-get install nvidia-driver"),
        ({"distribution_id": "fedora"}, "$ sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda"),
        ({"distribution_id": "arch"}, "$ sudo pacman -S nvidia-open nvidia-utils"),
        ({"distribution_id": "rocky", "distribution": "Rocky Linux 9"}, "install NVIDIA's driver for Rocky Linux 9"),
    ],
)
def test_a_card_without_a_driver(platform: dict[str, object], step: str) -> None:
    facts = changed("bare-metal-1gpu", gpu={**NOTHING, "pci_devices": 1}, torch=UNSEEN, platform=platform)
    assert alarms(facts) == {"GPU.NONE": WARN}
    assert step in fix(facts, "GPU.NONE")


def test_windows_without_an_nvidia_card_is_healthy() -> None:
    gpu = {**NOTHING, "device_files": ["/dev/dxg"]}
    facts = changed("wsl2", gpu=gpu, torch=UNSEEN, wsl={"libcuda_is_link": None, "smi": ""})
    assert alarms(facts) == {}
    assert "in Windows" in fix(facts, "GPU.NONE")


def test_a_gpu_that_works_is_there_whatever_nvml_says() -> None:
    silent = {"devices": [], "driver": "", "cuda_driver": "", "error": "NVML's Python package is missing: pynvml"}
    assert alarms(changed("bare-metal-1gpu", gpu=silent), TRAIN) == {}


def test_nvml_that_does_not_answer_leaves_it_open() -> None:
    silent = {"devices": [], "driver": "", "cuda_driver": "", "cuinit": None, "error": "NVML: took too long"}
    facts = changed("bare-metal-1gpu", gpu=silent, torch={**UNSEEN, "state": "not asked"})
    assert {"GPU.NONE", "GPU.NODEV"} & set(alarms(facts)) == set()


@pytest.mark.parametrize(
    ("container", "step"),
    [
        ("docker", "docker run --gpus all"),
        ("other", "docker run --gpus all"),
        ("podman", "podman run --device nvidia.com/gpu=all"),
        ("kubernetes", "nvidia.com/gpu: 1"),
        ("lxc", "nvidia.runtime=true"),
    ],
)
def test_each_container_gets_its_gpu_its_own_way(container: str, step: str) -> None:
    gpu = {**NOTHING, "kernel_driver": "570.124.06"}
    facts = changed("docker-gpus", gpu=gpu, torch=UNSEEN, platform={"container": container})
    assert alarms(facts, TRAIN) == {"GPU.NODEV": BLOCK}
    assert step in fix(facts, "GPU.NODEV")


@pytest.mark.parametrize(
    ("scheduler", "step"), [("slurm", "srun --gres=gpu:1"), ("pbs", "ngpus=1"), ("lsf", 'bsub -gpu "num=1"')]
)
def test_a_job_without_gpus(scheduler: str, step: str) -> None:
    gpu = {"devices": [], "cuinit": 100, "visible_devices": ""}
    facts = changed("a100-mig", gpu=gpu, torch=UNSEEN, platform={"scheduler": scheduler})
    assert alarms(facts) == {"GPU.NODEV": WARN}
    assert step in fix(facts, "GPU.NODEV")


def test_a_driver_on_a_machine_without_a_card_is_a_remark() -> None:
    facts = changed("bare-metal-1gpu", gpu={**NOTHING, "libcuda": "/usr/lib64/libcuda.so.580.65.06"}, torch=UNSEEN)
    assert severity(facts, "GPU.NODEV") == INFO
    assert severity(facts, "GPU.NODEV", TRAIN) == BLOCK


def test_device_files_that_may_not_be_opened() -> None:
    facts = changed(
        "bare-metal-1gpu", gpu={"devices": [], "driver": "", "error": "Insufficient Permissions"}, torch=UNSEEN
    )
    facts = facts.model_copy(update={"gpu": facts.gpu.model_copy(update={"cuinit": 100})})
    assert "usermod -aG video,render $USER" in fix(facts, "GPU.NODEV")


@pytest.mark.parametrize("cuinit", [3, 46, 100, 999])
def test_uvm_is_missing(cuinit: int) -> None:
    gpu = {"device_files": ["/dev/nvidia0", "/dev/nvidiactl"], "cuinit": cuinit}
    facts = changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN)
    assert alarms(facts, TRAIN) == {"GPU.UVM": BLOCK}
    assert fix(facts, "GPU.UVM") == "$ sudo modprobe nvidia-uvm\n$ sudo nvidia-modprobe -u -c 0"


@pytest.mark.parametrize("cuinit", [0, 2, 101])
def test_other_codes_do_not_speak_of_uvm(cuinit: int) -> None:
    gpu = {"device_files": ["/dev/nvidia0"], "cuinit": cuinit}
    assert severity(changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN), "GPU.UVM") is None


@pytest.mark.parametrize("cuinit", [3, 46, 100])
def test_with_uvm_there_the_codes_mean_something_else(cuinit: int) -> None:
    assert severity(changed("bare-metal-1gpu", gpu={"cuinit": cuinit}, torch=UNSEEN), "GPU.UVM") is None


def test_uvm_after_sleep_is_loaded_anew() -> None:
    facts = changed("bare-metal-1gpu", gpu={"cuinit": 999}, torch=UNSEEN)
    assert "rmmod nvidia_uvm" in fix(facts, "GPU.UVM")


def test_hidden_gpus_load_no_module() -> None:
    gpu = {"device_files": ["/dev/nvidia0"], "cuinit": 100, "visible_devices": ""}
    assert alarms(changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN)) == {"CUDA.VISIBLE": WARN}


def test_wsl_has_no_uvm() -> None:
    assert severity(changed("wsl2", gpu={"cuinit": 999}, torch=UNSEEN), "GPU.UVM") is None


@pytest.mark.parametrize(
    "gpu",
    [
        {"error": "Driver/library version mismatch", "devices": [], "driver": "", "cuinit": None},
        {"error": "RM has detected an NVML/RM version mismatch.", "devices": [], "driver": "", "cuinit": None},
        {"cuinit": 803},
        {"kernel_driver": "570.86.15", "cuinit": 999},
        {"kernel_driver": "570.86.15", "driver": "", "devices": [], "cuinit": None},
    ],
)
def test_versions_that_differ(gpu: dict[str, object]) -> None:
    facts = changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN)
    assert alarms(facts, TRAIN) == {"GPU.MISMATCH": BLOCK}
    assert fix(facts, "GPU.MISMATCH").startswith("$ sudo reboot")


def test_versions_may_differ_where_the_gpu_works() -> None:
    assert alarms(changed("bare-metal-1gpu", gpu={"kernel_driver": "570.86.15"}), TRAIN) == {}


def test_windows_driver_and_kernel_are_not_compared() -> None:
    assert severity(changed("wsl2", gpu={"kernel_driver": "1.2.3"}, torch=UNSEEN), "GPU.MISMATCH") is None


def test_stubs_leave_the_library_path() -> None:
    path = "/usr/local/cuda/lib64/stubs:/usr/local/cuda/lib64::/opt/cuda/stubs/"
    facts = changed("gcp-vm", gpu={"cuinit": 34}, torch=UNSEEN, toolkit={"library_path": path})
    assert fix(facts, "GPU.STUB") == "$ export LD_LIBRARY_PATH=/usr/local/cuda/lib64"
    only = changed("gcp-vm", gpu={"cuinit": 34}, torch=UNSEEN, toolkit={"library_path": "/opt/cuda/stubs"})
    assert fix(only, "GPU.STUB") == "$ unset LD_LIBRARY_PATH"


@pytest.mark.parametrize("action", ["eval", "train"])
def test_busy_begins_where_the_smallest_piece_ends(action: str) -> None:
    need, purpose = SMALLEST_GPU_NEED[action], Purpose(action, "demo")  # type: ignore[arg-type]
    for free, expected in ((need, None), (need - 1, BLOCK if action == "train" else WARN)):
        facts = changed("colab-t4", gpu={"devices": [device(free_bytes=free)]})
        assert severity(facts, "GPU.BUSY", purpose) == expected


def test_a_gpu_that_is_too_small_is_not_busy() -> None:
    small = device(total_bytes=GIB, free_bytes=GIB // 2)
    assert severity(changed("colab-t4", gpu={"devices": [small]}), "GPU.BUSY", TRAIN) is None


def test_one_free_gpu_is_enough_for_one() -> None:
    facts = changed("kaggle-t4x2", gpu={"devices": [device(0, free_bytes=0), device(1)]})
    assert severity(facts, "GPU.BUSY", ONE_GPU) is None
    assert severity(facts, "GPU.BUSY", Purpose("eval", "demo", gpus=2)) == BLOCK


def test_only_visible_gpus_count() -> None:
    devices = [device(0, free_bytes=0, processes=2), device(1)]
    facts = changed("kaggle-t4x2", gpu={"devices": devices, "visible_devices": "0"})
    assert severity(facts, "GPU.BUSY") == WARN
    assert "os.environ['CUDA_VISIBLE_DEVICES'] = '1'" in fix(facts, "GPU.BUSY")
    assert "other processes: 2" in evidence(facts, "GPU.BUSY")


def test_instances_are_a_remark_on_the_healthy_machine() -> None:
    assert severity(changed("a100-mig"), "GPU.MIG", TRAIN) == INFO
    assert severity(changed("a100-mig"), "GPU.MIG", ONE_GPU) == INFO
    assert severity(changed("a100-mig"), "GPU.MIG", Purpose("train", "demo", gpus=2)) == BLOCK


def test_another_whole_gpu_makes_empty_instances_a_warning() -> None:
    devices = [device(0, mig=True), device(1)]
    facts = changed("kaggle-t4x2", gpu={"devices": devices}, torch=UNSEEN)
    assert severity(facts, "GPU.MIG", TRAIN) == WARN
    assert "$ nvidia-smi mig -i 0 -cgi 0 -C" in fix(facts, "GPU.MIG", TRAIN)


@pytest.mark.parametrize(
    ("mode", "processes", "expected"),
    [
        ("default", 3, None),
        ("", None, None),
        ("exclusive_process", 0, None),
        ("exclusive_process", None, None),
        ("exclusive_process", 1, BLOCK),
        ("exclusive_thread", 1, BLOCK),
        ("prohibited", 0, BLOCK),
    ],
)
def test_compute_modes(mode: str, processes: int | None, expected: object) -> None:
    facts = changed("gcp-vm", gpu={"devices": [device(compute_mode=mode, processes=processes)]})
    assert severity(facts, "GPU.COMPUTEMODE", TRAIN) == expected


def test_one_closed_gpu_of_two() -> None:
    facts = changed("kaggle-t4x2", gpu={"devices": [device(0, compute_mode="prohibited"), device(1)]})
    assert severity(facts, "GPU.COMPUTEMODE", TRAIN) == WARN
    assert severity(facts, "GPU.COMPUTEMODE", Purpose("eval", "demo", gpus=2)) == BLOCK


@pytest.mark.parametrize(
    ("machine", "step"),
    [("bare-metal-1gpu", "--gpu-reset -i 0"), ("docker-gpus", "another machine"), ("gcp-vm", "stop and start")],
)
def test_memory_errors(machine: str, step: str) -> None:
    facts = changed(machine, gpu={"devices": [device(ecc_uncorrected=1)]})
    assert severity(facts, "GPU.ECC", TRAIN) == WARN
    assert step in fix(facts, "GPU.ECC")


def test_no_errors_counted_is_no_trouble() -> None:
    for counted in (0, None):
        facts = changed("gcp-vm", gpu={"devices": [device(ecc_uncorrected=counted)]})
        assert severity(facts, "GPU.ECC") is None


def test_no_device_explains_a_missing_uvm() -> None:
    gpu = {"devices": [], "driver": "", "error": "Unknown Error", "device_files": ["/dev/nvidia0"], "cuinit": 100}
    assert silenced_by(changed("docker-gpus", gpu=gpu, torch=UNSEEN), "GPU.UVM") == "GPU.NODEV"


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("without_nvml", [False, True])
def test_a_quick_look_at_a_healthy_machine_gives_no_alarm(name: str, without_nvml: bool) -> None:
    facts = machine(name)
    unknown = {"cuinit": None}
    if without_nvml and facts.gpu.devices:
        error = "NVML's Python package is missing: No module named 'pynvml'"
        unknown |= {"devices": (), "driver": "", "cuda_driver": "", "error": error}
    quick = facts.model_copy(update={"torch": TorchFacts(), "gpu": facts.gpu.model_copy(update=unknown)})
    groups = {found.id: found.group for found in diagnose(quick, EVAL).findings if found.severity > INFO}
    assert not {identifier for identifier, group in groups.items() if group in {"GPU", "Torch", "WSL", "Python"}}

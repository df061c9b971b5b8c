"""The driver and its GPUs: a fake NVML, and device files, buses and kernel modules made of files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checks.facts import gpu
from checks.facts.libcuda import Start
from checks.facts.nvml import nvml_facts
from checks.facts.records import GpuFacts
from tests.checks.facts.fakes import FakeNvml, files

KERNEL = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\nGCC version: 12\n"
OPEN_KERNEL = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (me@host)\n"


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    return fake


def asked(monkeypatch: pytest.MonkeyPatch, *failing: str, gpus: int = 1, **answers: Any) -> dict[str, Any]:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*failing, gpus=gpus, **answers))  # type: ignore[arg-type]
    return nvml_facts()


def test_a_healthy_card(nvml: FakeNvml) -> None:
    facts = nvml_facts()
    assert (facts["driver"], facts["cuda_driver"], facts["cuda_driver_error"]) == ("550.54.14", "12.4", "")
    (device,) = facts["devices"]
    assert (device.index, device.name, device.uuid, device.capability) == (0, "Tesla T4", "GPU-1234", (7, 5))
    assert (device.total_bytes, device.free_bytes) == (16_106_127_360, 15_000_000_000)
    assert (device.processes, device.compute_mode, device.mig, device.ecc_uncorrected) == (0, "default", False, 0)
    assert facts["error"] == ""
    assert nvml.closed


def test_without_nvml_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "nvmlInit") == {"error": "nvmlInit failed"}
    monkeypatch.setitem(sys.modules, "pynvml", None)  # type: ignore[arg-type]
    assert "package is missing" in nvml_facts()["error"]


def test_a_foreign_package_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, {"pynvml.py": "raise RuntimeError('print is no function here')"})
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert "print is no function here" in nvml_facts()["error"]


def test_the_cuda_version_has_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = asked(monkeypatch, "nvmlSystemGetCudaDriverVersion_v2")
    assert facts["cuda_driver_error"] == "nvmlSystemGetCudaDriverVersion_v2 failed"
    assert "cuda_driver" not in facts
    assert (facts["error"], len(facts["devices"])) == ("", 1)


@pytest.mark.parametrize("question", ["nvmlSystemGetDriverVersion", "nvmlDeviceGetCount"])
def test_other_answers_stand_where_one_fails(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    facts = asked(monkeypatch, question)
    assert facts["error"] == f"{question} failed"
    assert facts["cuda_driver"] == "12.4"
    assert len(facts["devices"]) == (0 if question == "nvmlDeviceGetCount" else 1)


@pytest.mark.parametrize("question", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetName"])
def test_a_lost_gpu_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    facts = asked(monkeypatch, f"{question}:1", gpus=3)
    assert [device.index for device in facts["devices"]] == [0, 2]
    assert facts["error"].startswith("GPU 1: ")


@pytest.mark.parametrize(
    ("question", "field", "unknown"),
    [
        ("nvmlDeviceGetCudaComputeCapability", "capability", None),
        ("nvmlDeviceGetComputeRunningProcesses", "processes", None),
        ("nvmlDeviceGetComputeMode", "compute_mode", ""),
        ("nvmlDeviceGetMigMode", "mig", False),
        ("nvmlDeviceGetTotalEccErrors", "ecc_uncorrected", None),
        ("nvmlDeviceGetUUID", "uuid", ""),
    ],
)
def test_what_a_driver_does_not_tell_is_unknown(
    monkeypatch: pytest.MonkeyPatch, question: str, field: str, unknown: object
) -> None:
    (device,) = asked(monkeypatch, question)["devices"]
    assert getattr(device, field) == unknown


def test_an_old_package_lacks_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml()
    del fake.answers["nvmlDeviceGetTotalEccErrors"], fake.answers["nvmlDeviceGetMigMode"]
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    (device,) = nvml_facts()["devices"]
    assert (device.ecc_uncorrected, device.mig) == (None, False)


@pytest.mark.parametrize(
    ("number", "mode"), [(0, "default"), (1, "exclusive_thread"), (2, "prohibited"), (3, "exclusive_process"), (9, "")]
)
def test_compute_modes(monkeypatch: pytest.MonkeyPatch, number: int, mode: str) -> None:
    (device,) = asked(monkeypatch, nvmlDeviceGetComputeMode=number)["devices"]
    assert device.compute_mode == mode


def test_a_card_that_is_split_and_used_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def instance(handle: int, slot: int) -> int:
        if slot > 2:
            raise FakeNvml.NVMLError("Not Found")
        return slot

    (device,) = asked(
        monkeypatch,
        nvmlDeviceGetMigMode=(1, 1),
        nvmlDeviceGetMigDeviceHandleByIndex=instance,
        nvmlDeviceGetComputeRunningProcesses=[SimpleNamespace(pid=1), SimpleNamespace(pid=2)],
        nvmlDeviceGetTotalEccErrors=12,
    )["devices"]
    assert (device.mig, device.mig_instances, device.processes, device.ecc_uncorrected) == (True, 3, 2, 12)


def test_traces_of_a_card(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        {
            "proc/driver/nvidia/version": KERNEL,
            "dev/nvidia0": "",
            "dev/nvidiactl": "",
            "dev/nvidia-uvm": "",
            "dev/dxg": "",
            "dev/null": "",
            "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
            "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
            "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
            "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
            "sys/bus/pci/devices/0000:02:00.0/vendor": "0x10DE\n",
            "sys/bus/pci/devices/0000:02:00.0/class": "0x030200\n",
            "sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n",
            "sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
        },
    )
    facts = gpu.gpu_traces(root, {"CUDA_VISIBLE_DEVICES": ""})
    assert facts.kernel_driver == "535.54.03"
    assert facts.device_files == ("/dev/dxg", "/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidiactl")
    # A sound output of an NVIDIA card is no display controller; a card without a display (0302) is.
    assert facts.pci_devices == 2
    assert facts.visible_devices == ""


def test_the_open_kernel_module(tmp_path: Path) -> None:
    root = files(tmp_path, {"proc/driver/nvidia/version": OPEN_KERNEL})
    assert gpu.gpu_traces(root, {}).kernel_driver == "580.159.04"


def test_a_machine_without_traces(tmp_path: Path) -> None:
    facts = gpu.gpu_traces(tmp_path, {})
    assert facts == GpuFacts()
    assert not facts.present
    files(tmp_path, {"proc/driver/nvidia/version": b"\xff\x00", "sys/bus/pci/devices/a/vendor": b"\x80"})
    assert gpu.gpu_traces(tmp_path, {}).pci_devices == 0


def with_libcuda(root: Path) -> Path:
    return files(root, {"usr/lib64/libcuda.so.1": ""})


def test_what_the_library_answered(tmp_path: Path, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "start_libcuda", lambda: Start(error="libcuda.so.1: invalid ELF header"))
    facts = gpu.gpu_facts(with_libcuda(tmp_path), {})
    assert (facts.libcuda, facts.libcuda_error) == ("/usr/lib64/libcuda.so.1", "libcuda.so.1: invalid ELF header")
    assert (facts.cuinit, facts.driver) == (None, "550.54.14")
    monkeypatch.setattr(gpu, "start_libcuda", lambda: Start(loaded="/opt/stubs/libcuda.so.1", cuinit=34))
    facts = gpu.gpu_facts(tmp_path, {})
    assert (facts.libcuda, facts.libcuda_error, facts.cuinit) == ("/opt/stubs/libcuda.so.1", "", 34)


def test_the_driver_is_started_only_where_asked_and_there(
    tmp_path: Path, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(gpu, "start_libcuda", lambda: started.append(1) or Start(cuinit=0))
    assert gpu.gpu_facts(tmp_path, {}).cuinit is None
    assert gpu.gpu_facts(with_libcuda(tmp_path), {}, start_driver=False).cuinit is None
    assert started == []
    assert gpu.gpu_facts(tmp_path, {}).cuinit == 0


def test_an_nvml_that_hangs_costs_its_own_facts_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forever, measured = threading.Event(), threading.Event()
    monkeypatch.setattr(gpu, "NVML_SECONDS", 0.1)
    monkeypatch.setattr(gpu, "nvml_facts", forever.wait)
    facts = gpu.gpu_facts(files(tmp_path, {"dev/nvidia0": ""}), {}, when_measured=measured.set)
    forever.set()
    assert facts.error == "NVML: took too long"
    assert facts.device_files == ("/dev/nvidia0",)
    assert measured.is_set()


def test_measured_is_told_after_nvml_and_before_the_rest(
    tmp_path: Path, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = threading.Event()
    # The library's start takes until the signal has come, which must not wait for it.
    monkeypatch.setattr(gpu, "start_libcuda", lambda: Start(cuinit=0 if measured.wait(5) else None))
    facts = gpu.gpu_facts(with_libcuda(tmp_path), {}, when_measured=measured.set)
    assert facts.cuinit == 0

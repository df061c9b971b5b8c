"""Collectors for system, GPU and torch."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checks import Facts, all_facts, machine_facts
from checks.facts import collect, gpu, system, torch_probe
from checks.facts.records import GpuFacts, PlatformFacts, TorchFacts


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("contents", "wsl"),
    [
        ({"proc/version": "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)"}, 0),
        ({"proc/version": "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)"}, 1),
        ({"proc/version": "Linux version 5.15.146.1-microsoft-standard-WSL2 (root@65c)"}, 2),
        ({"proc/version": "Linux version 5.10.0 (own-kernel@microsoft)", "dev/dxg": ""}, 2),
        ({}, 0),
    ],
)
def test_wsl(tmp_path: Path, contents: dict[str, str], wsl: int) -> None:
    assert system.platform_facts(files(tmp_path, contents), {}).wsl == wsl


@pytest.mark.parametrize(
    ("contents", "environment", "expected"),
    [
        ({}, {}, ""),
        ({".dockerenv": ""}, {}, "other"),
        ({"run/.containerenv": ""}, {}, True),
        ({"proc/1/cgroup": "12:memory:/docker/abcdef"}, {}, True),
        ({"proc/1/cgroup": "0::/init.scope"}, {}, False),
        ({}, {"container": "podman"}, True),
    ],
)
def test_container(tmp_path: Path, contents: dict[str, str], environment: dict[str, str], expected: bool) -> None:
    assert system.platform_facts(files(tmp_path, contents), environment).container is expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"COLAB_RELEASE_TAG": "release-colab_20260101"}, "colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, "kaggle"),
        ({"JPY_PARENT_PID": "12"}, "jupyter"),
    ],
)
def test_notebook(tmp_path: Path, environment: dict[str, str], expected: str) -> None:
    assert system.platform_facts(tmp_path, environment).notebook == expected


def test_distribution(tmp_path: Path) -> None:
    root = files(tmp_path, {"etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'})
    assert system.platform_facts(root, {}).distribution == "Debian GNU/Linux 12 (bookworm)"


def test_a_containers_limit_bounds_the_available_memory(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup"
    root = files(tmp_path, {f"{folder}/memory.max": "1000000\n", f"{folder}/memory.current": "400000\n"})
    facts = system.memory_facts(root)
    assert (facts.limit, facts.available) == (1_000_000, 600_000)
    unlimited = system.memory_facts(files(tmp_path, {f"{folder}/memory.max": "max\n"}))
    assert unlimited.limit is None
    assert unlimited.available is not None
    assert unlimited.available > 1_000_000


def test_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    facts = system.disk_facts(tmp_path / "not" / "yet")
    assert facts.path == str(tmp_path)
    assert facts.writable is True
    assert facts.free is not None
    assert facts.free > 0


class FakeNvml(SimpleNamespace):
    """The parts of pynvml that are used, for a machine with one T4."""

    class NVMLError(Exception):
        pass

    def __init__(self, failing: str = "") -> None:
        super().__init__(failing=failing, closed=False)

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlSystemGetDriverVersion": b"550.54.14",
            "nvmlSystemGetCudaDriverVersion_v2": 12040,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetName": "Tesla T4",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=16_106_127_360, free=15_000_000_000),
            "nvmlDeviceGetCudaComputeCapability": (7, 5),
            "nvmlShutdown": None,
        }

        def call(*_: object) -> Any:
            if name == self.failing:
                raise FakeNvml.NVMLError(f"{name} failed")
            self.closed |= name == "nvmlShutdown"
            return answers[name]

        return call


def test_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    facts = gpu.gpu_facts()
    assert (facts.driver, facts.cuda_driver) == ("550.54.14", "12.4")
    (device,) = facts.devices
    assert (device.name, device.capability, device.total_bytes) == ("Tesla T4", (7, 5), 16_106_127_360)
    assert fake.closed


@pytest.mark.parametrize("failing", ["nvmlInit", "nvmlSystemGetDriverVersion", "nvmlDeviceGetMemoryInfo"])
def test_nvml_failures_are_facts(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    fake = FakeNvml(failing)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    facts = gpu.gpu_facts()
    assert facts.error == f"{failing} failed"
    assert facts.devices == ()
    assert fake.closed is (failing != "nvmlInit")


def test_an_unknown_capability_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml("nvmlDeviceGetCudaComputeCapability"))
    assert gpu.gpu_facts().devices[0].capability is None


def test_without_the_nvml_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "package is missing" in gpu.gpu_facts().error


def test_torch_in_a_child() -> None:
    import torch

    facts = torch_probe.torch_facts()
    assert facts.state == "ok", facts.error
    assert facts.version == torch.__version__
    assert facts.cuda_available == torch.cuda.is_available()


def test_a_stray_torch_in_the_current_folder_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('the wrong torch')")
    monkeypatch.chdir(tmp_path)
    assert torch_probe.torch_facts().state == "ok"


def test_a_broken_torch() -> None:
    child = "print('noise'); raise ImportError('libcudart.so.13: cannot open shared object file')"
    facts = torch_probe.torch_facts(child=child)
    assert facts.state == "broken"
    assert "libcudart.so.13: cannot open shared object file" in facts.error


def test_a_torch_that_crashes_or_says_nothing() -> None:
    crashed = torch_probe.torch_facts(child="import os; os.kill(os.getpid(), 11)")
    assert (crashed.state, crashed.error) == ("broken", "exit status -11")
    assert torch_probe.torch_facts(child="pass").state == "broken"


def test_a_torch_that_hangs() -> None:
    facts = torch_probe.torch_facts(seconds=0.3, child="import time; time.sleep(60)")
    assert facts.state == "timeout"


def test_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert torch_probe.torch_facts().state == "missing"


def test_torch_is_asked_only_where_something_points_to_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def answer(seconds: float) -> TorchFacts:
        asked.append(seconds)
        return TorchFacts(state="ok")

    monkeypatch.setattr(torch_probe, "torch_facts", answer)
    monkeypatch.setattr(gpu, "gpu_facts", GpuFacts)
    assert machine_facts().torch.state == "not asked"
    assert asked == []
    monkeypatch.setattr(gpu, "gpu_facts", lambda: GpuFacts(device_files=("/dev/nvidia0",)))
    machine_facts()
    assert len(asked) == 1


def test_a_collector_that_breaks_leaves_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> PlatformFacts:
        raise OSError("no /proc")

    monkeypatch.setattr(system, "platform_facts", broken)
    monkeypatch.setattr(torch_probe, "torch_facts", lambda seconds: TorchFacts(state="ok"))
    facts = machine_facts()
    assert facts.platform == PlatformFacts()
    assert [problem.collector for problem in facts.problems] == ["platform"]


def test_facts_survive_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(collect.torch_probe, "torch_facts", lambda seconds: TorchFacts(state="missing"))
    facts = all_facts()
    assert facts.problems == ()
    assert Facts.model_validate_json(facts.model_dump_json()) == facts

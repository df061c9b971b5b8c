"""Machines made of files in a temporary folder, and a driver made of answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any


def files(root: Path, contents: dict[str, str | bytes]) -> Path:
    """Write files under `root`, by relative name; `root` is returned."""
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def program(path: Path) -> Path:
    """A file that a shell would start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


class FakeNvml:
    """The parts of pynvml that are used, for a machine with T4s.

    Args:
        failing: names of functions that raise; `NAME:1` raises for the GPU of that index alone.
        answers: replaced answers.
    """

    class NVMLError(Exception):
        pass

    def __init__(self, *failing: str, gpus: int = 1, **answers: Any) -> None:
        self.failing, self.closed = failing, False
        self.answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlSystemGetDriverVersion": b"550.54.14",
            "nvmlSystemGetCudaDriverVersion_v2": 12040,
            "nvmlDeviceGetCount": gpus,
            "nvmlDeviceGetName": "Tesla T4",
            "nvmlDeviceGetUUID": b"GPU-1234",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=16_106_127_360, free=15_000_000_000),
            "nvmlDeviceGetCudaComputeCapability": (7, 5),
            "nvmlDeviceGetComputeRunningProcesses": [],
            "nvmlDeviceGetComputeMode": 0,
            "nvmlDeviceGetMigMode": (0, 0),
            "nvmlDeviceGetMaxMigDeviceCount": 7,
            "nvmlDeviceGetTotalEccErrors": 0,
            "nvmlShutdown": None,
            **answers,
        }

    def __getattr__(self, name: str) -> Any:
        if name == "nvmlDeviceGetHandleByIndex":
            return self._handle
        if name not in self.answers:
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            if name in self.failing or (arguments and f"{name}:{arguments[0]}" in self.failing):
                raise FakeNvml.NVMLError(f"{name} failed")
            self.closed |= name == "nvmlShutdown"
            answer = self.answers[name]
            return answer(*arguments) if callable(answer) else answer

        return call

    def _handle(self, index: int) -> int:
        if f"nvmlDeviceGetHandleByIndex:{index}" in self.failing:
            raise FakeNvml.NVMLError("GPU is lost")
        return index

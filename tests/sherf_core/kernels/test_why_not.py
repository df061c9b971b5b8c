"""Where kernels can run, and why not elsewhere."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from sherf_core import kernels


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    kernels._why_not.cache_clear()
    yield
    kernels._why_not.cache_clear()


@pytest.fixture
def triton(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A made-up Triton, and a made-up GPU."""

    class JITFunction:
        pass

    module, runtime = types.ModuleType("triton"), types.ModuleType("triton.runtime")
    module.__version__, module.__spec__ = "3.6.0", importlib.util.spec_from_loader("triton", None)
    module.language = types.SimpleNamespace(cdiv=JITFunction())
    module.runtime, runtime.JITFunction = runtime, JITFunction
    monkeypatch.setitem(sys.modules, "triton", module)
    monkeypatch.setitem(sys.modules, "triton.runtime", runtime)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.version, "hip", None)
    return module


def test_a_new_enough_gpu_and_triton(triton) -> None:
    assert kernels.why_not("cuda") == kernels.why_not(torch.device("cuda", 0)) == ""


def test_a_cpu() -> None:
    assert kernels.why_not("cpu") == "Triton kernels need a CUDA device, this is cpu"


def test_no_triton(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert kernels.why_not("cuda") == "Triton is not installed"


def test_a_broken_triton(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "triton", None)
    assert kernels.why_not("cuda").startswith("Triton cannot be imported: ")


def test_an_old_triton(triton) -> None:
    triton.__version__ = "2.3.1"
    assert kernels.why_not("cuda") == "Triton is 2.3.1, 3 or newer is needed"


def test_an_old_gpu(triton, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert kernels.why_not("cuda") == "the GPU has compute capability 7.0, Triton kernels need 7.5"


def test_no_usable_cuda(triton, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert kernels.why_not("cuda") == "torch finds no usable CUDA device"


def test_an_amd_gpu(triton, monkeypatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert "AMD" in kernels.why_not("cuda")


def test_the_interpreter_asked_for_too_late(triton, monkeypatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert kernels.why_not("cpu") == "TRITON_INTERPRET changed after Triton had been imported"


def test_the_answer_is_kept(triton) -> None:
    assert kernels.why_not("cuda") == ""
    triton.__version__ = "2.0"
    assert kernels.why_not("cuda") == ""


def test_the_interpreter_runs_on_a_cpu(interpret) -> None:
    assert interpret(("sherf_core.kernels", "why_not", "cpu")) == [""]


def test_importing_it_imports_neither_triton_nor_torch(repository: Path) -> None:
    program = "import sys, sherf_core.kernels; print({'torch', 'triton'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"

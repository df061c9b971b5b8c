"""Torch in a child process: healthy, broken, crashing and hanging ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from checks.facts.records import KernelTrial, TorchFacts
from checks.facts.torch_probe import torch_facts
from checks.facts.torch_start import Request, start_torch
from tests.checks.facts.fake_torch import install
from tests.checks.facts.fakes import files

SEGFAULT = "was ended by SIGSEGV"


def fake(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: str = "",
    request: Request | None = None,
    seconds: float = 20.0,
    distributed: str = "",
) -> TorchFacts:
    install(tmp_path, monkeypatch, more, distributed)
    return torch_facts(start_torch(request or Request(kernels=False), seconds=seconds))


def test_the_real_one() -> None:
    import torch

    facts = torch_facts()
    assert facts.state == "ok", facts.error
    assert facts.version == torch.__version__
    assert facts.cuda_build == (torch.version.cuda or "")
    assert facts.cuda_available == torch.cuda.is_available()
    assert bool(facts.kernels) == facts.cuda_available


def test_a_stray_torch_in_the_current_folder_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('the wrong torch')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")
    assert torch_facts().state == "ok"


def test_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert torch_facts() == TorchFacts(state="missing")


def test_a_torch_that_only_the_parent_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")'
    assert fake(tmp_path, monkeypatch, gone) == TorchFacts(state="missing")


def test_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "print('noise on standard output')\ncuda.count = 2\n")
    assert (facts.state, facts.version, facts.cuda_build, facts.hip_build) == ("ok", "9.9.9+cu124", "12.4", "")
    assert (facts.cuda_available, facts.error, facts.kernels) == (True, "", ())
    assert [(card.name, card.capability) for card in facts.devices] == [("Tesla T4", (7, 5))] * 2
    assert facts.architectures == ("sm_75", "compute_90")


def test_a_rocm_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, 'version.cuda, version.hip = None, "6.2"\n')
    assert (facts.cuda_build, facts.hip_build) == ("", "6.2")


OLD_DRIVER = "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040)."


def test_why_cuda_is_not_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned = f"""
def is_available():
    warnings.warn("{OLD_DRIVER} (Triggered internally at ../c10/cuda/CUDAFunctions.cpp:108.)")
    return False
cuda.is_available = is_available
"""
    facts = fake(tmp_path, monkeypatch, warned)
    assert (facts.state, facts.cuda_available, facts.error) == ("ok", False, OLD_DRIVER)


def test_why_cuda_is_not_available_where_nothing_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = """
cuda.available = False
def init():
    raise RuntimeError("Found no NVIDIA driver on your system. Get one")
cuda.init = init
"""
    facts = fake(tmp_path, monkeypatch, silent)
    assert (facts.state, facts.error) == ("ok", "Found no NVIDIA driver on your system. Get one")
    facts = fake(tmp_path, monkeypatch, silent + "version.cuda = None\n")
    assert (facts.state, facts.error) == ("ok", "")


def test_devices_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = """
def properties(index):
    raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable\\nand more")
cuda.get_device_properties = properties
"""
    facts = fake(tmp_path, monkeypatch, busy)
    assert (facts.state, facts.cuda_available, facts.devices) == ("ok", True, ())
    assert facts.error == "CUDA error: CUDA-capable device(s) is/are busy or unavailable"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13: cannot open"),
        ("raise ModuleNotFoundError(\"No module named 'sympy'\", name='sympy')", "No module named 'sympy'"),
        ("sys.exit('this torch needs another Python')", "this torch needs another Python"),
        ("del __version__", "has no attribute '__version__'"),
    ],
)
def test_a_broken_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, error: str) -> None:
    facts = fake(tmp_path, monkeypatch, more)
    assert (facts.state, facts.version) == ("broken", "")
    assert error in facts.error


def test_a_broken_import_is_told_without_our_own_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "try:\n    1 / 0\nexcept Exception:\n    raise ImportError('libc10.so: gone')")
    assert facts.error.splitlines() == ["ZeroDivisionError: division by zero", "ImportError: libc10.so: gone"]
    facts = fake(tmp_path, monkeypatch, "raise ImportError('libcudart.so.13: gone')")
    assert facts.error == "ImportError: libcudart.so.13: gone"


def test_a_crash_in_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "crash()")
    assert (facts.state, facts.error) == ("broken", f"`import torch` {SEGFAULT}")


def test_a_crash_in_the_driver_leaves_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "cuda.is_available = crash\n")
    assert (facts.state, facts.version, facts.cuda_build) == ("broken", "9.9.9+cu124", "12.4")
    assert facts.error == f"`ask for CUDA devices` {SEGFAULT}"


def test_hangs_in_import_and_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "hang()", seconds=0.7)
    assert (facts.state, facts.error) == ("timeout", "`import torch` took longer than 1 s")
    facts = fake(tmp_path, monkeypatch, "cuda.is_available = hang\n", seconds=1.5)
    assert (facts.state, facts.version) == ("timeout", "9.9.9+cu124")
    assert facts.error == "`ask for CUDA devices` took longer than 2 s"


def test_kernels_that_fail_do_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = fake(tmp_path, monkeypatch, "cuda.count = 2\n", Request(precision="bfloat16"))
    tried = [(trial.device, trial.operation, trial.precision) for trial in facts.kernels]
    operations, precisions = ("matmul", "grid_sample"), ("float32", "bfloat16")
    assert tried == [(gpu, name, kind) for gpu in (0, 1) for name in operations for kind in precisions]
    errors = {trial.error for trial in facts.kernels if not trial.ok}
    assert errors == {"CUDA error: no kernel image is available for execution on the device"}
    assert facts.state == "ok"


@pytest.mark.parametrize(
    ("precision", "tried"),
    [
        (None, ["matmul float32", "grid_sample float32"]),
        ("float32", ["matmul float32", "grid_sample float32"]),
        ("tf32", ["matmul float32", "matmul tf32", "grid_sample float32"]),
    ],
)
def test_what_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str | None, tried: list[str]
) -> None:
    facts = fake(tmp_path, monkeypatch, "", Request(precision=precision))
    assert [f"{trial.operation} {trial.precision}" for trial in facts.kernels] == tried


@pytest.mark.parametrize(("how", "seconds", "error"), [("crash()", 20, SEGFAULT), ("hang()", 1.2, "took longer than")])
def test_a_kernel_that_takes_the_process_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, seconds: float, error: str
) -> None:
    more = f"def set_float32_matmul_precision(name):\n    {how}\n"
    facts = fake(tmp_path, monkeypatch, more, Request(), seconds)
    assert (facts.state, facts.cuda_available, len(facts.devices)) == ("ok", True, 1)
    (trial,) = facts.kernels
    assert trial == KernelTrial(device=0, operation="matmul", precision="float32", ok=False, error=trial.error)
    assert trial.error.startswith(f"the process {error}")


def test_nccl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(kernels=False, gpus=2)
    facts = fake(tmp_path, monkeypatch, "cuda.count = 2\n", request)
    assert (facts.nccl.state, facts.nccl.gpus, facts.nccl.error) == ("ok", 2, "")
    assert facts.nccl.seconds is not None
    # One GPU too few.
    assert fake(tmp_path, monkeypatch, "cuda.count = 1\n", request).nccl.state == "not asked"


def test_nccl_that_fails_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = """
def all_reduce(tensor):
    if mine == 1:
        raise RuntimeError("NCCL error: unhandled system error (run with NCCL_DEBUG=INFO)")
    tensor.value = 3.0
"""
    facts = fake(tmp_path, monkeypatch, "cuda.count = 2\n", Request(kernels=False, gpus=2), distributed=fails)
    assert facts.nccl.state == "failed"
    assert facts.nccl.error == "GPU 1: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO)"
    assert facts.state == "ok"


def test_cuda_is_left_alone_until_memory_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = """
def is_available():
    warnings.warn(str(time.time()))
    return False
cuda.is_available = is_available
"""
    install(tmp_path, monkeypatch, asked)
    measured, told = threading.Event(), []
    child = start_torch(Request(kernels=False), seconds=20)

    def measure() -> None:
        time.sleep(0.8)
        told.append(time.time())
        measured.set()

    threading.Thread(target=measure).start()
    facts = torch_facts(child, measured)
    assert float(facts.error) >= told[0]


def test_no_interpreter() -> None:
    facts = torch_facts(start_torch(executable="/nowhere/python"))
    assert facts.state == "broken"
    assert facts.error.startswith("no child process could be started: ")


def test_answers_that_make_no_sense(tmp_path: Path) -> None:
    lines = ["{cut", "[]", '{"facts": {"colour": "red"}}', '{"trial": {"device": "x"}}', '{"done": true}']
    program = files(tmp_path, {"child.py": "\n".join(f"print('@sherfctl ' + {line!r})" for line in lines)}) / "child.py"
    facts = torch_facts(start_torch(program=program))
    assert facts.state == "broken"
    assert "cannot be read" in facts.error
    program.write_text("pass")
    facts = torch_facts(start_torch(program=program))
    assert (facts.state, facts.error) == ("broken", "`start` ended with exit status 0")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the child ends when its time is up")
def test_the_child_does_not_outlive_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "hang()")
    starter = "from checks.facts.torch_start import start_torch; print(start_torch().process.pid)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])}
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, env=environment, timeout=20)
    status = Path("/proc", done.stdout.strip(), "status")
    deadline = time.monotonic() + 10
    while _runs(status) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(status)


def _runs(status: Path) -> bool:
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False

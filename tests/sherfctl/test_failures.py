from __future__ import annotations

import errno
import subprocess
import sys

import numpy as np
import pytest
import torch

from sherfctl.failures import failure_of


def error_of_torch_on_the_cpu() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)
    return caught.value


def error_of_numpy() -> BaseException:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**53, np.uint8)
    return caught.value


@pytest.mark.parametrize(
    ("error", "amount"),
    [
        (MemoryError(), ""),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ""),
        (error_of_torch_on_the_cpu(), ": another 1048576.0 GiB could not be had"),
        (error_of_numpy(), ": another 8.00 PiB could not be had"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory: you tried to allocate "
                "3221225472 bytes."
            ),
            ": another 3.0 GiB could not be had",
        ),
    ],
)
def test_main_memory_used_up(error: BaseException, amount: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert (failure.code, failure.found) == ("SYS.RAM", f"this computer's memory is used up{amount}")
    for word in ("--resolution", "points_per_chunk", "close other programs"):
        assert word in failure.fix


@pytest.mark.parametrize(
    ("error", "amount"),
    [
        (
            torch.cuda.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 14.56 GiB of which "
                "1.12 GiB is free."
            ),
            ": another 2.50 GiB could not be had",
        ),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"), ""),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), ""),
    ],
)
def test_gpu_memory_used_up(error: BaseException, amount: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert (failure.code, failure.found) == ("RUN.VRAM", f"the GPU's memory is used up{amount}")
    for word in ("--resolution", "points_per_chunk", "close other programs", "--profile cpu"):
        assert word in failure.fix


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape '[3, 4]' is invalid for input of size 11"),
        ValueError("DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.EIO, "Input/output error"),
        KeyError("CUDA out of memory"),
    ],
)
def test_other_errors_are_defects(error: BaseException) -> None:
    assert failure_of(error) is None


def test_torch_is_not_imported_for_this() -> None:
    code = (
        "import sys; from sherfctl.failures import failure_of; failure_of(MemoryError()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_missing_package_is_the_installation_s(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "skimage", None)
    failure = failure_of(ModuleNotFoundError("No module named 'skimage.metrics'", name="skimage.metrics"))
    assert (failure.code, failure.found) == ("SYS.INSTALL", "the Python package scikit-image is missing")
    assert '-m pip install "scikit-image"' in failure.fix
    monkeypatch.setitem(sys.modules, "torch", None)
    assert failure_of(ModuleNotFoundError("No module named 'torch'", name="torch")).code == "TORCH.MISSING"


@pytest.mark.parametrize("module", ["sherf_core.nothing", "numpy.nothing", "torch.nothing", "antigravitas"])
def test_a_module_that_is_missing_elsewhere_is_a_defect(module):
    assert failure_of(ModuleNotFoundError(f"No module named {module!r}", name=module)) is None

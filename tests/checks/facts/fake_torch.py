"""A torch for the child process: a package that is found before the real one and behaves as a test wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.facts.fakes import files

PACKAGE = """
import os, signal, sys, time, warnings
from contextlib import nullcontext as inference_mode
__version__ = "9.9.9+cu124"
float32 = bfloat16 = float16 = None
class version:
    cuda, hip = "12.4", None
class Card:
    name, major, minor, total_memory = "Tesla T4", 7, 5, 15_000_000_000
class cuda:
    available, count = True, 1
    is_available = classmethod(lambda cls: cls.available)
    device_count = classmethod(lambda cls: cls.count)
    get_device_properties = staticmethod(lambda index: Card)
    get_arch_list = staticmethod(lambda: ["sm_75", "compute_90"])
    set_device = staticmethod(lambda index: None)
    init = staticmethod(lambda: None)
def set_float32_matmul_precision(name):
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device\\nand more")
def full(shape, value, device):
    return Tensor(value)
class Tensor:
    def __init__(self, value):
        self.value = value
    min = max = lambda self: self.value
def crash():
    os.kill(os.getpid(), signal.SIGSEGV)
def hang(*_):
    time.sleep(60)
"""
DISTRIBUTED = """
import os, time
def init_process_group(backend, init_method, rank, world_size, timeout):
    global size, mine
    size, mine = world_size, rank
    assert backend == "nccl" and init_method.startswith("file:///"), (backend, init_method)
def all_reduce(tensor):
    tensor.value = size * (size + 1) / 2
"""


def install(root: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", distributed: str = "") -> None:
    """Put the package, with lines added to its end, before the real one for child processes only."""
    files(root, {"torch/__init__.py": PACKAGE + more, "torch/distributed.py": DISTRIBUTED + distributed})
    monkeypatch.setenv("PYTHONPATH", str(root))

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from sherf_core.memory import GIB, Action, Precision, cpu_bytes, gpu_bytes

# Measured by benchmarks/memory.py on an H100 80GB and on 4 threads of its host, 2026-11-23, in GiB.
GPU_EVALUATION = [
    (128, 1 << 14, 1.72),
    (128, 1 << 18, 2.07),
    (256, 1 << 14, 1.92),
    (256, 1 << 16, 2.10),
    (256, 1 << 17, 2.54),
    (256, 1 << 21, 3.37),
    (512, 1 << 14, 2.06),
    (512, 1 << 16, 2.12),
    (512, 1 << 17, 2.62),
    (512, 1 << 18, 3.45),
    (512, 1 << 19, 4.56),
    (512, 1 << 21, 8.08),
    (1024, 1 << 16, 2.23),
    (1024, 1 << 18, 3.32),
    (1024, 1 << 20, 8.04),
]
GPU_TRAINING: list[tuple[int, int, Precision, int, float]] = [
    (128, 1 << 16, "float32", 1, 3.61),
    (128, 1 << 18, "float16", 1, 3.39),
    (256, 1 << 16, "float32", 1, 6.33),
    (256, 1 << 18, "float32", 1, 6.99),
    (256, 1 << 18, "float32", 2, 12.17),
    (256, 1 << 18, "float32", 4, 22.16),
    (256, 1 << 18, "bfloat16", 1, 5.63),
    (512, 1 << 14, "float32", 1, 16.91),
    (512, 1 << 16, "float32", 1, 17.27),
    (512, 1 << 18, "tf32", 1, 17.74),
    (512, 1 << 20, "float32", 1, 19.71),
    (512, 1 << 18, "bfloat16", 1, 11.86),
    (512, 1 << 18, "float16", 2, 22.60),
]
CPU_EVALUATION = [
    (128, 1 << 14, 1.10),
    (128, 1 << 18, 1.22),
    (256, 1 << 15, 1.17),
    (256, 1 << 18, 2.30),
    (512, 1 << 14, 1.14),
    (512, 1 << 16, 1.31),
    (512, 1 << 18, 2.38),
]


@pytest.mark.parametrize(("side", "chunk", "measured"), GPU_EVALUATION)
def test_an_evaluation_on_a_gpu_is_foreseen_on_the_safe_side(side: int, chunk: int, measured: float) -> None:
    assert 1.0 <= gpu_bytes("eval", side, chunk) / GIB / measured <= 1.2


@pytest.mark.parametrize(("side", "chunk", "precision", "samples", "measured"), GPU_TRAINING)
def test_a_training_step_on_a_gpu_is_foreseen_on_the_safe_side(
    side: int, chunk: int, precision: Precision, samples: int, measured: float
) -> None:
    assert 1.0 <= gpu_bytes("train", side, chunk, precision, samples=samples) / GIB / measured <= 1.15


@pytest.mark.parametrize(("side", "chunk", "measured"), CPU_EVALUATION)
def test_an_evaluation_on_a_cpu_is_foreseen_on_the_safe_side(side: int, chunk: int, measured: float) -> None:
    assert 1.0 <= cpu_bytes("eval", side, chunk) / GIB / measured <= 1.15


@pytest.mark.parametrize(("side", "measured"), [(128, 3.62), (256, 6.36)])
def test_a_training_step_on_a_cpu_is_foreseen_on_the_safe_side(side: int, measured: float) -> None:
    assert 1.0 <= cpu_bytes("train", side, 1 << 16) / GIB / measured <= 1.15


@pytest.mark.parametrize("action", ["eval", "train"])
@pytest.mark.parametrize("of", [gpu_bytes, cpu_bytes])
def test_more_of_anything_never_takes_less(of: Callable[..., int], action: Action) -> None:
    sides = [of(action, side, 1 << 16) for side in (64, 128, 256, 512, 1024)]
    chunks = [of(action, 512, 1 << exponent) for exponent in range(10, 24)]
    assert sides == sorted(sides)
    assert chunks == sorted(chunks)
    assert chunks[0] < chunks[-1]


def test_a_chunk_larger_than_the_picture_takes_nothing_more() -> None:
    assert gpu_bytes("eval", 128, 1 << 17) == gpu_bytes("eval", 128, 1 << 23)


def test_only_training_cares_for_precision_and_samples() -> None:
    assert gpu_bytes("eval", 512, 1 << 16, samples=4) == gpu_bytes("eval", 512, 1 << 16, "tf32")
    one, four = (gpu_bytes("train", 512, 1 << 16, samples=count) for count in (1, 4))
    assert four > 3 * one
    assert gpu_bytes("train", 512, 1 << 16, "float16") < one


def test_no_torch_is_needed() -> None:
    code = "import sys, json, sherf_core.memory; print(json.dumps('torch' in sys.modules or 'numpy' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False

"""LayerNorm by kernels: values and gradients beside torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from sherf_core.kernels import why_not
from sherf_core.kernels.norm import layer_norm
from tests.sherf_core.kernels.conftest import Interpret

EPSILON = 1e-5


def found(rows: int, device: str) -> dict[str, list[torch.Tensor]]:
    """By name: torch's, the kernel's."""
    generator = torch.Generator().manual_seed(rows)
    x, factor = (torch.randn(rows, 32, generator=generator) + 3 for _ in range(2))
    weight, bias = (torch.randn(32, generator=generator) for _ in range(2))
    given = [one.to(device).requires_grad_() for one in (x, weight, bias)]
    results: dict[str, list[torch.Tensor]] = {"y": [], "x": [], "weight": [], "bias": []}
    for by_kernel in (False, True):
        x, weight, bias = given
        y = layer_norm(x, weight, bias, EPSILON) if by_kernel else functional.layer_norm(x, (32,), weight, bias)
        values = (y.detach(), *torch.autograd.grad((y * factor.to(device)).sum(), given))
        for name, value in zip(results, values, strict=True):
            results[name].append(value.cpu())
    return results


def interpreted(rows: int) -> dict[str, list[torch.Tensor]]:
    """`found` in a process that interprets, where gradients were switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        return found(rows, "cpu")


def compare(results: dict[str, list[torch.Tensor]]) -> None:
    for name, (expected, value) in results.items():
        assert expected.norm() > 0
        assert (value - expected).norm() <= 1e-5 * expected.norm(), name


@pytest.mark.parametrize("rows", [1, 200])
def test_values_and_gradients_are_torchs(interpret: Interpret, rows: int) -> None:
    results: Any = interpret(("tests.sherf_core.kernels.test_norm", "interpreted", rows))[0]
    compare(results)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: Triton compiles for CUDA devices")
def test_on_a_gpu_too() -> None:
    if reason := why_not("cuda"):
        pytest.skip(reason)
    compare(found(1_000_001, "cuda"))

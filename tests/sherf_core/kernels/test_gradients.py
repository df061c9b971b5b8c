"""The kernels that training uses: values and gradients beside the plain path's."""

from __future__ import annotations

import os

import pytest
import torch

from sherf_core.kernels import why_not
from tests.sherf_core.kernels.conftest import Interpret
from tests.sherf_core.kernels.gradients import HALF, TABLES, Pairs, found


def _compare(values: Pairs, limit: float) -> None:
    assert {"tokens", "rgb", "points", "level 2", "rendering tri-plane again", *TABLES} < values.keys()
    for name, (plain, *others) in values.items():
        assert plain.abs().max() > 0, name
        assert others, name
        # Half tables and their gradients are rounded.
        tolerance = 2e-3 if name in [f"half {one}" for one in HALF] else limit
        for other in others:
            assert (other - plain).norm() <= tolerance * plain.norm(), name


def test_gradients_are_the_plain_ones(interpret: Interpret) -> None:
    _compare(interpret(("tests.sherf_core.kernels.gradients", "found", "cpu"))[0], 1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: Triton compiles for CUDA devices")
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="in the interpreter nothing is compiled")
def test_on_a_gpu_too() -> None:
    if reason := why_not("cuda"):
        pytest.skip(reason)
    # A GPU fuses products with sums, and adds in another order each time.
    _compare({name: [one.cpu() for one in pair] for name, pair in found("cuda").items()}, 1e-4)

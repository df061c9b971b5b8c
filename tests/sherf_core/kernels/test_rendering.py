"""The kernels together, in the place where the model uses them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.sherf_core.kernels.conftest import Interpret


@pytest.fixture(scope="module")
def found(interpret: Interpret) -> Any:
    return interpret(("tests.sherf_core.kernels.rendering", "found"))[0]


def test_tokens_are_the_plain_ones(found: Any) -> None:
    plain, fast = found["tokens"]
    assert plain.abs().max() > 1
    torch.testing.assert_close(fast, plain, atol=5e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["rgb", "depth", "alpha"])
def test_pictures_are_the_plain_ones(found: Any, name: str) -> None:
    plain, fast = found[name]
    assert plain.abs().max() > 0.1
    torch.testing.assert_close(fast, plain, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["origins", "directions", "near", "far"])
def test_rays_are_the_plain_ones(found: Any, name: str) -> None:
    assert 100 < found["rays: hit"][0].sum() < found["rays: hit"][0].numel() - 100
    assert torch.equal(*found["rays: hit"])
    plain, fast = found[f"rays: {name}"]
    assert plain.abs().max() > 0.1
    torch.testing.assert_close(fast, plain, atol=1e-6, rtol=1e-6)

"""The child's own parts: the computations, with the CPU as the device, and the sum over processes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import torch

from checks.facts import torch_child
from checks.facts.torch_child import TOLERANCES, Ranks, try_kernel
from tests.checks.facts.fake_torch import install


@pytest.fixture(autouse=True)
def precision_as_it_was() -> object:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("operation", ["matmul", "grid_sample"])
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_right_result_passes(operation: str, precision: str) -> None:
    if operation == "grid_sample" and precision != "float32":
        # The CPU need not know grid_sample in half precision; then that is what is said.
        error = try_kernel(torch, "cpu", operation, precision)
        assert error == "" or "not implemented" in error
    else:
        assert try_kernel(torch, "cpu", operation, precision) == ""


@pytest.mark.parametrize("precision", list(TOLERANCES))
def test_a_wrong_result_is_told(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter((torch.ones(4), torch.ones(4) + 1.5 * TOLERANCES[precision]))
    monkeypatch.setattr(torch, "matmul", lambda *_: next(results))
    assert "the result is wrong" in try_kernel(torch, "cpu", "matmul", precision)


def test_a_result_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter((torch.ones(4), torch.full((4,), float("nan"))))
    monkeypatch.setattr(torch, "matmul", lambda *_: next(results))
    assert "the result is wrong" in try_kernel(torch, "cpu", "matmul", "float32")


def test_a_device_that_is_not_there_is_told() -> None:
    assert try_kernel(torch, "cuda:99", "matmul", "float32") != ""


def test_half_precision_of_texture_coordinates_stays_within_the_tolerance() -> None:
    """A GPU may round where it looks and what it mixes: the worst of that, computed in float64."""
    picture, grid = (tensor.double() for tensor in torch_child._inputs(torch, "grid_sample"))
    exact = torch_child._grid_sample(picture, grid)
    for precision, kind in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        rounded = picture.to(kind).double(), grid.to(kind).double()
        off = torch_child._grid_sample(*rounded).to(kind).double()
        assert float((off - exact).abs().max() / exact.abs().max()) < TOLERANCES[precision]


@pytest.mark.parametrize(("limit", "patience"), [(1.0, 10.0), (60.0, -59.0)])
def test_a_sum_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, patience: float) -> None:
    """Ended by its own alarm, or by the process that waits for it."""
    install(tmp_path, monkeypatch, "", "def all_reduce(tensor):\n    time.sleep(60)\n")
    ranks = Ranks(2, limit)
    folder = Path(ranks.folder.name)
    try:
        started = time.monotonic()
        trial = ranks.reduce(patience)
        assert time.monotonic() - started < 8
        assert trial == {"state": "timeout", "gpus": 2, "seconds": limit, "error": f"no result after {limit:.0f} s"}
    finally:
        ranks.end()
    assert all(process.poll() is not None for process in ranks.processes)
    assert not folder.exists()


def test_one_that_fails_while_the_other_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "def all_reduce(tensor):\n    if mine:\n        raise RuntimeError('Duplicate GPU')\n    time.sleep(60)\n"
    install(tmp_path, monkeypatch, "", odd)
    ranks = Ranks(2, 1.0)
    try:
        trial = ranks.reduce()
    finally:
        ranks.end()
    assert (trial["state"], trial["error"]) == ("failed", "GPU 1: Duplicate GPU\nno result after 1 s")


def test_a_wrong_sum_and_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "def all_reduce(tensor):\n    tensor.value = 7.0\n    mine or os.abort()\n"
    install(tmp_path, monkeypatch, "", odd)
    ranks = Ranks(2)
    try:
        trial = ranks.reduce()
    finally:
        ranks.end()
    assert trial["state"] == "failed"
    first, second = trial["error"].splitlines()
    assert first.startswith("GPU 0: ended with status -6")
    assert second == "GPU 1: the sum is wrong: 7.0 to 7.0 instead of 3.0"


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_the_sum_with_the_real_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    try:
        assert torch_child.all_reduce(torch, 0, 1, str(tmp_path / "store"), 30.0, backend="gloo") == ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        torch.distributed.destroy_process_group()

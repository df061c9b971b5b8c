"""Gradients, statistics and losses do not depend on how the samples of a step are spread."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sherf_core.train.config import TrainConfig
from sherf_core.train.step import UNUSED, clean_gradients
from sherf_core.train.world import World

SCRIPT = Path(__file__).with_name("spread_gradients.py")
specification = importlib.util.spec_from_file_location("spread_gradients", SCRIPT)
spread = importlib.util.module_from_spec(specification)
specification.loader.exec_module(spread)

CLOSE = 1e-5


@pytest.fixture(scope="module")
def alone() -> dict[str, torch.Tensor]:
    return spread.step(TrainConfig.from_settings(["resolution=64", "accumulation=4"]), World())


def _torchrun(options: list[str], arguments: list[str], repository: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--local-addr", "127.0.0.1", *options, str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository)}
    return subprocess.Popen(
        [*command, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert sum(name.startswith("gradient.") for name in found) > 200
    for prefix in {name.partition(".")[0] for name in expected}:
        assert spread.relative_error(found, expected, prefix) <= CLOSE, prefix


def test_four_at_once_equal_four_rounds_of_one(alone):
    config = TrainConfig.from_settings(["resolution=64", "samples_per_gpu=4", "accumulation=1"])
    _assert_equal(spread.step(config, World()), alone)


def test_rounds_equal_one_graph_over_all_samples(alone):
    config = TrainConfig.from_settings(["resolution=64", "accumulation=4"])
    _assert_equal(
        spread.step_in_one_graph(config), {name: value for name, value in alone.items() if "stat" not in name}
    )


def test_two_processes_of_two_equal_one_of_four(alone, repository, tmp_path):
    out = tmp_path / "found.safetensors"
    run = _torchrun(["--standalone", "--nproc-per-node", "2"], [str(out), "2", "1"], repository)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    _assert_equal(load_file(out), alone)


def test_two_computers_equal_one(alone, repository, tmp_path):
    out = tmp_path / "found.safetensors"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "one"]
    options = ["--nnodes", "2", "--nproc-per-node", "1", *meeting]
    runs = [_torchrun([*options, "--node-rank", str(node)], [str(out), "1", "2"], repository) for node in range(2)]
    for run in runs:
        said, _ = run.communicate(timeout=300)
        assert run.returncode == 0, said
    _assert_equal(load_file(out), alone)


def test_chunks_and_checkpointing_change_nothing(alone):
    small = ["resolution=64", "accumulation=4", "points_per_chunk=1024"]
    _assert_equal(spread.step(TrainConfig.from_settings([*small, "gradient_checkpointing=true"]), World()), alone)


def test_other_samples_have_other_gradients(alone):
    later = spread.step(TrainConfig.from_settings(["resolution=64", "accumulation=1"]), World(), first=4)
    assert spread.relative_error(later, alone, "gradient.decoder") > 0.1


def test_every_trained_parameter_has_a_gradient_and_no_other(alone):
    trained = {name.removeprefix("gradient.") for name, value in alone.items() if name.startswith("gradient.")}
    assert all(alone[f"gradient.{name}"].abs().max() > 0 for name in trained)
    assert not [name for name in trained if name.startswith(UNUSED) or name.endswith(UNUSED)]


def test_gradients_that_are_no_numbers_are_replaced_as_published():
    layer = torch.nn.Linear(2, 2, bias=False)
    layer.weight.grad = torch.tensor([[float("nan"), float("inf")], [float("-inf"), 0.5]])
    clean_gradients(layer, 1e5)
    assert layer.weight.grad.tolist() == [[0.0, 1e5], [-1e5, 0.5]]

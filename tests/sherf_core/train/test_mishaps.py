from __future__ import annotations

import errno
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sherf_core.errors import TrainingError
from sherf_core.train import mishaps
from sherf_core.train.journal import Journal
from sherf_core.train.mishaps import BadBatch, BadSteps, MemoryGuard, is_out_of_memory
from sherf_core.train.world import World


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def batch() -> BadBatch:
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0] = math.nan
    losses = {"total": math.nan, "mse": 0.5}
    tensors = {"image": image, "same": image, "turned": image.transpose(1, 3)}
    return BadBatch(keys=["ann 0 3 <- 0 0"], tensors=tensors, losses=losses)


def bad_steps(folder: Path, limit: int = 3, count: int = 0) -> BadSteps:
    return BadSteps(folder, limit, Journal(folder, tensorboard=False), World(), count)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_skips_the_step_and_keeps_the_batch(value: float, tmp_path: Path) -> None:
    steps = bad_steps(tmp_path, count=2)
    assert not steps.skip(1, torch.tensor(0.5), batch)
    assert steps.skip(2, torch.tensor(value), batch)
    assert steps.count == 3
    kept = load_file(tmp_path / "bad-steps" / "step-00000002-rank-0.safetensors")
    assert torch.isnan(kept["image"][0, 0, 0, 0])
    assert json.loads((tmp_path / "bad-steps" / "step-00000002-rank-0.json").read_text()) == {
        "step": 2,
        "keys": ["ann 0 3 <- 0 0"],
        "losses": {"total": "nan", "mse": "0.5"},
    }
    (event,) = events(tmp_path)
    assert (event["event"], event["step"], event["bad_steps"]) == ("bad_loss", 2, 3)


def test_one_sample_of_several_is_enough(tmp_path: Path) -> None:
    assert bad_steps(tmp_path).skip(1, torch.tensor([0.5, math.nan]), batch)


def test_too_many_in_a_row_end_the_training(tmp_path: Path) -> None:
    steps = bad_steps(tmp_path, limit=3)
    nan, good = torch.tensor(math.nan), torch.tensor(1.0)
    assert steps.skip(1, nan, batch)
    assert steps.skip(2, nan, batch)
    assert not steps.skip(3, good, batch)
    assert steps.skip(4, nan, batch)
    assert steps.skip(5, nan, batch)
    with pytest.raises(TrainingError, match="3 steps in a row, up to step 6") as caught:
        steps.skip(6, nan, batch)
    assert str(tmp_path / "bad-steps") in caught.value.fix
    assert len(list((tmp_path / "bad-steps").glob("*.safetensors"))) == 5


def test_batches_do_not_fill_the_disk(tmp_path: Path) -> None:
    steps = bad_steps(tmp_path, limit=100)
    for step in range(1, 20):
        assert steps.skip(step, torch.tensor(math.nan), batch)
    kept = sorted(path.name for path in (tmp_path / "bad-steps").iterdir())
    assert len(kept) == 2 * mishaps.BATCHES_KEPT
    assert kept[-1] == "step-00000019-rank-0.safetensors"


def test_a_batch_that_cannot_be_saved_is_only_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mishaps, "save_file", full)
    assert bad_steps(tmp_path).skip(1, torch.tensor(math.nan), batch)
    assert [event["event"] for event in events(tmp_path)] == ["batch_not_saved", "bad_loss"]
    assert list((tmp_path / "bad-steps").iterdir()) == []


class OtherRankIsBad(World):
    """This process's loss is fine, and another one's is not."""

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor + 1


def test_another_ranks_loss_counts_as_well(tmp_path: Path) -> None:
    steps = BadSteps(tmp_path, 3, Journal(tmp_path, tensorboard=False), OtherRankIsBad(rank=1, size=2))
    assert steps.skip(1, torch.tensor(0.5), batch)
    assert not (tmp_path / "bad-steps").exists()


# Memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            True,
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_are_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


class Step:
    """A step that needs `bytes_per_point` a point and whose loss draws from all generators of random numbers."""

    def __init__(self, fits: int) -> None:
        torch.manual_seed(3)
        self.model, self.fits, self.tried = nn.Linear(4, 1), fits, []

    def __call__(self, points_per_chunk: int) -> float:
        self.tried.append(points_per_chunk)
        self.model.zero_grad()
        noise = torch.randn(8, 4) + random.random() + np.random.random()
        total = 0.0
        for index, rows in enumerate(noise.split(max(1, 8 * points_per_chunk // 4096))):
            loss = self.model(rows).square().sum()
            loss.backward()
            total += loss.item()
            if index == 0 and points_per_chunk > self.fits:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return total


def seeded() -> None:
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(4)


def test_half_the_chunk_and_the_same_result(tmp_path: Path) -> None:
    plain, tight = Step(fits=4096), Step(fits=1024)
    seeded()
    expected = plain(4096)
    after = (random.random(), np.random.random(), torch.rand(1).item())
    seeded()
    guard = MemoryGuard(tight.model, 4096, Journal(tmp_path, tensorboard=False), smallest=512)
    found = guard.run(7, tight)
    assert (random.random(), np.random.random(), torch.rand(1).item()) == after
    assert found == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(tight.model.weight.grad, plain.model.weight.grad)
    assert tight.tried == [4096, 2048, 1024]
    # The chunk stays small: no step fails again.
    guard.run(8, tight)
    assert tight.tried[3:] == [1024]
    first, second = events(tmp_path)
    assert (first["event"], first["step"], first["before"], first["points_per_chunk"]) == (
        "out_of_memory", 7, 4096, 2048,
    )  # fmt: skip
    assert second["points_per_chunk"] == 1024
    assert "Tried to allocate 1.00 GiB" in second["why"]


def test_what_does_not_fit_at_all_says_what_to_make_smaller(tmp_path: Path) -> None:
    step = Step(fits=0)
    guard = MemoryGuard(step.model, 3000, Journal(tmp_path, tensorboard=False), smallest=1000)
    with pytest.raises(TrainingError) as caught:
        guard.run(1, step)
    assert step.tried == [3000, 1500, 1000]
    assert caught.value.code == "RUN.VRAM"
    assert "gradient_checkpointing" in caught.value.fix


def test_other_errors_pass_through_at_once(tmp_path: Path) -> None:
    tried = []

    def broken(points_per_chunk: int) -> None:
        tried.append(points_per_chunk)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    guard = MemoryGuard(nn.Linear(1, 1), 4096, Journal(tmp_path, tensorboard=False))
    with pytest.raises(RuntimeError, match="mat1"):
        guard.run(1, broken)
    assert tried == [4096]


def test_a_chunk_below_the_floor_is_not_made_larger(tmp_path: Path) -> None:
    step = Step(fits=0)
    with pytest.raises(TrainingError):
        MemoryGuard(step.model, 64, Journal(tmp_path, tensorboard=False)).run(1, step)
    assert step.tried == [64]

"""What must not lose a training, on the real loop: kills, signals, broken and full disks, NaN, memory, dead ranks.

Two parts of the model are replaced by small ones (`kill_training.use_small_parts`), so that a step takes about a second
and a checkpoint 60 MB; everything else is what `run train` runs.
"""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import kill_training
from kill_training import CHECKPOINTS, SmallEncoder, SmallPlanes, differences, last_tensors, loss_curve, small_config
from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.splits import DEMO
from sherf_core.data.training import TrainingPairs
from sherf_core.errors import TrainingError
from sherf_core.model import sherf
from sherf_core.train.checkpoints import CheckpointStore
from sherf_core.train.config import TrainConfig
from sherf_core.train.engine import StepRecord, Summary, train
from sherf_core.train.journal import Journal
from sherf_core.train.signals import Signals
from sherf_core.train.step import GradientStep
from sherf_core.train.world import World
from tests.sherf_core.train.two_ranks import rendezvous, require_end_soon_after

STEPS = 3
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


@pytest.fixture(scope="module", autouse=True)
def small_parts() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the processes that are compared: sums are then made in the same order
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sherf, "TriPlaneGenerator", SmallPlanes)
        patch.setattr(sherf, "GlobalEncoder", SmallEncoder)
        yield
    torch.set_num_threads(before)


def run(
    folder: Path,
    config: TrainConfig,
    *,
    source: Any = None,
    store: CheckpointStore | None = None,
    on_step: Any = None,
    resume: Any = "auto",
) -> Summary:
    with Signals() as signals:
        return train(
            config,
            source or TrainingPairs(RenderPeople(DEMO_ROOT, resolution=config.resolution), DEMO),
            folder=folder,
            world=World(),
            store=store or CheckpointStore(folder / CHECKPOINTS, config.keep_last),
            journal=Journal(folder, tensorboard=False),
            signals=signals,
            on_step=on_step,
            resume=resume,
        )


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event for event in found if event["event"] == kind]


@pytest.fixture(scope="module")
def undisturbed(small_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    summary = run(folder, small_config(STEPS))
    assert summary.steps == STEPS
    curve = loss_curve(folder)
    assert [record["step"] for record in curve] == [1, 2, 3]
    assert len({record["losses"]["loss"] for record in curve}) == STEPS
    return folder


def started(program: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """A process in which `kill_training` is imported with its small parts."""
    beginning = "import kill_training\nkill_training.use_small_parts()\nimport torch\ntorch.set_num_threads(1)\n"
    paths = [str(Path(kill_training.__file__).parent), str(Path(kill_training.__file__).parent.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-c", beginning + textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


# kill -9 --------------------------------------------------------------------------------------------------------------


@POSIX
def test_killed_at_random_moments_it_is_the_undisturbed_training(tmp_path: Path) -> None:
    program = Path(kill_training.__file__)
    paths = os.pathsep.join([str(program.parent), str(program.parent.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(program), "--kills", "8", "--seconds", "60", "--steps", "4", "--seed", "3"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "runs")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["differences"] == []
    assert outcome["trainings"] >= 1
    assert outcome["kills"] >= 2


def test_the_comparison_sees_one_bit(undisturbed: Path, tmp_path: Path) -> None:
    """So that the test above can fail: another seed, and one changed number, are found."""
    run(tmp_path / "other", small_config(1, seed=1))
    run(tmp_path / "same", small_config(1))
    run(tmp_path / "twin", small_config(1))
    assert "log.jsonl" in differences(tmp_path / "other", tmp_path / "same")
    assert differences(tmp_path / "twin", tmp_path / "same") == []
    store = CheckpointStore(tmp_path / "twin" / CHECKPOINTS)
    saved = store.load_latest()
    assert saved is not None
    name = next(name for name in saved.tensors if name.startswith("optimizer.exp_avg."))
    saved.tensors[name].flatten()[0] += 1e-6
    store.save(saved.tensors, saved.plain, step=saved.step)
    assert differences(tmp_path / "twin", tmp_path / "same") == [name]


# Signals --------------------------------------------------------------------------------------------------------------

ALONE = """
    import sys
    from pathlib import Path
    from kill_training import small_config, train_here
    sys.exit(train_here(Path(sys.argv[1]), small_config(int(sys.argv[2]), save_every_steps=0)))
"""


@POSIX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_next_run_goes_on(
    number: signal.Signals, status: int, undisturbed: Path, tmp_path: Path
) -> None:
    with started(ALONE, tmp_path, STEPS) as process:
        log = tmp_path / "log.jsonl"
        while process.poll() is None and not (log.exists() and log.stat().st_size):
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=120) == status, process.stderr.read() if process.stderr else ""
    step, _ = last_tensors(tmp_path)
    assert 1 <= step <= STEPS
    assert [record["step"] for record in loss_curve(tmp_path)] == list(range(1, step + 1))
    run(tmp_path, small_config(STEPS))
    assert differences(tmp_path, undisturbed) == []


@POSIX
def test_the_step_under_way_ends_first(undisturbed: Path, tmp_path: Path) -> None:
    def stop_in_second(record: StepRecord) -> None:
        if record.position.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    summary = run(tmp_path, small_config(STEPS, save_every_steps=0), on_step=stop_in_second)
    assert (summary.steps, summary.stopped_by) == (2, signal.SIGTERM)
    assert summary.checkpoint == tmp_path / CHECKPOINTS / "checkpoint-00000002"


# Disks ----------------------------------------------------------------------------------------------------------------


def test_a_corrupted_last_checkpoint(undisturbed: Path, tmp_path: Path) -> None:
    run(tmp_path, small_config(2))
    broken = tmp_path / CHECKPOINTS / "checkpoint-00000002" / "state.safetensors"
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 4
    broken.write_bytes(content)
    summary = run(tmp_path, small_config(STEPS))
    assert summary.resumed_from == tmp_path / CHECKPOINTS / "checkpoint-00000001"
    (why,) = summary.unusable
    assert "checkpoint-00000002" in why
    assert "state.safetensors" in why
    assert events(tmp_path, "started")[1]["unusable"] == [why]
    assert differences(tmp_path, undisturbed) == []


class FullDisk:
    """Writes as many files as it is told to, and no more."""

    def __init__(self, files: int) -> None:
        self.files = files

    def __call__(self, tensors: dict[str, torch.Tensor], path: Path) -> None:
        self.files -= 1
        if self.files < 0:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save_file(tensors, path)


def test_a_full_disk(undisturbed: Path, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / CHECKPOINTS, write=FullDisk(3))
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, small_config(STEPS), store=store)
    assert caught.value.code == "SYS.DISK"
    # The second save failed and the training went on; the third ended it; the first is still there.
    assert [event["step"] for event in events(tmp_path, "not_saved")] == [2]
    assert [record["step"] for record in loss_curve(tmp_path)] == [1, 2, 3]
    assert last_tensors(tmp_path)[0] == 1
    run(tmp_path, small_config(STEPS))
    assert differences(tmp_path, undisturbed) == []


# NaN ------------------------------------------------------------------------------------------------------------------


class SpoiltPairs:
    """The demo's pairs; some targets are NaN."""

    def __init__(self, resolution: int, spoilt: set[int] | None) -> None:
        self.pairs = TrainingPairs(RenderPeople(DEMO_ROOT, resolution=resolution), DEMO)
        self.spoilt, self.asked = spoilt, 0

    def __len__(self) -> int:
        return len(self.pairs)

    def pair(self, target: int, choice: int) -> Any:
        observation, frame = self.pairs.pair(target, choice)
        self.asked += 1
        if self.spoilt is None or self.asked in self.spoilt:
            frame = replace(frame, image=np.full_like(frame.image, np.nan))
        return observation, frame


def test_a_loss_that_is_no_number(undisturbed: Path, tmp_path: Path) -> None:
    summary = run(tmp_path, small_config(STEPS), source=SpoiltPairs(64, {2}))
    assert (summary.steps, summary.bad_steps) == (STEPS, 1)
    curve = loss_curve(tmp_path)
    assert [record["skipped"] for record in curve] == [False, True, False]
    assert curve[1]["losses"]["loss"] is None
    # Nothing of the bad step went into the weights: the third step's loss differs from the undisturbed only because
    # the second did nothing.
    assert curve[0] == loss_curve(undisturbed)[0]
    _, tensors = last_tensors(tmp_path)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    kept = load_file(tmp_path / "bad-steps" / "step-00000002-rank-0.safetensors")
    assert any(torch.isnan(tensor).any() for tensor in kept.values() if tensor.is_floating_point())
    described = json.loads((tmp_path / "bad-steps" / "step-00000002-rank-0.json").read_text())
    assert len(described["keys"]) == 1
    assert math.isnan(float(next(iter(described["losses"].values()))))


def test_a_skipped_step_changes_no_weight(tmp_path: Path) -> None:
    run(tmp_path, small_config(1))
    _, before = last_tensors(tmp_path)
    run(tmp_path, small_config(2), source=SpoiltPairs(64, None))
    step, after = last_tensors(tmp_path)
    assert step == 2
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_too_many_bad_losses_end_it_and_lose_nothing(tmp_path: Path) -> None:
    config = small_config(STEPS, max_bad_steps=2, save_every_steps=0)
    with pytest.raises(TrainingError, match="2 steps in a row, up to step 3"):
        run(tmp_path, config, source=SpoiltPairs(64, {2, 3}))
    assert last_tensors(tmp_path)[0] == 2
    assert len(list((tmp_path / "bad-steps").glob("*.safetensors"))) == 2


# Memory ---------------------------------------------------------------------------------------------------------------


def test_out_of_memory_gives_the_same_result(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulate = GradientStep.accumulate
    asked: list[int] = []

    def tight(self: GradientStep, pairs: Any, points_per_chunk: int, *rest: Any) -> Any:
        asked.append(points_per_chunk)
        result = accumulate(self, pairs, points_per_chunk, *rest)
        if len(asked) > 1 and points_per_chunk > 1 << 10:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return result

    monkeypatch.setattr(GradientStep, "accumulate", tight)
    run(tmp_path, small_config(STEPS, points_per_chunk=1 << 12))
    assert asked == [1 << 12, 1 << 12, 1 << 11, 1 << 10, 1 << 10]
    assert [event["points_per_chunk"] for event in events(tmp_path, "out_of_memory")] == [1 << 11, 1 << 10]

    # The failed attempts left no trace: it is, bit for bit, the training whose chunks were small from there on.
    def small(self: GradientStep, pairs: Any, points_per_chunk: int, *rest: Any) -> Any:
        asked.append(points_per_chunk)
        return accumulate(self, pairs, points_per_chunk if len(asked) == 1 else 1 << 10, *rest)

    asked.clear()
    monkeypatch.setattr(GradientStep, "accumulate", small)
    run(tmp_path / "small chunks", small_config(STEPS, points_per_chunk=1 << 12))
    found, expected = last_tensors(tmp_path)[1], last_tensors(tmp_path / "small chunks")[1]
    assert [name for name, tensor in expected.items() if not torch.equal(tensor, found[name])] == []
    # And that of whole chunks, but for sums that are made in another order.
    for line, wanted in zip(loss_curve(tmp_path), loss_curve(undisturbed), strict=True):
        assert line["losses"] == pytest.approx(wanted["losses"], rel=1e-5)


def test_what_never_fits_ends_it_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accumulate = GradientStep.accumulate
    tried: list[int] = []

    def full(self: GradientStep, pairs: Any, points_per_chunk: int, *rest: Any) -> Any:
        tried.append(points_per_chunk)
        if len(tried) > 1:
            raise RuntimeError("CUDA error: out of memory")
        return accumulate(self, pairs, points_per_chunk, *rest)

    monkeypatch.setattr(GradientStep, "accumulate", full)
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, small_config(STEPS, save_every_steps=0))
    assert caught.value.code == "RUN.VRAM"
    assert tried[-1] == 1 << 10
    assert last_tensors(tmp_path)[0] == 1


# Dead ranks -----------------------------------------------------------------------------------------------------------

TOGETHER = """
    import os, sys
    from pathlib import Path
    from kill_training import CHECKPOINTS, small_config
    from sherf_core.data.discover import DEMO_ROOT
    from sherf_core.data.renderpeople import RenderPeople
    from sherf_core.data.splits import DEMO
    from sherf_core.data.training import TrainingPairs
    from sherf_core.train.checkpoints import CheckpointStore
    from sherf_core.train.engine import train
    from sherf_core.train.journal import Journal
    from sherf_core.train.rank_failures import save_failure
    from sherf_core.train.signals import Signals
    from sherf_core.train.watch import other_ranks_watched
    from sherf_core.train.world import World

    folder, how, steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    world = World.from_environment("cpu")
    config = small_config(steps)

    def on_step(record):
        if world.rank == 1 and record.position.step == 2:
            if how == "raises":
                raise ValueError("the seventh picture is upside down")
            if how == "killed":
                os.kill(os.getpid(), 9)

    (folder / "ranks").mkdir(parents=True, exist_ok=True)
    try:
        with other_ranks_watched(folder / "ranks", world.rank), Signals() as signals:
            train(
                config,
                TrainingPairs(RenderPeople(DEMO_ROOT, resolution=config.resolution), DEMO),
                folder=folder, world=world, signals=signals, on_step=on_step,
                store=CheckpointStore(folder / CHECKPOINTS), journal=Journal(folder, world.is_main, tensorboard=False),
            )
    except Exception as error:
        save_failure(folder / "ranks" / f"rank-{world.rank:04d}.failed.json", error, world.rank)
        os._exit(1)
    world.close()
"""


def two_ranks(folder: Path, how: str) -> list[subprocess.Popen[str]]:
    return [started(TOGETHER, folder, how, 3, **variables) for variables in rendezvous()]


@POSIX
@pytest.mark.parametrize("how", ["raises", "killed"])
def test_a_dead_rank_ends_the_training_soon_and_it_goes_on_later(how: str, tmp_path: Path) -> None:
    first, second = two_ranks(tmp_path, how)
    require_end_soon_after(first, second, patience=240)
    if how == "raises":
        cause = json.loads((tmp_path / "ranks" / "rank-0001.failed.json").read_text())
        assert "ValueError: the seventh picture is upside down" in cause["traceback"]
    else:
        assert second.returncode == -signal.SIGKILL
    assert json.loads((tmp_path / "ranks" / "rank-0000.failed.json").read_text())["rank"] == 0
    assert last_tensors(tmp_path)[0] in (1, 2)
    for path in (tmp_path / "ranks").iterdir():
        path.unlink()
    processes = two_ranks(tmp_path, "lives")
    assert [process.wait(timeout=240) for process in processes] == [0, 0], [p.stderr.read() for p in processes]
    assert last_tensors(tmp_path)[0] == 3
    assert [record["step"] for record in loss_curve(tmp_path)] == [1, 2, 3]

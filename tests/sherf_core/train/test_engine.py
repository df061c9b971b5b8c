"""The loop on the shipped people: the loss falls, results do not depend on history, precisions and options run."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from sherf_core.data import renderpeople
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.splits import split_of
from sherf_core.data.training import TrainingPairs
from sherf_core.errors import TrainingError
from sherf_core.train.checkpoints import CheckpointStore
from sherf_core.train.config import TrainConfig
from sherf_core.train.engine import StepRecord, Summary, train
from sherf_core.train.journal import Journal
from sherf_core.train.signals import Signals
from sherf_core.train.world import World

DEMO = Path(renderpeople.__file__).parent / "demo"
QUICK = ["resolution=64", "accumulation=1", "warm_up_images=0", "schedule=constant", "images_every=0"]


class OnePair:
    """A training set of one pair: what a network can learn by heart in a few steps."""

    def __init__(self) -> None:
        self.pairs = TrainingPairs(RenderPeople(DEMO, resolution=64), split_of("demo"))

    def __len__(self) -> int:
        return 1

    def pair(self, index: int, seed: int, /):
        return self.pairs.pair(0, 0)


def _train(
    folder: Path, settings: list[str], source=None, resume="auto", device="cpu"
) -> tuple[Summary, list[StepRecord]]:
    config = TrainConfig.from_settings([*QUICK, *settings])
    source = source or TrainingPairs(RenderPeople(DEMO, resolution=config.resolution), split_of("demo"))
    records: list[StepRecord] = []
    summary = train(
        config,
        source,
        folder=folder,
        world=World.from_environment(device),
        store=CheckpointStore(folder / "checkpoints"),
        journal=Journal(folder, tensorboard=False),
        signals=Signals(),
        on_step=records.append,
        resume=resume,
    )
    return summary, records


def test_the_loss_falls_and_pictures_are_logged(tmp_path):
    summary, records = _train(tmp_path, ["steps=8", "images_every=4"], OnePair())
    losses = [record.losses["loss"] for record in records]
    assert losses[-1] < 0.9 * losses[0], losses
    assert (summary.steps, summary.images, summary.bad_steps) == (8, 8, 0)
    assert summary.losses == records[-1].losses
    assert any("LPIPS" in sentence for sentence in summary.left_out)
    assert any("ImageNet" in sentence for sentence in summary.left_out)
    assert len(list((tmp_path / "images").glob("*.png"))) == 2
    assert summary.checkpoint is not None
    assert (summary.checkpoint / "weights.safetensors").is_file()
    # What the best checkpoint is chosen by: the mean loss since the save before, here of the whole training.
    saved = CheckpointStore(tmp_path / "checkpoints").load_latest()
    assert saved is not None
    assert saved.metric == pytest.approx(sum(losses) / len(losses))


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    saved = CheckpointStore(folder / "checkpoints").load_latest()
    assert saved is not None
    return saved.tensors


def test_twice_in_one_process_after_a_progress_bar_with_reading_processes(tmp_path):
    """A notebook's kernel: a progress bar has made its lock, random numbers were drawn, a training ran before."""
    if importlib.util.find_spec("tqdm"):
        from tqdm.auto import tqdm

        tqdm.get_lock()
    first, _ = _train(tmp_path / "first", ["steps=2", "workers=2"])
    torch.manual_seed(1234)
    np.random.seed(1234)
    second, _ = _train(tmp_path / "second", ["steps=2"])
    assert first.losses == second.losses
    one, other = _weights(tmp_path / "first"), _weights(tmp_path / "second")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_resumed_training_is_the_undisturbed_one(tmp_path):
    whole, _ = _train(tmp_path / "whole", ["steps=3"])
    _train(tmp_path / "parts", ["steps=1"])
    torch.rand(5)
    resumed, records = _train(tmp_path / "parts", ["steps=3"])
    assert resumed.resumed_from is not None
    assert [record.position.step for record in records] == [2, 3]
    assert resumed.losses == whole.losses
    one, other = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_finished_training_does_nothing_more_and_another_seed_is_refused(tmp_path):
    _train(tmp_path, ["steps=1"])
    summary, records = _train(tmp_path, ["steps=1"])
    assert (summary.steps, records) == (1, [])
    with pytest.raises(TrainingError, match="seed"):
        _train(tmp_path, ["steps=2", "seed=1"])


# A CPU has no arithmetic of 16 bits: emulated, float16 takes many minutes.
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("float16", marks=ON_GPU)])
def test_half_precisions_train_to_nearly_the_same_loss(tmp_path, precision):
    options = ["steps=1", "rays_per_sample=600", "gradient_checkpointing=true", "points_per_chunk=2048"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    full, _ = _train(tmp_path / "full", options, OnePair(), device=device)
    half, _ = _train(tmp_path / "half", [*options, f"precision={precision}"], OnePair(), device=device)
    assert half.losses["loss"] == pytest.approx(full.losses["loss"], rel=0.02)
    assert half.losses["loss"] != full.losses["loss"]
    before, after = _weights(tmp_path / "full"), _weights(tmp_path / "half")
    assert ("scaler.scale" in after) is (precision == "float16")
    name = "weights.decoder.rgb_linear.weight"
    moved = after[name] - before[name]
    assert torch.isfinite(moved).all()

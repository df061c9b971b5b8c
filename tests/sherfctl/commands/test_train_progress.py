import io
import re

import pytest

from profiles import resolve_profile
from sherfctl.commands.train_progress import TrainProgress, cost_words, hours_words
from sherfctl.commands.train_settings import Wishes, plan_of
from sherfctl.console import Console
from tests.checks.corpus import machine


def wishes(**changes):
    empty = dict.fromkeys(
        ("dataset", "data", "body", "gpus", "nodes", "processes", "steps", "kimg", "resolution", "out", "launcher",
         "node_rank")
    )  # fmt: skip
    return Wishes(**{**empty, "profile": "auto", "resume": "auto", "settings": (), "endpoint": "", **changes})


def plan(profile, computer, **changes):
    asked = wishes(**changes)
    return plan_of(asked, resolve_profile(profile, machine(computer)), "RenderPeople")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "1 min"), (1500, "25 min"), (12240, "3.4 h"), (41 * 3600, "41 h"), (12 * 86400, "12 days")],
)
def test_long_times_are_told_as_people_do(seconds, words):
    assert hours_words(seconds) == words


def test_the_published_batch_is_kept_whatever_the_number_of_gpus():
    for gpus, rounds in ((1, 4), (2, 2), (4, 1)):
        settled = plan("a100x4", "bare-metal-4gpu", gpus=gpus)
        assert (settled.launch.processes, settled.config.accumulation, settled.batch) == (gpus, rounds, 4)
        assert settled.config.steps == 200_000
        assert settled.launcher == ("direct" if gpus == 1 else "torchrun") or gpus == 1
    assert plan("a100x4", "bare-metal-4gpu", gpus=3).batch == 3
    assert plan("a100x4", "bare-metal-4gpu", settings=("accumulation=8",)).batch == 32
    twice = plan("a100x4", "bare-metal-4gpu", gpus=1, settings=("samples_per_gpu=2",))
    assert (twice.config.accumulation, twice.batch) == (2, 4)


def test_the_cost_is_told_where_it_was_measured(monkeypatch):
    from checks.step_times import StepTime

    measured = (StepTime("H100", "this program", 0.5, "float32", "by hand", "2026-11-23"),)
    monkeypatch.setattr("checks.step_times.step_times", lambda: (800_000, measured))
    settled = plan("a100x4", "bare-metal-4gpu", gpus=4)
    words = cost_words(settled, "cuda", ["NVIDIA H100 80GB HBM3"], 800_000)
    assert words.startswith("about 28 h on 4 x H100: 800,000 pictures, 0.50 s each as measured")
    assert cost_words(settled, "cuda", ["Tesla T4"], 800_000) == ""
    assert "slow" in cost_words(settled, "cpu", [], 800_000)
    small = plan("a100x4", "bare-metal-4gpu", gpus=4, resolution=256)
    assert cost_words(small, "cuda", ["NVIDIA H100 80GB HBM3"], 800_000) == ""


def test_progress_tells_pace_loss_memory_and_the_rest():
    stderr, now = io.StringIO(), [0.0]
    console = Console(io.StringIO(), stderr, {"COLUMNS": "200"})
    with console.progress("training", 1000, "steps") as progress:
        show = TrainProgress(console, progress, "this CPU", clock=lambda: now[0])
        show({"kind": "resumed", "step": 10, "words": "going on after step 10"})
        for step in range(11, 16):
            show({"kind": "step", "step": step, "images": 4 * step, "loss": 2.5, "seconds": 8.0, "memory": 2 * 1024**3})
            now[0] += 8.0
        assert show.images_per_second == 0.5
        assert progress.note == "loss 2.500, 0.50 images/s, 2.0 GiB"
        assert (progress.done, progress.skipped) == (15, 10)
        show({"kind": "step", "step": 16, "images": 64, "loss": None, "seconds": 8.0, "memory": 0})
        assert progress.note.startswith("loss not a number")
    text = " ".join(stderr.getvalue().split())
    assert "going on after step 10" in text
    # Step 14 is the fourth: 986 are left, 8 s each.
    assert "at the pace of the first steps, 2.00 s a picture, the rest takes about 2.2 h on this CPU" in text


def test_the_page_on_training_names_every_constant_with_its_default(repository):
    from sherf_core.train.config import TrainConfig
    from sherfctl.commands.train_settings import flat

    rows = re.findall(r"^\| `([\w.]+)` \| `([^`]*)` \| .+ \|$", (repository / "docs" / "training.md").read_text(), re.M)
    shown = {None: "none", True: "true", False: "false"}
    values = flat(TrainConfig().as_dict())
    assert dict(rows) == {
        name: shown[value] if value is None or isinstance(value, bool) else str(value) for name, value in values.items()
    }

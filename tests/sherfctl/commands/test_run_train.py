"""`sherfctl run train` on the people that ship: 64x64 pictures, a step or two."""

import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading

import pytest
import torch
from safetensors.torch import load_file

from sherf_core.train.config import setting_names
from sherfctl.app import run

# Adam's first steps are as large where a gradient is rounding noise as elsewhere, unless epsilon is large.
LINEAR = ("adam.epsilon=1", "adam.learning_rate=0.1", "schedule=constant", "warm_up_images=0")
SMALL = ("rays_per_sample=512", "points_per_chunk=4096", "images_every=0", "save_every_minutes=0")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run one command line in an empty folder: (exit status, standard output, standard error)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("sherf_core.data.locations.search_roots", lambda: (tmp_path / "here",))
    for name in ("TORCH_HOME", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    torch.set_num_threads(1)

    def call(*words):
        stdout, stderr = io.StringIO(), io.StringIO()
        words = ["run", "train", *map(str, words)]
        status = run(words, stdout=stdout, stderr=stderr, environment={"COLUMNS": "80"})
        return status, stdout.getvalue(), " ".join(stderr.getvalue().split())

    return call


def small(*more, steps=2, settings=SMALL):
    chosen = [word for setting in settings for word in ("--set", setting)]
    length = () if steps is None else ("--steps", steps)
    return ("--profile", "cpu", "--dataset", "demo", "--resolution", 64, *length, *chosen, *more)


def weights(folder, step):
    return load_file(folder / "checkpoints" / f"checkpoint-{step:08d}" / "weights.safetensors")


def test_a_dry_run_names_every_setting_and_the_command_that_repeats_it(start, tmp_path):
    words = small("--processes", 2, "--kimg", 0.01, "--set", "loss.mse=50", steps=None)
    status, stdout, stderr = start(*words, "--dry-run", "--json")
    assert status == 0, stderr
    document = json.loads(stdout)
    resolved = document["resolved"]
    assert set(setting_names()) <= set(resolved)
    assert document["effective_batch"] == 4
    assert resolved["effective_batch"]["from"] == "2 processes x 1 sample x 2 rounds"
    assert resolved["steps"] == {"value": "3", "from": "option --kimg"}
    assert resolved["loss.mse"] == {"value": "50.0", "from": "option --set"}
    assert resolved["accumulation"] == {"value": "2", "from": "keeps the profile's effective batch"}
    assert resolved["precision"]["from"] == "profile cpu"
    assert resolved["launcher"] == {"value": "torchrun", "from": "several processes"}
    assert "torch.distributed.run" in document["torchrun"]
    _, _, *again = shlex.split(document["command"])
    status, stdout, _ = start(*again[1:], "--dry-run", "--json")
    assert status == 0
    assert json.loads(stdout)["config"] == document["config"]
    assert json.loads(stdout)["command"] == document["command"]
    assert not list((tmp_path / "here").iterdir())


def test_usual_lengths(start):
    words = ("--profile", "cpu", "--dry-run", "--json", "--resolution", 64)
    status, stdout, stderr = start(*words, "--dataset", "demo")
    assert status == 0, stderr
    assert json.loads(stdout)["config"]["steps"] == 100
    status, stdout, stderr = start(*words)
    assert json.loads(stdout)["dataset"] == "demo"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--gpus", "2"), 1, "--gpus 2, and profile cpu computes on the CPU"),
        (("--launcher", "direct", "--processes", "2"), 1, "--launcher direct is one process, and 2 are asked for"),
        (("--nodes", "2"), 1, "2 computers, and no place to meet"),
        (("--kimg", "1"), 1, "--steps and --kimg both say how long to train"),
        (("--set", "resolution=32"), 1, "resolution is given twice"),
        (("--set", "loss.psnr=1"), 1, "there is no setting 'loss.psnr'"),
        (("--set", "precision=fp7"), 1, "precision is fp7"),
        (("--resume", "nowhere"), 2, "'nowhere' is neither auto nor no nor a checkpoint's folder"),
        (("--print",), 2, "use it with --launcher slurm"),
        (("--data", "nowhere"), 1, "there is no data folder nowhere"),
        (("--profile", "colab"), 2, "colab"),
    ],
)
def test_every_error_has_its_words_and_exit_status(start, words, status, message):
    found, stdout, stderr = start(*small(*words))
    assert (found, stdout) == (status, "")
    assert message in stderr


def test_a_training_on_real_data_is_refused_without_a_gpu(start, tmp_path, monkeypatch):
    from sherf_core.data.discover import DEMO_ROOT

    people = tmp_path / "people"
    people.mkdir()
    for number in range(480):
        (people / f"person{number:03d}").symlink_to(DEMO_ROOT / f"person_{number % 2:04d}")
    (people / "human_list.txt").write_text("".join(f"person{number:03d}\n" for number in range(480)))
    words = (
        "--profile",
        "cpu",
        "--dataset",
        "RenderPeople",
        "--data",
        people,
        "--body",
        "embedded",
        "--resolution",
        64,
    )
    from checks import machine_facts

    real = machine_facts()
    if real.gpu.devices:
        pytest.skip("this machine has a GPU")
    status, stdout, _ = start(*words, "--json")
    assert status == 1
    assert "GPU.NONE" in [finding["id"] for finding in json.loads(stdout)["blocked_by"]]


def test_force_goes_past_what_blocks_and_the_record_says_so(start, monkeypatch):
    from checks import machine_facts

    real = machine_facts()
    facts = real.model_copy(update={"python": real.python.model_copy(update={"version": "3.9.1"})})
    monkeypatch.setattr("checks.machine_facts", lambda: facts)
    status, stdout, _ = start(*small("--json"))
    assert status == 1
    assert [finding["id"] for finding in json.loads(stdout)["blocked_by"]] == ["PY.VERSION"]
    status, stdout, _ = start(*small("--dry-run", "--force", "--json"))
    assert status == 0
    assert json.loads(stdout)["forced_past"] == ["PY.VERSION"]


def test_slurm_scripts_are_shown_and_submitted(start, tmp_path, monkeypatch):
    words = ("--launcher", "slurm", "--dataset", "demo", "--nodes", 2, "--gpus", 2, "--out", tmp_path / "out")
    status, stdout, _ = start(*words, "--print")
    assert status == 0
    assert "#SBATCH --gpus-per-node=2" in stdout
    assert "--profile slurm" in stdout
    assert subprocess.run(["bash", "-n"], input=stdout, text=True, check=False).returncode == 0
    assert not (tmp_path / "out").exists()
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    (tools / "sbatch").write_text('#!/bin/bash\nbash -n "$2" && echo 815\n')
    (tools / "sbatch").chmod(0o755)
    status, stdout, _ = start(*words, "--json")
    assert status == 0
    assert json.loads(stdout) == {"script": str(tmp_path / "out" / "job.sbatch"), "submitted": "815"}


def test_trains_goes_on_and_does_both_twice_in_one_process(start, tmp_path):
    """As in a notebook, whose kernel runs one command after another; and after a progress bar with threads."""
    out = tmp_path / "run"
    words = small("--set", "accumulation=1", "--out", out)
    status, stdout, stderr = start(*words)
    assert status == 0, stderr
    assert stdout.startswith("2 steps, 2 pictures: loss ")
    assert "on a CPU this is slow" in stderr
    assert "the effective batch is 1, the published one 4" in stderr
    assert "LPIPS" in stderr
    assert json.loads((out / "run.json").read_text())["config"]["accumulation"] == 1
    status, stdout, stderr = start(*small("--set", "accumulation=1", "--out", out, "--json", steps=3))
    assert status == 0, stderr
    document = json.loads(stdout)
    assert (document["steps"], document["images"]) == (3, 3)
    assert document["resumed_from"].endswith("checkpoint-00000002")
    assert "going on after step 2" in stderr
    assert [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()] == [1, 2, 3]


def relative(one, other, name=lambda key: True):
    keys = [key for key in one if one[key].is_floating_point() and name(key)]
    difference = sum((one[key].double() - other[key].double()).square().sum() for key in keys) ** 0.5
    return float(difference / sum(one[key].double().square().sum() for key in keys) ** 0.5)


def test_two_processes_and_two_computers_equal_one(start, tmp_path):
    """Two steps of two pictures: by one process in two rounds, by two, and by two computers of one."""
    ends = {}
    ways = {"one": ("--set", "accumulation=2"), "two": ("--processes", 2, "--set", "accumulation=1")}
    for name, way in ways.items():
        out = tmp_path / name
        status, _, stderr = start(*small(*way, "--out", out, settings=(*SMALL, *LINEAR)))
        assert status == 0, stderr
        ends[name] = weights(out, 2)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    out = tmp_path / "nodes"
    words = small("--nodes", 2, "--rdzv-endpoint", endpoint, "--set", "accumulation=1", "--out", out,
                  settings=(*SMALL, *LINEAR))  # fmt: skip
    found = {}

    def node(number):
        command = [sys.executable, "-m", "sherfctl", "run", "train", *map(str, words)]
        found[number] = subprocess.run(command, capture_output=True, text=True, check=False)

    threads = [threading.Thread(target=node, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number].returncode for number in (0, 1)] == [0, 0], found
    ends["nodes"] = weights(out, 2)
    moved = {key: value for key, value in ends["one"].items() if "running" not in key}
    for name in ("two", "nodes"):
        assert relative(ends["one"], ends[name]) < 1e-5
        assert moved.keys() <= ends[name].keys()


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_saves_and_says_how_to_go_on(start, tmp_path, monkeypatch, number, expected, processes):
    """Sent by the first step's report, to the process of the command, as a terminal or a job's end does."""
    from sherfctl.commands.train_progress import TrainProgress

    shown = TrainProgress.__call__

    def show(self, event):
        shown(self, event)
        if event["kind"] == "step" and event["step"] == 1:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainProgress, "__call__", show)
    out = tmp_path / "run"
    words = small("--set", "accumulation=1", "--processes", processes, "--out", out, steps=40)
    status, stdout, stderr = start(*words)
    assert status == expected, stderr
    assert stdout == ""
    assert "the same command goes on from there" in stderr
    (saved,) = (out / "checkpoints").glob("checkpoint-*")
    assert int(saved.name.rpartition("-")[2]) < 40

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import pytest
import yaml

from checks.facts import gpu
from checks.facts.records import GpuFacts
from profiles import Profile, write_profile
from profiles.published_flags import DATASETS
from sherfctl.app import build, run
from sherfctl.exit_codes import ExitCode
from tests.checks.corpus import machine

COMMAND = "python -u train.py --cfg=RenderPeople --data data/rp --gpus=1 --batch=4 --gamma=5 --use_trans True"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No GPU, and an empty folder of own profiles."""
    monkeypatch.setattr(gpu, "gpu_facts", lambda *_, **__: GpuFacts())
    monkeypatch.setattr(gpu, "gpu_traces", GpuFacts)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "sherfctl" / "profiles"
    folder.mkdir(parents=True)
    return folder


def profiles(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    environment = {"COLUMNS": str(columns)}
    status = run(["profiles", *arguments], stdout=stdout, stderr=stderr, environment=environment)
    return status, stdout.getvalue(), stderr.getvalue()


def test_list_shows_what_ships_and_what_is_yours(own: Path) -> None:
    (own / "lab.yaml").write_text("name: lab\nsummary: The machine in the lab\ndevice: cuda\n")
    (own / "cpu.yaml").write_text("name: cpu\nsummary: My own\ndevice: cpu\n")
    (own / "bad.yaml").write_text("name: bad\n")
    status, text, news = profiles("list")
    assert status == ExitCode.FINE
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert {"auto", "a100x4", "colab-t4", "kaggle-t4x2", "slurm", "lab"} <= set(rows)
    assert "yours" in rows["lab"]
    assert "yours" not in rows["slurm"]
    assert "My own (in place of the one that ships)" in " ".join(text.split())
    assert f"sherfctl profiles validate {own / 'bad.yaml'}" in " ".join(news.split())
    assert all(len(line) <= 80 for line in text.splitlines())
    listed = {entry["name"]: entry for entry in json.loads(profiles("list", "--json")[1])["profiles"]}
    assert (listed["lab"]["owner"], listed["cpu"]["hides"], listed["slurm"]["owner"]) == ("yours", True, "shipped")
    assert "summary" in listed["bad"]["error"]


def test_show_says_what_is_used_instead() -> None:
    status, text, _ = profiles("show", "colab-t4")
    assert status == ExitCode.FINE
    assert "this machine has no NVIDIA GPU" in " ".join(text.split())
    shown = json.loads(profiles("show", "--json")[1])["profile"]
    assert (shown["name"], shown["requested"], shown["device"]) == ("auto", "auto", "cpu")
    assert shown["reasons"]["evaluation.precision"] == "the published figures are float32"


def test_show_why_gives_each_value_its_reason(tmp_path: Path) -> None:
    text = profiles("show", "auto", "--why")[1]
    lines = text.splitlines()
    assert lines[lines.index("evaluation.precision:  float32") + 1].strip() == "the published figures are float32"
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsummary: Mine\ndevice: cpu\nevaluation: {resolution: 256}\n")
    lines = profiles("show", str(path), "--why")[1].splitlines()
    assert lines[lines.index("evaluation.resolution:  256") + 1].strip() == "written in mine.yaml"
    assert lines[lines.index("evaluation.points_per_chunk:  32768") + 1].strip() == "the default"


def test_show_warns_of_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "there.yaml"
    write_profile(path, machine("bare-metal-4gpu"))
    text = " ".join(profiles("show", str(path))[1].split())
    assert "was made for another machine (GPUs: 4 x NVIDIA A100-SXM4-40GB (39 GiB) then, none now" in text


def test_an_unknown_name_is_a_usage_error() -> None:
    status, text, news = profiles("show", "colab-t5")
    assert (status, text) == (ExitCode.USAGE, "")
    assert "did you mean colab-t4?" in " ".join(news.split())


def test_validate_tells_all_problems_of_all_files(tmp_path: Path) -> None:
    good, bad, none = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "none.yaml"
    good.write_text("name: good\nsummary: Good\ndevice: cpu\n")
    bad.write_text("name: bad\nsumary: Bad\ndevice: gpu\n")
    assert profiles("validate", str(good))[0] == ExitCode.FINE
    status, text, _ = profiles("validate", str(good), str(bad), str(none), columns=200)
    assert status == ExitCode.FAILED
    assert f"{bad}:2: sumary: there is no such field; did you mean summary?" in text
    assert f"{bad}:3: device: " in text
    assert f"{good}: valid" in text
    assert "cannot be read" in text
    status, text, _ = profiles("validate", str(bad), "--json")
    assert status == ExitCode.FAILED
    (result,) = json.loads(text)["files"]
    assert [(one["line"], one["field"]) for one in result["problems"]] == [(1, "summary"), (2, "sumary"), (3, "device")]


def test_show_complains_about_files(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\n")
    status, text, news = profiles("show", str(path))
    assert (status, text) == (ExitCode.FAILED, "")
    assert "summary: is missing" in " ".join(news.split())


def test_from_command_prints_a_profile_and_says_what_was_wrong() -> None:
    status, text, news = profiles("from-command", COMMAND)
    assert status == ExitCode.FINE
    profile = Profile.model_validate(yaml.safe_load(text))
    assert (profile.training.accumulation, profile.paths.data) == (4, "data/rp")
    flat = " ".join(news.split())
    assert "--batch: 4 on 1 GPU is 4 pictures on each, which never worked there" in flat
    assert "[RUN.BATCH]" in flat
    assert "--gamma: " in flat


def test_from_command_writes_a_file_that_validates_and_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    status, text, news = profiles("from-command", COMMAND, "-o", str(path))
    assert (status, text) == (ExitCode.FINE, "")
    assert "the profile is in" in news
    assert profiles("validate", str(path))[0] == ExitCode.FINE
    status, _, news = profiles("from-command", COMMAND, "-o", str(path))
    assert status == ExitCode.FAILED
    assert "not replaced" in news


def test_from_command_as_json() -> None:
    command = f"{COMMAND} --test_flag True --resume SHERF_RenderPeople.pkl"
    status, text, _ = profiles("from-command", "--json", command)
    document = json.loads(text)
    assert status == ExitCode.FINE
    assert document["action"] == "eval"
    assert document["command"].startswith("sherfctl run eval --dataset RenderPeople --data data/rp --checkpoint")
    assert Profile.model_validate(yaml.safe_load(document["yaml"])).model_dump(mode="json") == document["profile"]
    assert {"kind", "option", "text", "code"} == set(document["remarks"][0])


def test_from_command_of_something_else_fails_with_an_example() -> None:
    status, _, news = profiles("from-command", "ls -l")
    assert status == ExitCode.FAILED
    assert "there is no train.py in this command line" in news


TEST = (
    "python -u train.py --cfg={} --data /a/rather/long/path/to/the/folder/of/the/data --test_flag True "
    "--resume SHERF.pkl"
)
TRAINING = "python train.py --cfg={} --data /d --gpus=2 --batch=4 --glr=0.001 --kimg=800 --seed 3 --outdir=out"


def test_from_command_does_not_break_the_command_that_it_gives() -> None:
    command = json.loads(profiles("from-command", "--json", TEST.format("RenderPeople"))[1])["command"]
    assert len(command) > 100
    status, text, news = profiles("from-command", TEST.format("RenderPeople"), columns=60)
    assert status == ExitCode.FINE
    assert f"#     {command}" in text.splitlines()
    assert f"    {command}" in news.splitlines()


@pytest.mark.parametrize("dataset", sorted(set(DATASETS.values())))
@pytest.mark.parametrize("line", [TEST, TRAINING])
def test_from_command_gives_only_commands_that_the_program_takes(line: str, dataset: str) -> None:
    command = json.loads(profiles("from-command", "--json", line.format(dataset))[1])["command"]
    assert dataset in command
    program, group, *rest = shlex.split(command)
    assert (program, group) == ("sherfctl", "run")
    _, action, options = build().commands["run"].resolve_command(None, rest)
    assert action.make_context("run", options).params["dataset"].value == dataset


def test_show_gives_the_file_s_own_values() -> None:
    text = profiles("show", "colab-t4")[1]
    lines = [line.split() for line in text.splitlines()]
    assert ["device", "cuda"] in lines
    assert "the CPU is used instead" in " ".join(text.split())
    document = json.loads(profiles("show", "colab-t4", "--json")[1])
    assert (document["profile"]["device"], document["here"]["device"]) == ("cuda", "cpu")
    assert document["profile"]["file"].endswith("colab-t4.yaml")
    assert "device:  cpu" in profiles("show", "colab-t4", "--why")[1].splitlines()


def test_show_notes_what_this_gpu_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = machine("colab-t4")
    monkeypatch.setattr("checks.machine_facts", lambda: facts)
    own = json.loads(profiles("show", "local-1gpu", "--json")[1])
    assert (own["profile"]["training"]["precision"], own["here"]["training"]["precision"]) == ("bfloat16", "float16")
    text = " ".join(profiles("show", "local-1gpu")[1].split())
    assert "training.precision: float16 is used here" in text
    assert "training.precision bfloat16" in text

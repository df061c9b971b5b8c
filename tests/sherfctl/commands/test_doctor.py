from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checks import Facts, Scope
from checks.catalogue import CATALOGUE
from checks.facts.records import CollectorProblem, FileFacts
from checks.purpose import DATASETS
from checks.snapshots import write_snapshot
from sherfctl.app import run
from sherfctl.commands.datasets import AnyDatasetName
from sherfctl.exit_codes import ExitCode
from tests.checks.corpus import machine


class Machine:
    """What the doctor sees here: facts that a test sets, and what it was asked to look at."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.scopes: list[Scope] = []

    def look(self, scope: Scope, child: object = None) -> Facts:
        self.scopes.append(scope)
        if scope.on_progress is not None:
            for done in range(5):
                scope.on_progress(done, 4)
        return self.facts

    def change(self, **changes: Any) -> None:
        self.facts = self.facts.model_copy(update=changes)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A healthy laptop without a GPU and without any file of the user's, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    laptop = Machine(machine("cpu-laptop"))
    monkeypatch.setattr("checks.all_facts", laptop.look)
    monkeypatch.setattr("checks.facts.torch_start.start_torch", lambda request: None)
    return laptop


def doctor(*arguments: str, **environment: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["doctor", *arguments], stdout=stdout, stderr=stderr, environment=environment)
    return status, stdout.getvalue(), stderr.getvalue()


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_bare_folder_is_fine_for_the_demo_and_fits_a_screen() -> None:
    status, text, news = doctor()
    assert status == ExitCode.FINE
    assert news == ""
    lines = text.splitlines()
    assert lines[0] == "You can run: evaluate on the demo data, on the CPU."
    assert lines[1].startswith("You cannot yet: evaluate on RenderPeople, because: no SMPL body model")
    assert "To mend first" not in text
    assert "the embedded free body" in text
    assert len(lines) <= 24


def test_renderpeople_needs_the_users_files() -> None:
    status, text, _ = doctor("--dataset", "RenderPeople", COLUMNS="200")
    assert status == ExitCode.FAILED
    assert text.index("You cannot yet: evaluate on RenderPeople") < text.index("To mend first")
    for identifier in ("SMPL.MISSING", "CKPT.MISSING", "DATA.MISSING"):
        assert f"[{identifier}]" in text


def test_what_is_looked_at_follows_from_the_options(here: Machine, tmp_path: Path) -> None:
    doctor("--for", "train", "--dataset", "thuman", "--data", "here", "--gpus", "2", "--quick")
    (scope,) = here.scopes
    assert (scope.dataset, scope.data, scope.gpus, scope.depth) == ("THuman", Path("here"), 2, "quick")
    assert scope.on_progress is None
    doctor()
    assert (here.scopes[1].depth, here.scopes[1].dataset) == ("normal", "RenderPeople")


def test_every_data_set_can_be_named() -> None:
    assert tuple(name.value for name in AnyDatasetName) == DATASETS


def test_a_profile_brings_its_arithmetic_and_its_gpus(here: Machine) -> None:
    _, text, _ = doctor("--profile", "kaggle-t4x2", "--json")
    assert here.scopes[0].precision == json.loads(text)["purpose"]["precision"] == "float32"
    assert here.scopes[0].gpus is None
    _, text, _ = doctor("--profile", "kaggle-t4x2", "--for", "train", "--json")
    assert here.scopes[1].precision == json.loads(text)["purpose"]["precision"] == "float16"
    assert here.scopes[1].gpus == json.loads(text)["purpose"]["gpus"] == 2
    status, _, news = doctor("--profile", "nothing")
    assert status == ExitCode.FAILED
    assert "no profile 'nothing'" in news


def test_a_deep_look_shows_progress_on_standard_error() -> None:
    status, text, news = doctor("--deep", "--json")
    assert status == ExitCode.FINE
    assert json.loads(text)["look"] == "deep"
    assert "reading: 4 pictures" in news
    assert "reading: 4 of 4 pictures" in news


def test_a_quick_look_says_that_torch_was_not_asked(here: Machine) -> None:
    here.change(torch=here.facts.torch.model_copy(update={"state": "not asked"}))
    _, text, _ = doctor("--quick")
    assert "torch was not asked: run without --quick for the whole answer." in text.splitlines()[:6]
    assert "• Torch: 2.13.0, not asked" in text


def test_data_that_is_there_is_asked_about_by_default(here: Machine) -> None:
    here.change(dataset=machine("bare-metal-1gpu").dataset)
    status, text, _ = doctor("--json")
    assert status == ExitCode.FAILED
    assert json.loads(text)["purpose"]["dataset"] == "RenderPeople"


def test_training_and_its_data_are_said_to_come_later(here: Machine) -> None:
    _, text, _ = doctor("--for", "train", COLUMNS="200")
    assert "Machine and files are not ready for: train on RenderPeople (this version cannot run that yet)" in text
    here.facts = machine("docker-gpus")
    status, text, _ = doctor("--dataset", "THuman", COLUMNS="200")
    assert status == ExitCode.FINE
    assert "Machine and files are ready for: evaluate on THuman (this version cannot run that yet)." in text


def test_strict_makes_warnings_count(here: Machine) -> None:
    here.change(body=FileFacts(path="/p/SMPL_NEUTRAL.pkl", bytes=9, problem="SMPL.HTML", found="a web page"))
    status, text, _ = doctor()
    assert status == ExitCode.FINE
    assert "Warnings (evaluate on the demo data)" in text
    assert "[SMPL.HTML]" in text
    assert "SMPL body:" not in text
    assert doctor("--strict")[0] == ExitCode.WARNINGS
    assert doctor("--dataset", "RenderPeople", "--strict")[0] == ExitCode.FAILED


def test_only_some_checks(here: Machine) -> None:
    status, text, _ = doctor("--dataset", "RenderPeople", "--only", "smpl,CKPT.KEYS", COLUMNS="200")
    assert status == ExitCode.FAILED
    assert "[SMPL.MISSING]" in text
    assert "CKPT.MISSING" not in text
    assert "In the chosen checks nothing is against: evaluate on the demo data" in text
    assert "Python:" not in text
    status, text, _ = doctor("--dataset", "RenderPeople", "--skip", "SMPL", "--skip", "CKPT,DATA", "--json")
    assert status == ExitCode.FINE
    document = json.loads(text)
    assert document["verdict"]["partial"] is True
    assert not {finding["id"].partition(".")[0] for finding in document["findings"]} & {"SMPL", "CKPT", "DATA"}


def test_what_follows_from_a_skipped_check_stays_silent(here: Machine) -> None:
    python = here.facts.python.model_copy(update={"version": "3.9.18"})
    here.change(python=python, torch=here.facts.torch.model_copy(update={"state": "missing"}))
    status, text, _ = doctor("--skip", "PY.VERSION")
    assert status == ExitCode.FINE
    assert "[TORCH.MISSING], skipped: depends on PY.VERSION" in in_one_line(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quick", "--deep"), "--quick and --deep cannot be together"),
        (("--snapshot", "x.json", "--fix"), "--snapshot and --fix cannot be together"),
        (("--snapshot", "x.json", "--bundle", "b.zip"), "--snapshot and --bundle cannot be together"),
        (("--dry-run",), "--dry-run means nothing without --fix"),
        (("--yes",), "--yes means nothing without --fix"),
        (("--fix", "--dry-run", "--yes"), "--dry-run and --yes cannot be together"),
        (("--list", "--strict"), "--list and --strict cannot be together"),
        (("--only", "SMPL.HTLM"), "there is no check SMPL.HTLM; the nearest is SMPL.HTML"),
        (("--skip", "TROCH"), "there is no check TROCH; the nearest is TORCH"),
        (("--only", "SMPL.HTML", "--skip", "SMPL"), "--skip leaves no check"),
        (("--only", ""), "an empty word names no check"),
        (("--skip", ","), "an empty word names no check"),
        (("--dataset", "demo", "--data", "x"), "the demo has its own data"),
        (("--gpus", "0"), "'--gpus'"),
        (("--dataset", "ZJU"), "'--dataset'"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(here: Machine, arguments: tuple[str, ...], words: str) -> None:
    status, text, news = doctor(*arguments)
    assert (status, text) == (ExitCode.USAGE, "")
    assert words in in_one_line(news)
    assert here.scopes == []
    status, text, _ = doctor(*arguments, "--json")
    assert status == ExitCode.USAGE
    assert words in json.loads(text)["error"]["found"]


def test_the_list_of_checks() -> None:
    status, text, _ = doctor("--list", COLUMNS="200")
    assert status == ExitCode.FINE
    assert [line.split()[0] for line in text.splitlines()[2:]] == list(CATALOGUE)
    status, text, _ = doctor("--list", "--only", "CKPT", "--json")
    (first, *_) = json.loads(text)["checks"]
    assert {check["id"] for check in json.loads(text)["checks"]} == {i for i in CATALOGUE if i.startswith("CKPT.")}
    assert first["cause"] == CATALOGUE[first["id"]].cause


def test_recorded_facts_are_diagnosed_without_a_look(here: Machine, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_snapshot(path, machine("wsl2"))
    status, text, _ = doctor("--snapshot", str(path), "--json")
    assert status == ExitCode.FINE
    assert here.scopes == []
    document = json.loads(text)
    assert document["look"] == "snapshot"
    assert document["purpose"]["dataset"] == "RenderPeople"
    assert document["facts"] == machine("wsl2").model_dump(mode="json")
    (tmp_path / "whole.json").write_text(text)
    assert json.loads(doctor("--snapshot", str(tmp_path / "whole.json"), "--json")[1]) == document


def test_recorded_facts_come_from_standard_input_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path / "facts.json", machine("wsl2"))
    content = (tmp_path / "facts.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert json.loads(doctor("--snapshot", "-", "--json")[1])["facts"] == machine("wsl2").model_dump(mode="json")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    status, _, news = doctor("--snapshot", "-")
    assert status == ExitCode.FAILED
    assert "standard input is JSON, but it holds no facts of a machine" in in_one_line(news)


def test_facts_of_another_data_set_say_nothing_of_the_one_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_snapshot(path, machine("wsl2"))
    _, text, news = doctor("--snapshot", str(path), "--dataset", "HuMMan", "--json")
    assert "of HuMMan they say nothing" in in_one_line(news)
    assert json.loads(text)["facts"]["dataset"]["name"] == ""


def test_facts_are_recorded_and_nothing_is_replaced(here: Machine, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    _, _, news = doctor("--save-snapshot", str(path))
    assert "facts.json" in news
    assert doctor("--snapshot", str(path), "--json")[0] == ExitCode.FINE
    looked = len(here.scopes)
    before = path.read_bytes()
    for option in ("--save-snapshot", "--bundle", "--write-profile"):
        status, _, news = doctor(option, str(path))
        assert status == ExitCode.FAILED
        assert "is there already" in in_one_line(news)
    assert len(here.scopes) == looked
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option in ("--save-snapshot", "--bundle", "--write-profile"):
        status, text, news = doctor(option, "file/x", "--json")
        assert status == ExitCode.FAILED
        assert set(json.loads(text)) == {"error"}
        assert "error:" in news


def test_a_bundle_is_written_beside_the_report(tmp_path: Path) -> None:
    status, text, news = doctor("--bundle", "bundle.zip")
    assert status == ExitCode.FINE
    assert text.startswith("You can run")
    assert "doctor.json" in news
    assert (tmp_path / "bundle.zip").is_file()


def test_without_torch(here: Machine) -> None:
    here.change(torch=here.facts.torch.model_copy(update={"state": "missing", "version": ""}))
    status, text, _ = doctor(COLUMNS="200")
    assert status == ExitCode.FAILED
    assert "You can run" not in text
    assert "[TORCH.MISSING]" in text


def test_a_collector_that_failed_is_said(here: Machine) -> None:
    here.change(problems=(CollectorProblem(collector="gpu", error="RuntimeError: NVML went away", seconds=0.1),))
    status, text, _ = doctor()
    assert status == ExitCode.FINE
    assert "could not look at gpu: RuntimeError: NVML went away" in text


def test_names_that_are_no_text_or_codes_for_the_terminal(here: Machine, tmp_path: Path) -> None:
    odd = "/p/\udcff\x1b[31mred\nline/SMPL_NEUTRAL.pkl"
    here.change(body=FileFacts(path=odd, bytes=9, problem="SMPL.HTML", found=f"{odd} is a web page"))
    _, text, _ = doctor("--dataset", "RenderPeople", COLUMNS="200")
    assert "\x1b" not in text
    assert "\\x1b[31mred\\x0aline" in text
    status, text, _ = doctor("--dataset", "RenderPeople", "--json", "--save-snapshot", "facts.json")
    assert status == ExitCode.FAILED
    assert json.loads(text)["facts"]["body"]["path"] == odd
    assert json.loads(doctor("--snapshot", "facts.json", "--json")[1])["facts"]["body"]["path"] == odd
    file = tmp_path / "utf8.txt"
    with file.open("w", encoding="utf-8") as stream:
        assert run(["doctor", "--dataset", "RenderPeople"], stdout=stream, stderr=io.StringIO(), environment={}) == 1
    assert "/p/?" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["cpu-laptop", "colab-t4", "bare-metal-4gpu", "wsl2"])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_only_commands_and_long_words_pass_the_edge(here: Machine, name: str, columns: int) -> None:
    here.facts = machine(name)
    for purpose in (("--for", "train"), ("--dataset", "RenderPeople"), ("--dataset", "ZJU-MoCap")):
        _, text, _ = doctor(*purpose, COLUMNS=str(columns))
        for line in text.splitlines():
            command = line.startswith(" " * 12) and not line.startswith(" " * 13)
            assert len(line) <= columns or command or len(line.split()) <= 2, line


def test_help_is_whole_in_a_narrow_terminal() -> None:
    stdout = io.StringIO()
    assert run(["doctor", "--help"], stdout=stdout, environment={"COLUMNS": "40"}) == ExitCode.FINE
    lines = stdout.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    text = in_one_line(stdout.getvalue())
    for words in ("3 warnings with --strict", "130 interrupted", "demo, RenderPeople, THuman, HuMMan or ZJU-MoCap"):
        assert words in text


def test_in_a_pipe_from_another_folder_without_home_in_ascii(repository: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(repository),
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii",
    }
    program = (
        "import sys; from sherfctl.app import main; status = main(); sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    tmp_path.chmod(0o500)
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor", "--quick", "--dataset", "demo"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    tmp_path.chmod(0o700)
    assert done.returncode == ExitCode.FINE, done.stderr.decode()
    text = done.stdout.decode("ascii")
    assert text.startswith("You can run: evaluate on the demo data")
    assert "\x1b" not in text

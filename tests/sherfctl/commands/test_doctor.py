from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks.facts import gpu, torch_probe
from checks.facts.records import GpuFacts, TorchFacts
from sherfctl.app import run
from sherfctl.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder on a healthy machine without a GPU; no child process is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch_probe, "torch_facts", lambda seconds: TorchFacts(state="ok", version="2.13.0+cpu"))
    monkeypatch.setattr(gpu, "gpu_facts", GpuFacts)
    monkeypatch.setattr("sherf_core.data.locations.search_roots", lambda: (tmp_path,))
    monkeypatch.setattr("checks.facts.collect.missing_parts", lambda: ())
    return tmp_path


def doctor(*arguments: str, **environment: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["doctor", *arguments], stdout=stdout, stderr=stderr, environment=environment)
    return status, stdout.getvalue(), stderr.getvalue()


def test_a_bare_folder_is_fine_for_the_demo() -> None:
    status, text, news = doctor()
    assert status == ExitCode.FINE
    assert news == ""
    lines = text.splitlines()
    assert lines[0] == "You can run: evaluate on the demo data, on the CPU."
    assert lines[1].startswith("You cannot yet: evaluate on RenderPeople, because: no SMPL body model")
    assert "To mend first" not in text
    assert "the embedded free body" in text


def test_renderpeople_needs_the_users_files() -> None:
    status, text, _ = doctor("--dataset", "RenderPeople", COLUMNS="200")
    assert status == ExitCode.FAILED
    assert text.index("You cannot yet: evaluate on RenderPeople") < text.index("To mend first")
    for identifier in ("SMPL.MISSING", "CKPT.MISSING", "DATA.MISSING"):
        assert f"[{identifier}]" in text
    assert "\n      mkdir -p assets && mv basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl assets/SMPL_NEUTRAL.pkl\n" in text


def test_json_is_alone_on_standard_output() -> None:
    status, text, news = doctor("--dataset", "renderpeople", "--json")
    document = json.loads(text)
    assert news == ""
    assert document["format"] == 1
    assert document["exit_status"] == status == ExitCode.FAILED
    assert document["purpose"] == {"action": "eval", "dataset": "RenderPeople", "data": None}
    assert document["verdict"]["possible"] == [{"action": "eval", "dataset": "demo", "data": None}]
    assert document["verdict"]["impossible"][0]["because"] == ["SMPL.MISSING", "CKPT.MISSING", "DATA.MISSING"]
    assert {"id", "severity", "cause", "fix", "evidence", "silenced_by"} <= set(document["findings"][0])
    assert document["facts"]["torch"]["version"] == "2.13.0+cpu"


def test_data_that_is_there_is_asked_about_by_default(machine: Path) -> None:
    (machine / "data" / "RenderPeople_recon" / "20230228" / "someone").mkdir(parents=True)
    status, text, _ = doctor("--json")
    assert status == ExitCode.FAILED
    document = json.loads(text)
    assert document["purpose"]["dataset"] == "RenderPeople"
    ids = {finding["id"] for finding in document["findings"] if finding["severity"] == "block"}
    assert ids == {"SMPL.MISSING", "CKPT.MISSING", "DATA.RP_COUNT"}


def test_named_data_that_does_not_exist() -> None:
    status, text, _ = doctor("--data", "elsewhere", COLUMNS="200")
    assert status == ExitCode.FAILED
    assert "elsewhere does not exist" in text


def test_a_broken_body_is_a_warning_for_the_demo(machine: Path) -> None:
    (machine / "assets").mkdir()
    (machine / "assets" / "SMPL_NEUTRAL.pkl").write_bytes(b"<html>log in</html>")
    status, text, _ = doctor()
    assert status == ExitCode.FINE
    assert "Warnings (evaluate on the demo data)" in text
    assert "[SMPL.HTML]" in text
    assert "SMPL body:" not in text
    assert doctor("--strict")[0] == ExitCode.WARNINGS
    assert doctor("--dataset", "RenderPeople", "--strict")[0] == ExitCode.FAILED


def test_a_renamed_body_gets_the_command_that_links_it(machine: Path) -> None:
    (machine / "assets").mkdir()
    path = machine / "assets" / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
    path.write_bytes(b"")
    _, text, _ = doctor("--dataset", "RenderPeople")
    assert f"      mkdir -p assets && ln -s {path} assets/SMPL_NEUTRAL.pkl" in text
    assert "skipped: no SMPL body model [SMPL.MISSING], depends on SMPL.RENAMED" in text.replace("\n  ", " ")


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_probe, "torch_facts", lambda seconds: TorchFacts(state="missing"))
    status, text, _ = doctor(COLUMNS="200")
    assert status == ExitCode.FAILED
    assert "You can run" not in text
    assert f'{sys.executable} -m pip install "torch>=2.4"' in text


def test_training_says_that_it_is_about_the_machine() -> None:
    status, text, _ = doctor("--for", "train")
    assert status == ExitCode.FAILED
    assert "You cannot yet: train on RenderPeople" in text
    assert "This version evaluates only" in text.replace("\n", " ")


def test_a_collector_that_failed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> GpuFacts:
        raise RuntimeError("NVML went away")

    monkeypatch.setattr(gpu, "gpu_facts", broken)
    status, text, _ = doctor()
    assert status == ExitCode.FINE
    assert "could not look at gpu: RuntimeError: NVML went away" in text


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_only_commands_and_long_words_pass_the_edge(columns: int) -> None:
    _, text, _ = doctor("--dataset", "RenderPeople", COLUMNS=str(columns))
    for line in text.splitlines():
        assert len(line) <= columns or line.startswith("      ") or len(line.split()) <= 2, line


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
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == ExitCode.FINE, done.stderr.decode()
    text = done.stdout.decode("ascii")
    assert text.startswith("You can run: evaluate on the demo data")
    assert "\x1b" not in text

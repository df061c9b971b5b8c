from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks.catalogue import CATALOGUE
from sherfctl.app import run
from sherfctl.console.steps import COMMAND_INDENT
from sherfctl.exit_codes import ExitCode

MESSAGE = "RuntimeError: context has already been set"


def explain(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["explain", *arguments], stdout=stdout, stderr=stderr, environment={"COLUMNS": "100"})
    return status, stdout.getvalue(), stderr.getvalue()


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_an_id_with_its_cause_and_commands() -> None:
    status, text, news = explain("smpl.lfs")
    entry = CATALOGUE["SMPL.LFS"]
    assert (status, news) == (ExitCode.FINE, "")
    assert text.startswith(f"• {entry.title}  [SMPL.LFS]\n")
    command = next(step for step in (entry.general or entry.fix) if step.startswith("$ "))
    assert f"\n{' ' * COMMAND_INDENT}{command[2:]}\n" in text


def test_a_group_lists_all_of_it() -> None:
    status, text, _ = explain("T4")
    assert status == ExitCode.FINE
    assert "[T4.BF16]" in text
    _, text, _ = explain("GPU", "--json")
    assert [f["id"] for f in json.loads(text)["findings"]] == [i for i in CATALOGUE if i.startswith("GPU.")]


def test_a_message_with_or_without_quotes() -> None:
    quoted, bare = explain(MESSAGE), explain(*MESSAGE.split())
    assert quoted == bare
    assert quoted[0] == ExitCode.FINE
    assert f"    found: {MESSAGE}\n" in quoted[1]


def test_a_log_with_the_number_of_the_line(tmp_path: Path) -> None:
    log = tmp_path / "a log of mine"
    log.write_text(f"one\ntwo\n{MESSAGE}\n", encoding="utf-8")
    status, text, _ = explain(str(log))
    assert status == ExitCode.FINE
    assert f"    line 3: {MESSAGE}\n" in text


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, f"\x1b[31m{MESSAGE}\x1b[0m\r\nbye".encode())
    status, text, _ = explain("-")
    assert status == ExitCode.FINE
    assert "[RUN.STARTMETHOD]" in text
    assert "\x1b" not in text


def test_json_has_all_fields_and_is_alone(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(f"start\n{MESSAGE}\nCUDA out of memory\n", encoding="utf-8")
    status, text, news = explain(str(log), "--json")
    document = json.loads(text)
    assert (status, news, document["format"]) == (ExitCode.FINE, "", 1)
    assert [finding["id"] for finding in document["findings"]] == ["RUN.STARTMETHOD", "RUN.VRAM"]
    finding = document["findings"][0]
    entry = CATALOGUE["RUN.STARTMETHOD"]
    assert finding == {
        "id": entry.id,
        "title": entry.title,
        "group": entry.group,
        "cause": entry.cause,
        "fix": "\n".join(entry.general or entry.fix),
        "steps": list(entry.general or entry.fix),
        "link": entry.link,
        "evidence": MESSAGE,
        "line": 2,
    }


def test_unknown_text_is_said_so() -> None:
    status, text, news = explain("my", "cat", "is", "on", "the", "keyboard")
    assert (status, news) == (ExitCode.FAILED, "")
    assert text.startswith("No trouble that is known here stands in this text.\n")
    assert "\n  sherfctl doctor --bundle report.zip\n" in text
    status, text, _ = explain("my cat is on the keyboard", "--json")
    assert status == ExitCode.FAILED
    assert json.loads(text) == {"format": 1, "findings": []}


def test_a_slip_in_an_id_is_noticed() -> None:
    status, text, _ = explain("CUDA.DRVER_OLD")
    assert status == ExitCode.FAILED
    assert "Did you mean CUDA.DRIVER_OLD?" in text


def test_what_cannot_be_explained_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary, empty = tmp_path / "body.pkl", tmp_path / "empty.log"
    binary.write_bytes(b"\x80\x04\x95\0\0\0")
    empty.write_bytes(b" \n\n")
    for argument, words in (
        (str(binary), "is no text"),
        (str(empty), "the text is empty"),
        ("", "the text is empty"),
        (str(tmp_path), "Is a directory"),
        (str(tmp_path / "missing.log"), "No such file or directory"),
        ("missing.log", "No such file or directory"),
    ):
        status, text, news = explain(argument)
        assert (status, text) == (ExitCode.FAILED, ""), argument
        assert news.startswith("error: ")
        assert words in news
    feed(monkeypatch, b"")
    assert explain("-")[0] == ExitCode.FAILED


def test_nothing_to_explain_is_a_wrong_command_line() -> None:
    status, text, news = explain()
    assert (status, text) == (ExitCode.USAGE, "")
    assert "error: " in news


def test_codes_for_the_terminal_are_not_passed_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"\x07\x9b2J CUDA out of memory \x08\x08\n")
    assert not set(explain(str(log))[1]) & {"\x07", "\x08", "\x9b"}


def test_no_heavy_import() -> None:
    code = (
        "import sys; from sherfctl.app import run; run(['explain', 'CUDA out of memory']); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1]
    for heavy in ("torch", "numpy", "yaml", "psutil", "checks.facts", "checks.rules"):
        assert f"'{heavy}'" not in modules

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from checks import Facts, Scope
from checks.facts.records import NamedBody
from sherfctl.app import run
from sherfctl.console import Console
from sherfctl.exit_codes import ExitCode
from tests.checks.corpus import machine

ORIGINAL = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a body under its original name, on a machine whose facts follow what lies in that folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / ORIGINAL).write_bytes(b"a body")
    monkeypatch.setattr("checks.all_facts", lambda scope, child: look(scope, tmp_path))
    monkeypatch.setattr("checks.facts.torch_start.start_torch", lambda request: None)
    return tmp_path


def look(scope: Scope, folder: Path) -> Facts:
    place = folder / "assets" / "SMPL_NEUTRAL.pkl"
    original = folder / "assets" / ORIGINAL
    if place.exists() or not original.exists():
        return machine("cpu-laptop").model_copy(update={"body": machine("wsl2").body if place.exists() else None})
    body = NamedBody(path=str(original), gender="neutral", version="1.1.0", place=str(place))
    return machine("cpu-laptop").model_copy(update={"named_bodies": (body,)})


def doctor(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["doctor", "--fix", *arguments], stdout=stdout, stderr=stderr, environment={"COLUMNS": "200"})
    return status, stdout.getvalue(), stderr.getvalue()


def test_a_dry_run_shows_the_plan_alone(folder: Path) -> None:
    status, text, _ = doctor("--dry-run")
    assert status == ExitCode.FINE
    assert f"{folder}/assets/SMPL_NEUTRAL.pkl" in text
    assert "[SMPL.RENAMED]" in text
    assert text.endswith("dry run: nothing was changed\n")
    assert sorted(path.name for path in (folder / "assets").iterdir()) == [ORIGINAL]


def test_without_a_terminal_nothing_is_changed(folder: Path) -> None:
    status, text, news = doctor()
    assert status == ExitCode.FAILED
    assert "The plan" in text
    assert "nothing was changed" in news
    assert "--yes" in news
    assert sorted(path.name for path in (folder / "assets").iterdir()) == [ORIGINAL]


def test_agreed_beforehand_it_is_done_and_looked_at_again(folder: Path) -> None:
    status, text, _ = doctor("--yes", "--dataset", "RenderPeople")
    assert status == ExitCode.FAILED  # weights and data are still missing
    assert (folder / "assets" / "SMPL_NEUTRAL.pkl").read_bytes() == b"a body"
    undo = f"      rm {folder}/assets/SMPL_NEUTRAL.pkl\n"
    assert text.index("The plan") < text.index("to undo it:") < text.index(undo) < text.index("You cannot yet")
    assert "SMPL.RENAMED" not in text[text.index("You cannot yet") :]
    status, text, _ = doctor("--yes")
    assert status == ExitCode.FINE
    assert text.startswith("Nothing that --fix could mend")
    assert "You can run: evaluate on the demo data" in text


@pytest.mark.parametrize(("answer", "done"), [(True, True), (False, False)])
def test_in_a_terminal_it_asks(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: bool, done: bool) -> None:
    monkeypatch.setattr(Console, "ask", lambda console, question: answer)
    status, text, _ = doctor()
    assert status == ExitCode.FINE
    assert (folder / "assets" / "SMPL_NEUTRAL.pkl").exists() == done
    assert ("nothing was changed" in text) != done


def test_json_says_what_was_done(folder: Path) -> None:
    planned = json.loads(doctor("--dry-run", "--json")[1])
    assert [(remedy["id"], remedy["state"]) for remedy in planned["remedies"]] == [("SMPL.RENAMED", "planned")]
    done = json.loads(doctor("--yes", "--json")[1])
    (remedy,) = done["remedies"]
    assert (remedy["id"], remedy["state"]) == ("SMPL.RENAMED", "done")
    assert remedy["undo"].startswith("rm ")
    assert done["facts"]["body"] is not None
    assert json.loads(doctor("--yes", "--json")[1])["remedies"] == []


def test_what_cannot_be_done_is_a_failure(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    stale = look(Scope(), folder)
    monkeypatch.setattr("checks.all_facts", lambda scope, child: stale)
    (folder / "assets" / "SMPL_NEUTRAL.pkl").write_bytes(b"something else")
    status, text, _ = doctor("--yes")
    assert status == ExitCode.FAILED
    assert "✗ refused" in text
    assert (folder / "assets" / "SMPL_NEUTRAL.pkl").read_bytes() == b"something else"

from __future__ import annotations

import io
import json
import shlex
import shutil
from pathlib import Path

import pytest

from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.people.writer import PeopleSettings
from sherfctl.app import run
from sherfctl.commands.make_people import next_command

OPTIONS = ["--subjects", "1", "--views", "1", "--poses", "1", "--size", "64", "--workers", "1"]


def call(*arguments: str) -> tuple[int, str, str]:
    out, error = io.StringIO(), io.StringIO()
    code = run(["make-people", *arguments], stdout=out, stderr=error, environment={})
    return int(code), out.getvalue(), error.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "people"
    code, out, error = call(str(folder), *OPTIONS)
    assert code == 0, error
    assert "1 person in" in out
    assert "make people" in error
    return folder


def test_it_writes_the_layout(folder: Path):
    assert (folder / "human_list.txt").read_text() == "person_0000\n"
    assert (folder / "person_0000" / "img" / "camera0000" / "0000.jpg").is_file()
    assert (folder / "person_0000" / "mask" / "camera0000" / "0000.png").is_file()


def test_a_second_call_keeps_what_is_there(folder: Path):
    code, out, _ = call(str(folder), *OPTIONS, "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["made"], document["kept"], document["subjects"]) == (0, 1, ["person_0000"])
    assert document["next"] is None


@pytest.mark.parametrize(("subjects", "evaluated"), [(3, ["person_0002"]), (2, ["person_0000", "person_0001"])])
def test_the_command_that_it_prints_runs(tmp_path: Path, subjects: int, evaluated: list[str]):
    """On the shipped people, which are there already; the folder's name needs quotes."""
    folder = tmp_path / "my people"
    shutil.copytree(DEMO_ROOT, folder)
    code, out, error = call(str(folder), "--subjects", str(subjects), "--seed", "1")
    assert code == 0, error
    assert f"{subjects} people in {folder} (0 made, {subjects} were there)" in " ".join(out.split())
    printed = next(line for line in out.splitlines() if line.strip().startswith("sherfctl "))
    words = shlex.split(printed)
    stdout, stderr = io.StringIO(), io.StringIO()
    assert run([*words[1:], "--dry-run", "--json"], stdout=stdout, stderr=stderr, environment={}) == 0, stderr
    plan = json.loads(stdout.getvalue())
    assert (plan["subjects"], plan["missing_frames"]) == (evaluated, 0)


def test_pictures_smaller_than_the_evaluations_are_evaluated_at_their_size():
    settings = PeopleSettings(size=128)
    command, _ = next_command(Path("people"), ["a", "b", "c"], settings)
    assert command == "sherfctl run eval --dataset demo --data people --resolution 128"


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (PeopleSettings(views=12), "--views 34 "),
        (PeopleSettings(poses=2), "--poses 3 "),
        (PeopleSettings(size=32, poses=1), "--poses 3 --size 64 "),
    ],
)
def test_people_that_cannot_be_evaluated_get_a_reason_and_no_command(settings: PeopleSettings, wanted: str):
    command, reason = next_command(Path("people"), ["a", "b", "c"], settings)
    assert command == ""
    assert f"at least {wanted}" in reason


def test_other_options_for_the_same_folder_are_an_error_that_says_so(folder: Path):
    code, _, error = call(str(folder), *OPTIONS[:-4], "--size", "96", "--workers", "1")
    assert code == 1
    assert "size 64 instead of 96" in " ".join(error.split())


def test_wrong_option_values_are_refused(tmp_path: Path):
    code, _, _ = call(str(tmp_path), "--views", "0")
    assert code == 2

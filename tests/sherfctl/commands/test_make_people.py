from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sherfctl.app import run

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
    assert "1 people" in out
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


def test_other_options_for_the_same_folder_are_an_error_that_says_so(folder: Path):
    code, _, error = call(str(folder), *OPTIONS[:-4], "--size", "96", "--workers", "1")
    assert code == 1
    assert "size 64 instead of 96" in " ".join(error.split())


def test_wrong_option_values_are_refused(tmp_path: Path):
    code, _, _ = call(str(tmp_path), "--views", "0")
    assert code == 2

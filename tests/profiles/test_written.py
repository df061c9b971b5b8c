from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from checks import Purpose
from profiles import Profile, derive, load_profile, write_profile
from profiles.written import profile_text
from sherf_core.errors import ConfigurationError
from tests.checks.corpus import machine, machines

TRAIN = Purpose("train", "RenderPeople")


@pytest.mark.parametrize("name", machines())
def test_a_written_profile_reads_back_as_it_was_derived(name: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mine.yaml"
    written = write_profile(path, machine(name), TRAIN)
    assert load_profile(path) == written == derive(machine(name), TRAIN)[0]
    assert list(path.parent.iterdir()) == [path]


def test_each_value_stands_below_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    write_profile(path, machine("colab-t4"), TRAIN)
    lines = path.read_text().splitlines()
    place = lines.index("  precision: float16")
    assert lines[place - 1] == "  # compute capability 7.5: float16 from 7.0 on; bfloat16 would be emulated"
    assert "sherfctl doctor --write-profile" in lines[0]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="not replaced") as caught:
        write_profile(path, machine("cpu-laptop"))
    assert caught.value.fix
    assert path.read_text() == "precious"


@pytest.mark.parametrize("word", ["no", "On", "12", "1e3", "a: b", "# x", "-", "48:00:00", "ünï", "plain", "~", '"q"'])
def test_text_stays_text(word: str) -> None:
    profile = Profile.model_validate({"name": "mine", "summary": word, "device": "cpu", "paths": {"data": word}})
    text = profile_text(profile, {"summary": "why\nin two lines"}, "heading")
    assert Profile.model_validate(yaml.safe_load(text)) == profile

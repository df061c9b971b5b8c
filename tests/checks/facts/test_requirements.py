"""Python packages that the program needs: the list, and what is missing of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks.facts.collect import missing_parts
from checks.facts.requirements import REQUIRED, missing_packages, package_of


def test_the_list_is_that_of_the_project(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    listed = text.partition("\ndependencies = [")[2].partition("]")[0]
    asked = {re.match(r"[\w-]+", item)[0] for item in re.findall(r'"([^"]+)"', listed)}  # type: ignore[index]
    assert asked == {*REQUIRED, "torch"}


def test_this_python_has_them_all() -> None:
    assert missing_packages() == ()


def test_what_is_not_found_is_named_as_pip_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_packages({"here": "json", "Not-There": "not_there_at_all"}) == ("Not-There",)
    monkeypatch.setitem(REQUIRED, "Not-There", "not_there_at_all")
    assert missing_parts() == ("the package Not-There",)


def test_packages_by_their_modules() -> None:
    assert (package_of("PIL.Image"), package_of("yaml"), package_of("sklearn")) == ("pillow", "pyyaml", "")


def test_none_of_them_is_imported() -> None:
    program = (
        "import sys; from checks.facts.requirements import REQUIRED, missing_packages; missing_packages();"
        "print(set(REQUIRED.values()) & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
    )
    assert done.stdout.strip() == "set()", done.stderr

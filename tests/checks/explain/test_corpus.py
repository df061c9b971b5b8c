"""Each trouble's log gives its id first, however it was pasted; a healthy log gives nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from checks.catalogue import CATALOGUE
from checks.explain.patterns import PATTERNS
from tests.checks.explain.logs import HEALTHY, MESSAGES, TROUBLES, found, id_of

# Of these only a question can be asked: a program says nothing when they are there.
SILENT = {
    *("SMPL.RENAMED", "SMPL.GENDER", "DATA.FIT", "DATA.TRAIN_FOR_EVAL", "FS.CASE", "FS.DRVFS"),
    *("RUN.TIME", "SYS.CPU", "SYS.EPHEMERAL", "INPUT.WILD"),
}
# What a text of WSL means is another trouble than the same message elsewhere.
OTHER_IN_WSL = {"GPU.NONE", "GPU.MISMATCH", "SYS.RAM"}


def _each_line(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "\n".join(change(line) for line in text.splitlines())


def _wrapped(text: str) -> str:
    lines = [textwrap.wrap(line, 60, break_long_words=False) or [""] for line in text.splitlines()]
    return "\n".join(part for parts in lines for part in parts)


PASTED: dict[str, Callable[[str], str]] = {
    "wrapped at words": _wrapped,
    "cut at column 70": lambda text: "\n".join(
        line[start : start + 70] for line in text.splitlines() for start in range(0, max(len(line), 1), 70)
    ),
    "coloured": _each_line(lambda line: f"\x1b[1;31m{line}\x1b[0m"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "quoted": _each_line(lambda line: f"> {line}"),
    "quoted twice": _each_line(lambda line: f"> > {line}"),
    "with times": _each_line(lambda line: f"2024-05-01 12:00:01,123 ERROR {line}"),
    "of a rank": _each_line(lambda line: f"[rank0]: {line}"),
    "of a container": _each_line(lambda line: f"trainer-1  | {line}"),
    "indented": _each_line(lambda line: f"        {line}"),
    "curly quotes": lambda text: text.replace("'", "’"),
    "HTML entities": lambda text: text.replace("<", "&lt;").replace("'", "&#39;"),
    "wide spaces": lambda text: text.replace(" ", "\u00a0"),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_log_gives_nothing(name: str) -> None:
    assert found(HEALTHY[name]) == []


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_gives_its_id_first(name: str) -> None:
    assert found(TROUBLES[name])[0] == id_of(name)


@pytest.mark.parametrize("name", TROUBLES)
def test_a_healthy_log_before_the_error_does_not_matter(name: str) -> None:
    for healthy, log in HEALTHY.items():
        if "WSL" in log and id_of(name) in OTHER_IN_WSL:
            continue
        assert found(f"{log}\n{TROUBLES[name]}")[0] == id_of(name), healthy


@pytest.mark.parametrize("way", PASTED)
def test_the_way_of_pasting_does_not_matter(way: str) -> None:
    for name, log in TROUBLES.items():
        assert found(PASTED[way](log))[:1] == [id_of(name)], name


@pytest.mark.parametrize("way", PASTED)
def test_healthy_logs_give_nothing_however_they_were_pasted(way: str) -> None:
    for name, log in HEALTHY.items():
        if name != "code-with-words":  # a program that was wrapped is none any more
            assert found(PASTED[way](log)) == [], name


@pytest.mark.parametrize(("identifier", "text"), MESSAGES)
def test_what_users_see_and_ask_is_explained(identifier: str, text: str) -> None:
    assert found(text)[0] == identifier


def test_every_id_is_in_the_corpora() -> None:
    assert set(map(id_of, TROUBLES)) == set(CATALOGUE) - SILENT
    assert {identifier for identifier, _ in MESSAGES} >= SILENT


def test_patterns_name_only_what_the_catalogue_holds_and_all_of_it() -> None:
    assert {pattern.id for pattern in PATTERNS} == set(CATALOGUE)

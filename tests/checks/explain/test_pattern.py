from __future__ import annotations

import pytest

from checks.explain.pattern import Pattern, literals, longest_literal
from checks.explain.patterns import PATTERNS


@pytest.mark.parametrize(
    ("regex", "literal"),
    [
        ("out of memory", "out of memory"),
        (r"libcuda\.so\.1: no", "libcuda.so.1: no"),
        ("colou?rs", "colo"),
        ("(?:a long group) and tail", " and tail"),
        (r"\d+ files", " files"),
        ("[abcdefgh]xy", "xy"),
        ("one|other", ""),
        ("ab{2}cde", "cde"),
    ],
)
def test_longest_literal(regex: str, literal: str) -> None:
    assert longest_literal(regex) == literal


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"(?:first word|second word).{0,9}", ("first word", "second word")),
        (r"(?:first word|second word)?\d", ("",)),
        (r"(?:first|second) and the rest", (" and the rest",)),
        (r"(?:one(?:two|three)|four) x", ("one", "four")),
    ],
)
def test_one_of_the_literals_is_in_each_match(regex: str, expected: tuple[str, ...]) -> None:
    assert literals(regex) == expected


def test_every_pattern_of_logs_can_be_ruled_out_by_a_literal() -> None:
    weak = [p.regex for p in PATTERNS if not p.question and min(map(len, p.anchors)) < 4 and "killed" not in p.anchors]
    assert weak == []


def test_squeezed_words_ignore_all_spaces() -> None:
    pattern = Pattern("X.Y", r"out of memory:? \d+")
    assert pattern.squeezed_words.search("outofmemory:12")
    assert not pattern.squeezed_words.search("out of memory: 12")

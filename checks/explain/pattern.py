"""One way in which a trouble shows in a text, and how sure it makes us."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

SURE = 30
"""The words prove the trouble."""
LIKELY = 20
"""The words nearly always mean it."""
MAYBE = 15
"""A second explanation beside a surer one, or the only one where nothing surer is there."""
HINT = 10
"""Said only where nothing else was recognised."""

REACH = 3_000
"""Characters before and after a match in which `near` and `unless` are looked for."""
SHORT_TEXT = 300
"""Characters up to which a text may be a question in plain words rather than a log."""

_ESCAPED_LITERALS = frozenset(".()[]{}?*+|^$\\/-'\"#<>")


@dataclass(frozen=True)
class Pattern:
    """Words that point to a trouble.

    The text is matched without regard to case, with its lines joined and every run of white space as one space
    (see `checks.explain.text`), so a space in `regex` also stands for a line break.

    Args:
        id: the trouble's name in the catalogue.
        regex: the words.
        weight: how sure they make us.
        near: words that must stand not far away as well.
        unless: words that must not stand not far away; where `near` is there too, the nearer of the two decides.
        lines: match single lines (`^` and `$` are their ends) rather than the joined text.
        when: what must hold of the match with the `REACH` characters after it, in lower case and without spaces.
        question: match short texts only: these are words of a question, which a log may hold by chance.
        consequence: such an error often only follows from another one, so being the last in a log says little.
    """

    id: str
    regex: str
    weight: int = SURE
    near: str = ""
    unless: str = ""
    when: Callable[[str], bool] | None = None
    lines: bool = False
    question: bool = False
    consequence: bool = False

    @cached_property
    def words(self) -> re.Pattern[str]:
        """The compiled `regex`."""
        return re.compile(self.regex, re.IGNORECASE | (re.MULTILINE if self.lines else 0))

    @cached_property
    def squeezed_words(self) -> re.Pattern[str]:
        """The same for texts without any white space, for lines that were cut within a word."""
        return re.compile(re.sub(r" [?*+]?", "", self.regex), re.IGNORECASE)

    @cached_property
    def near_words(self) -> re.Pattern[str]:
        """The compiled `near`."""
        return re.compile(self.near, re.IGNORECASE)

    @cached_property
    def unless_words(self) -> re.Pattern[str]:
        """The compiled `unless`."""
        return re.compile(self.unless, re.IGNORECASE)

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """Literals in lower case of which every match holds at least one: a text without them needs no search."""
        return tuple(literal.lower() for literal in literals(self.regex))


def literals(regex: str) -> tuple[str, ...]:
    """Runs of plain characters of which each match of `regex` holds at least one, the longer the better.

    Either one run that stands outside groups, or one for each alternative of a group; ("",) where there is none.
    """
    candidates: list[tuple[str, ...]] = [(longest_literal(regex),)]
    for alternatives in _groups(regex):
        candidates.append(tuple(longest_literal(alternative) for alternative in alternatives))
    return max(candidates, key=lambda runs: (min(map(len, runs)), -len(runs)))


def _groups(regex: str) -> Iterator[list[str]]:
    """The alternatives of each `(?:…)` at the top level that must match."""
    depth, start, alternatives, position = 0, 0, [""], 0
    while position < len(regex):
        character = regex[position]
        width = 2 if character == "\\" else 1
        if character == "[":
            width = _end_of_class(regex, position + 1) - position
        elif character == "|" and depth == 0:
            return  # what follows is another alternative of the whole
        elif character == "(":
            depth += 1
            if depth == 1:
                start, alternatives = position, [""]
        elif character == ")":
            depth -= 1
            if (
                depth == 0
                and regex.startswith("(?:", start)
                and regex[position + 1 : position + 2] not in ("?", "*", "{")
            ):
                yield [alternatives[0].removeprefix("?:"), *alternatives[1:]]
        if depth == 1 and character == "|":
            alternatives.append("")
        elif depth > 1 or (depth == 1 and position > start):
            alternatives[-1] += regex[position : position + width]
        position += width


def longest_literal(regex: str) -> str:
    """The longest run of plain characters outside groups that each match of `regex` must hold; "" if there is none."""
    runs: list[str] = []
    run, position, depth = "", 0, 0
    while position < len(regex):
        character = regex[position]
        escaped = character == "\\"
        if escaped:
            position += 1
            character = regex[position]
        position += 1
        following = regex[position : position + 1]
        if not escaped and character == "[":
            # The content of a character class is no literal, and its brackets do not count as groups.
            position = _end_of_class(regex, position)
            runs, run = [*runs, run], ""
        elif not escaped and character in "()":
            depth += 1 if character == "(" else -1
            runs, run = [*runs, run], ""
        elif depth > 0:
            continue
        elif not escaped and character == "|":
            return ""
        elif (escaped and character not in _ESCAPED_LITERALS) or (not escaped and character in ".^$?*+{}"):
            runs, run = [*runs, run], ""
            if character == "{":
                position = regex.index("}", position) + 1
        elif following in ("?", "*", "{"):
            runs, run = [*runs, run], ""
        else:
            run += character
    return max([*runs, run], key=len)


def _end_of_class(regex: str, position: int) -> int:
    while regex[position] != "]":
        position += 2 if regex[position] == "\\" else 1
    return position + 1

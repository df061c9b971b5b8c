"""Tallies while they are being counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from checks.facts.records import Tally

SHOWN = 5


def printable(text: str) -> str:
    """The text without bytes that are no UTF-8: names of files may hold them, facts may not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass
class _Count:
    count: int = 0
    of: int = 0
    in_training: int = 0
    examples: list[str] = field(default_factory=list)


class Counts:
    """Tallies by the name of their field in DatasetFacts; those never added to stay "not taken"."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(
        self, name: str, problems: Sequence[str], *, of: int, training: bool = False, count: int | None = None
    ) -> None:
        """Add to a tally.

        Args:
            name: its field in DatasetFacts.
            problems: what is wrong, a text each.
            of: how many were looked at.
            training: whether they belong to a subject that only training needs.
            count: how many are wrong, where that is not the number of texts.
        """
        tally = self._counts.setdefault(name, _Count())
        wrong = len(problems) if count is None else count
        tally.count += wrong
        tally.of += of
        tally.in_training += wrong if training else 0
        tally.examples += problems[: SHOWN - len(tally.examples)]

    def merge(self, other: Counts) -> None:
        """Add all that another one counted."""
        for name, more in other._counts.items():
            self.add(name, more.examples, of=more.of, count=more.count)
            self._counts[name].in_training += more.in_training

    def tallies(self) -> dict[str, Tally]:
        """The finished tallies."""
        return {
            name: Tally(count=c.count, of=c.of, examples=tuple(map(printable, c.examples)), in_training=c.in_training)
            for name, c in self._counts.items()
        }

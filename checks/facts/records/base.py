"""What all records of facts have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A piece of facts: unknown fields are refused, nothing changes after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tally(Record):
    """So many of so many: a count, what it is out of, and the first five, for people to look at."""

    count: int = 0
    of: int | None = None
    """How many were looked at, None where nothing was."""
    examples: tuple[str, ...] = ()
    in_training: int = 0
    """Data sets: how many of `count` belong to subjects that only training needs."""

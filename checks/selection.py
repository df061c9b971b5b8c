"""Which checks a user asked for: ids, and groups of ids by the part before the dot."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from checks.catalogue import CATALOGUE


class UnknownCheckError(ValueError):
    """A word that is neither a check's id nor the first part of one; its text names the nearest."""


def selected_checks(only: Iterable[str] = (), skip: Iterable[str] = ()) -> frozenset[str]:
    """The ids that are left: those of `only` (all where it names none), without those of `skip`.

    Args:
        only: ids (`SMPL.HTML`) or first parts (`SMPL`), in any case, several in one word with commas.
        skip: the same.

    Raises:
        UnknownCheckError: a word names no check, or nothing at all.
    """
    wanted = _named(only)
    return (wanted or frozenset(CATALOGUE)) - _named(skip)


def _named(words: Iterable[str]) -> frozenset[str]:
    names = []
    for word in words:
        named = [name.strip().upper() for name in word.split(",") if name.strip()]
        if not named:
            raise UnknownCheckError("an empty word names no check; `sherfctl doctor --list` names them all")
        names += named
    return frozenset(identifier for name in names for identifier in _expanded(name))


def _expanded(name: str) -> list[str]:
    if name in CATALOGUE:
        return [name]
    members = [identifier for identifier in CATALOGUE if identifier.startswith(f"{name.rstrip('.*')}.")]
    if members:
        return members
    groups = {identifier.partition(".")[0] for identifier in CATALOGUE}
    near = difflib.get_close_matches(name, [*CATALOGUE, *sorted(groups)], n=1, cutoff=0.5)
    hint = f"; the nearest is {near[0]}" if near else ""
    raise UnknownCheckError(f"there is no check {name}{hint}")

"""Ids as people write them."""

from __future__ import annotations

import re

from checks.catalogue import CATALOGUE, ENTRIES, Entry

_SEPARATORS = re.compile(r"[.\-_: /]+")
_LONGEST = 40
"""Characters that a text may have to be taken for an id."""


def named(word: str) -> tuple[Entry, ...]:
    """The entry of that id, in any case and with any separator, or all of a group (`SMPL`); empty for other words."""
    wanted = _plain(word)
    exact = tuple(entry for entry in ENTRIES if _plain(entry.id) == wanted)
    return exact or tuple(entry for entry in ENTRIES if entry.id.split(".")[0] == wanted)


def close_ids(text: str) -> tuple[str, ...]:
    """Ids that differ from the text by a slip of the finger."""
    if len(text) > _LONGEST:
        return ()
    from difflib import get_close_matches

    plain = {_plain(identifier): identifier for identifier in CATALOGUE}
    return tuple(plain[match] for match in get_close_matches(_plain(text), plain, n=2, cutoff=0.75))


def _plain(word: str) -> str:
    return _SEPARATORS.sub(".", word.strip(" []'\"`.,:").upper())

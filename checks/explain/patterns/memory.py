"""Who holds a GPU's memory, by the figures in torch's own words when it runs out."""

from __future__ import annotations

import re

from checks.explain.pattern import MAYBE, SURE, Pattern

_UNITS = {"b": 1, "bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SIZE = r"([\d.]+)(bytes|[kmg]ib)"
_TOTAL = (rf"totalcapacityof{_SIZE}", rf"{_SIZE}totalcapacity")
_FREE = (rf"ofwhich{_SIZE}isfree", rf"{_SIZE}free;")
_OWN = rf"thisprocesshas{_SIZE}memoryinuse"
_OF_TORCH = (
    (rf"{_SIZE}reservedintotalbypytorch", rf"{_SIZE}isallocatedbypytorch", rf"{_SIZE}alreadyallocated"),
    (rf"{_SIZE}isreservedbypytorchbutunallocated",),
)
_USED_UP = r"(?:CUDA out of memory|GPU \d+ has a total capacity of)"
# What CUDA itself takes in a process, beside what torch asks for.
_CONTEXT = 1 << 30


def shares(words: str) -> tuple[float, float, float]:
    """Bytes of a GPU: all, those of this process, those of others; zeros where the words do not tell.

    Args:
        words: torch's message, in lower case and without spaces.
    """
    message = words[: words.find("outofmemory", 12)] if "outofmemory" in words[12:] else words
    total, free = _first(message, _TOTAL), _first(message, _FREE)
    if total is None or free is None:
        return 0.0, 0.0, 0.0
    own = _first(message, (_OWN,))
    if own is None:
        parts = [_first(message, part) for part in _OF_TORCH]
        own = sum(part or 0.0 for part in parts) + _CONTEXT if parts[0] is not None else 0.0
    return total, own, max(total - free - own, 0.0)


def others_hold_most(words: str) -> bool:
    """Whether other programs hold more than this one, and more than CUDA itself would."""
    _, own, others = shares(words)
    return others > max(own, _CONTEXT)


def others_hold_a_part(words: str) -> bool:
    """Whether other programs hold a fifth of the memory, and more than CUDA itself would."""
    total, _, others = shares(words)
    return others > max(total / 5, _CONTEXT)


def _first(message: str, regexes: tuple[str, ...]) -> float | None:
    for regex in regexes:
        if match := re.search(regex, message):
            return float(match[1].strip(".") or 0) * _UNITS[match[2]]
    return None


PATTERNS = (
    Pattern("GPU.BUSY", _USED_UP, SURE + 1, when=others_hold_most),
    Pattern("GPU.BUSY", _USED_UP, MAYBE, when=others_hold_a_part),
    Pattern("RUN.VRAM", r"GPU \d+ has a total capacity of"),
)

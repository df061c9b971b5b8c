"""From a text to the troubles that it shows, the one to mend first at the top."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from checks.catalogue import CATALOGUE, Entry
from checks.explain.pattern import HINT, LIKELY, MAYBE, REACH, SHORT_TEXT, SURE, Pattern
from checks.explain.patterns import PATTERNS
from checks.explain.structure import Role, chain_lines, is_surely_code, remarks_in, role_at
from checks.explain.text import PIECE, Piece, pieces

FEW_LINES = 3
"""A text of so few lines is a message that somebody copied, even if it looks like a line of code."""
_OCCURRENCES = 8
"""Of a message that repeats, so many at each end of a piece are looked at."""
_SQUEEZED_ANCHOR = 8
"""Letters that a pattern's literal must have to be sought in text without spaces."""
_EVIDENCE = 240

# What the place of a message adds to its pattern's weight.
_ENDED_THE_RUN, _IN_TRACEBACK, _ONLY_WARNED = 15, 4, -5

# A text with such words is a program's, not a question.
_ERROR = re.compile(r"\b\w*(?:Error|Exception|Warning)\b:|Traceback|^File \"", re.MULTILINE)
# How this program itself names a trouble: in an error, in the doctor's report, in its JSON documents.
_OWN_ERROR = re.compile(
    r"^error: (?:.|\n){0,600}?\[([A-Z0-9]+\.[A-Z0-9_]+)\]$"
    r"|^[✗!] [^\n]*\[([A-Z0-9]+\.[A-Z0-9_]+)\]$"
    r'|"code": ?"([A-Z0-9]+\.[A-Z0-9_]+)"'
    r'|"id": ?"([A-Z0-9]+\.[A-Z0-9_]+)",\s{0,3}"severity": ?"(?:block|warn)"',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Explained:
    """A trouble that a text shows.

    Args:
        entry: its words in the catalogue.
        evidence: the line, or the message over several lines, that shows it; "" where it was asked for by its id.
        line: that line's number, from 1; None for a text of a single line.
    """

    entry: Entry
    evidence: str = ""
    line: int | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """What mends it on machines in general."""
        return self.entry.general or self.entry.fix


@dataclass(frozen=True)
class Explanation:
    """The troubles that a text shows, best first.

    Args:
        findings: the troubles.
        characters: how many characters, other than white space at the ends, were looked at.
    """

    findings: tuple[Explained, ...]
    characters: int = 0


@dataclass(frozen=True)
class _Hit:
    id: str
    weight: int
    line: int
    evidence: str
    role: Role
    consequence: bool


@dataclass
class _Seen:
    """All that is remembered of a text while its pieces pass."""

    hits: dict[tuple[str, int, int], _Hit] = field(default_factory=dict)
    chains: list[int] = field(default_factory=list)
    tracebacks: list[int] = field(default_factory=list)
    lines: int = 0
    characters: int = 0
    remarks: list[range] = field(default_factory=list)
    """Of the piece that passes now: what is to be left out of it."""


def explain(text: str | Iterable[str]) -> Explanation:
    """The troubles that a text shows.

    Args:
        text: a message, a log, or the consecutive parts of a log of any length (of which only some megabytes are held).
    """
    seen = _Seen()
    parts = (text[start : start + PIECE] for start in range(0, len(text), PIECE)) if isinstance(text, str) else text
    for piece in pieces(parts):
        _look(piece, seen)
    ordered = _ordered(seen)
    several = seen.lines > 1
    return Explanation(
        tuple(Explained(CATALOGUE[hit.id], hit.evidence, hit.line if several else None) for hit in ordered),
        seen.characters,
    )


def _look(piece: Piece, seen: _Seen) -> None:
    seen.lines = piece.line_number(len(piece.lines.rstrip()))
    seen.characters += len(piece.lines.strip())
    seen.remarks = remarks_in(piece)
    chains, tracebacks = chain_lines(piece)
    for numbers, known in ((chains, seen.chains), (tracebacks, seen.tracebacks)):
        known.extend(number for number in numbers if not known or number > known[-1])
    whole = piece.last and piece.seen == 0
    few = whole and seen.lines <= FEW_LINES
    asked = whole and len(piece.lines) <= SHORT_TEXT and not _ERROR.search(piece.lines)
    found = len(seen.hits)
    for pattern in PATTERNS:
        if pattern.question and not asked:
            continue
        if not any(map(piece.holds, pattern.anchors)) or (pattern.regex.endswith(r"\Z") and not piece.last):
            continue
        matches = list(pattern.words.finditer(piece.lines if pattern.lines else piece.joined))
        if len(matches) > 2 * _OCCURRENCES:
            matches = matches[:_OCCURRENCES] + matches[-_OCCURRENCES:]
        for match in matches:
            _keep(pattern, piece, match.span(), few, seen)
    for own in _OWN_ERROR.finditer(piece.lines):
        identifier = next(filter(None, own.groups()))
        if identifier in CATALOGUE:
            _keep(Pattern(identifier, "", SURE + LIKELY), piece, own.span(), True, seen)
    if whole and len(seen.hits) == found:
        _look_for_cut_words(piece, few, seen)


def _look_for_cut_words(piece: Piece, few: bool, seen: _Seen) -> None:
    """The same without any spaces: terminals and mail programs break long lines within words."""
    places = [place for place, character in enumerate(piece.joined) if character != " "]
    squeezed = piece.joined.replace(" ", "")
    lowered = squeezed.lower()
    for pattern in PATTERNS:
        anchors = [anchor.replace(" ", "") for anchor in pattern.anchors]
        if pattern.lines or pattern.question or min(map(len, anchors)) < _SQUEEZED_ANCHOR:
            continue
        if not any(anchor in lowered for anchor in anchors):
            continue
        for match in pattern.squeezed_words.finditer(squeezed):
            _keep(pattern, piece, (places[match.start()], places[match.end() - 1] + 1), few, seen)


def _keep(pattern: Pattern, piece: Piece, span: tuple[int, int], few: bool, seen: _Seen) -> None:
    """Remember a match, if what must stand near it does, and it is not in program code."""
    if not _surroundings_fit(pattern, piece.joined, span) or any(span[0] in remark for remark in seen.remarks):
        return
    role = role_at(piece, span[0])
    if role is Role.CODE and not (few and not is_surely_code(piece.line_at(span[0]))):
        return
    line = piece.line_number(span[0])
    hit = _Hit(pattern.id, pattern.weight, line, _evidence(piece, span), role, pattern.consequence)
    seen.hits.setdefault((pattern.id, line, pattern.weight), hit)


def _surroundings_fit(pattern: Pattern, joined: str, span: tuple[int, int]) -> bool:
    near = _distance(pattern.near_words, joined, span) if pattern.near else None
    if pattern.near and near is None:
        return False
    if pattern.when and not pattern.when(joined[span[0] : span[1] + REACH].lower().replace(" ", "")):
        return False
    unless = _distance(pattern.unless_words, joined, span) if pattern.unless else None
    return unless is None or (near is not None and near <= unless)


def _distance(words: re.Pattern[str], joined: str, span: tuple[int, int]) -> int | None:
    """Characters between a match and the nearest of `words`; None if they are out of reach."""
    start, end = max(span[0] - REACH, 0), span[1] + REACH
    gaps = [max(found.start() - span[1], span[0] - found.end(), 0) for found in words.finditer(joined, start, end)]
    return min(gaps, default=None)


def _evidence(piece: Piece, span: tuple[int, int]) -> str:
    line = piece.line_at(span[0])
    message = piece.joined[span[0] : span[1]]
    if message in line:
        start = max(line.index(message) - _EVIDENCE // 3, 0) if len(line) > _EVIDENCE else 0
        return ("… " if start else "") + line[start : start + _EVIDENCE].strip()
    return message[:_EVIDENCE].strip()


def _ordered(seen: _Seen) -> list[_Hit]:
    """The best hit of each id, best first; those that follow from another one's trouble after it."""
    hits = list(seen.hits.values())
    fatal = [hit for hit in hits if hit.role is Role.ERROR and hit.weight >= LIKELY and not hit.consequence]
    last = max(fatal, key=lambda hit: hit.line, default=None)
    scores = {}
    for hit in hits:
        ended = last is not None and hit.role is Role.ERROR and _same_chain(hit.line, last.line, seen)
        score = hit.weight + {Role.ERROR: _IN_TRACEBACK, Role.WARNING: _ONLY_WARNED}.get(hit.role, 0)
        scores[hit] = score + (_ENDED_THE_RUN if ended and not hit.consequence else 0)
    best: dict[str, _Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-scores[hit], hit.line)):
        best.setdefault(hit.id, hit)
    chosen = list(best.values())
    if any(hit.weight > HINT for hit in chosen):
        chosen = [hit for hit in chosen if hit.weight > HINT]
    roots = {hit.id: _roots(hit, chosen) for hit in chosen}
    return sorted(chosen, key=lambda hit: (_depth(hit.id, roots), -scores[hit], hit.line))


def _same_chain(first: int, second: int, seen: _Seen) -> bool:
    """Whether two lines belong to one chain of tracebacks ("During handling of the above exception …")."""
    between = [bisect_left(numbers, second) - bisect_left(numbers, first) for numbers in (seen.tracebacks, seen.chains)]
    return between[0] <= between[1]


def _roots(hit: _Hit, chosen: list[_Hit]) -> tuple[str, ...]:
    """Which of the others explain this one away: the catalogue says so, and they are no less certain."""
    follows = CATALOGUE[hit.id].follows
    return tuple(other.id for other in chosen if other.id in follows and other.weight >= hit.weight > MAYBE)


def _depth(identifier: str, roots: dict[str, tuple[str, ...]], path: tuple[str, ...] = ()) -> int:
    if identifier in path:
        return 0
    return max((1 + _depth(root, roots, (*path, identifier)) for root in roots[identifier]), default=0)

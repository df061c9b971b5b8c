"""Texts as people paste them: brought into one form, piece by piece, with line numbers kept."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

PIECE = 1 << 20
"""Bytes read at a time: what a log of any length needs of memory is a few times this."""
REPEATS = 50
"""Lines of a long log that differ in digits only are read so often: what repeats (steps, progress) says no more."""
_SHAPES = 50_000
_LONG_LINE = 100_000
OVERLAP = 12_000
"""Characters of a piece that are seen again with the next one, so that what lies across the border is found."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# What stands before the message: mail quotes, prompts, times, levels, ranks, container and node names.
_PREFIX = re.compile(
    r"""^[ \t]*(?:
        (?:>[ \t]?)+
      | In[ ]\[\d+\]:[ ]
      | \[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\]?[ \t]*(?:[-|:][ \t]+)?
      | \[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?[ \t]+(?:[-|:][ \t]+)?
      | [A-Z][a-z]{2}[ ]+\d{1,2}[ ]\d\d:\d\d:\d\d[ ][\w.-]+[ ]
      | \[(?:rank)?\d+\]:?[ \t]+
      | \[\d+,\d+\]<std(?:out|err)>:[ \t]*
      | \[default\d*\]:[ \t]*
      | std(?:out|err)[ ][FP][ ]
      | \((?:\w+[ ])?pid=\d+(?:,[^)\n]{0,30})?\)[ ]
      | [\w.-]{1,40}[ \t]+\|[ \t]+(?=\D)
      | \d{1,3}:[ \t]+
      | \[?(?:INFO|WARN(?:ING)?|ERROR|DEBUG|CRITICAL|FATAL)\]?(?:[ \t]*[-|:][ \t]*|(?=\[)|[ \t]+)
    )+""",
    re.MULTILINE | re.VERBOSE,
)
_SPACES = re.compile(r"[ \t]+")
_EDGES = re.compile(r" ?([\n\v]) ?")
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("\u00a0\u2007\u202f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
        **dict.fromkeys("‐‑‒–", "-"),
        "：": ":",
        "…": "...",
    }
)
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_ENTITY = re.compile(r"&(?:#39|#x27|quot|lt|gt|amp);")


@dataclass(frozen=True)
class Piece:
    """A part of a text in one form.

    Args:
        lines: the text; within a line every run of white space is one space. A carriage return that stands alone (a
            progress bar) is a vertical tab, so that line breaks count as in the file.
        first_line: the number of its first line in the whole text, from 1.
        last: whether the text ends with it.
        seen: characters at its start that were in the piece before as well.
    """

    lines: str
    first_line: int
    last: bool
    seen: int = 0

    @cached_property
    def joined(self) -> str:
        """The text as one line; offsets are those of `lines`."""
        return self.lines.replace("\n", " ").replace("\v", " ")

    @cached_property
    def lowered(self) -> str:
        """`joined` in lower case, to look for literals (offsets may differ)."""
        return self.joined.lower()

    def holds(self, literal: str) -> bool:
        """Whether the text holds a literal, given in lower case."""
        if literal not in self._held:
            self._held[literal] = literal in self.lowered
        return self._held[literal]

    @cached_property
    def _held(self) -> dict[str, bool]:
        return {}

    def line_number(self, offset: int) -> int:
        """The number, in the whole text, of the line at an offset."""
        return self.first_line + self.lines.count("\n", 0, offset)

    def line_at(self, offset: int) -> str:
        """The line at an offset."""
        start = max(self.lines.rfind("\n", 0, offset), self.lines.rfind("\v", 0, offset)) + 1
        end = len(self.lines)
        for separator in "\n\v":
            found = self.lines.find(separator, offset)
            end = min(end, found) if found >= 0 else end
        return self.lines[start:end]


def cleaned(text: str) -> str:
    """The text without colours, prefixes and typography, each run of spaces as one; line breaks are kept."""
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = text.replace("\r", "\v")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
    text = text.replace("`", "'") if text.isascii() else text.translate(_TYPOGRAPHY)
    text = _PREFIX.sub("", text)
    return _EDGES.sub(r"\1", _SPACES.sub(" ", text)).strip(" ")


def pieces(texts: Iterable[str]) -> Iterator[Piece]:
    """The text that `texts` make together, in overlapping pieces that begin at lines.

    Args:
        texts: consecutive parts of one text, cut anywhere.
    """
    held, kept, line = "", "", 1
    shapes: dict[str, int] = {}
    for part in texts:
        held += part
        while len(held) >= 2 * PIECE:
            cut = held.rfind("\n", 0, PIECE) + 1 or PIECE
            lines, held = kept + cleaned(_thinned(held[:cut], shapes)), held[cut:]
            yield Piece(lines, line, last=False, seen=len(kept))
            again = max(len(lines) - OVERLAP, 0)
            again = max(again, lines.find("\n", again) + 1)
            line += lines.count("\n", 0, again)
            kept = lines[again:]
    yield Piece(kept + cleaned(_thinned(held, shapes) if shapes else held), line, last=True, seen=len(kept))


def _thinned(text: str, shapes: dict[str, int]) -> str:
    """The text without what repeats; line breaks stay, so that lines can be counted.

    Args:
        text: a part of a long text.
        shapes: how often each line, without its digits, was seen; this is counted on.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\v")
    kept = []
    for line, shape in zip(text.splitlines(True), text.translate(_NO_DIGITS).splitlines(True), strict=True):
        count = shapes.get(shape, 0)
        if count or len(shapes) < _SHAPES:
            shapes[shape] = count + 1
        if count >= REPEATS:
            kept.append(line[-1] if line[-1] in "\n\v" else " ")
        else:
            kept.append(line if len(line) < _LONG_LINE else line[:OVERLAP] + " " + line[-OVERLAP:])
    return "".join(kept)


class NotTextError(ValueError):
    """The bytes are no text."""


def decoded(stream: BinaryIO) -> Iterator[str]:
    """The stream's text in parts; bytes that are no UTF-8 (or UTF-16, where marked so) become replacement marks.

    Raises:
        NotTextError: the stream holds zero bytes, as no text does.
    """
    start = stream.read(PIECE)
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not marked and b"\0" in start:
        raise NotTextError
    decoder = codecs.getincrementaldecoder("utf-16" if marked else "utf-8-sig")("replace")
    while start:
        yield decoder.decode(start)
        start = stream.read(PIECE)
    yield decoder.decode(b"", final=True)

"""What a stream can show: colour, letters beyond ASCII, how many columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

NARROWEST, WIDEST, DEFAULT_WIDTH = 40, 200, 80

# Replacements for terminals that cannot show the letter; everything else becomes "?".
ASCII_FORMS = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "·": "-",
        "•": "*",
        "—": "-",
        "–": "-",
        "…": "...",
        "×": "x",
        "²": "^2",
        "→": "->",
        "≥": ">=",
        "≤": "<=",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "█": "#",
        "░": ".",
        "─": "-",
        "\u00a0": " ",
    }
)


@dataclass(frozen=True)
class Terminal:
    """A text stream and what it can show."""

    stream: TextIO
    width: int
    color: bool
    unicode: bool
    interactive: bool

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str]) -> Terminal:
        """Look at the stream and the environment (NO_COLOR, FORCE_COLOR, TERM, COLUMNS)."""
        interactive = _is_terminal(stream)
        dumb = environment.get("TERM") == "dumb"
        color = (interactive and not dumb) or bool(environment.get("FORCE_COLOR"))
        if environment.get("NO_COLOR"):
            color = False
        return cls(
            stream=stream,
            width=_width(stream, environment),
            color=color,
            unicode=_can_encode(stream, "✓█…"),
            interactive=interactive and not dumb,
        )

    def write(self, text: str) -> None:
        """Write text, in ASCII forms where the stream cannot encode it."""
        if not self.unicode:
            text = text.translate(ASCII_FORMS)
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return bool(stream.isatty())
    except (ValueError, OSError, AttributeError):  # a closed stream, or none
        return False


def _can_encode(stream: TextIO, text: str) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _width(stream: TextIO, environment: Mapping[str, str]) -> int:
    asked = environment.get("COLUMNS", "")
    if asked.isdigit() and int(asked) > 0:
        return max(NARROWEST, min(WIDEST, int(asked)))
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = DEFAULT_WIDTH
    return max(NARROWEST, min(WIDEST, columns or DEFAULT_WIDTH))

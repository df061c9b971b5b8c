"""Pure text layout: wrapping and tables. Nothing here writes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

# Texts of others (names of files, lines of logs) may hold anything, also codes that a terminal obeys.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """One line of text without codes that a terminal obeys; they are shown as their numbers."""
    return CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def harmless(text: str) -> str:
    """Text of several lines without codes that a terminal obeys; line ends stay, a tab becomes a blank."""
    return "\n".join(printable(line.replace("\t", " ")) for line in text.replace("\r\n", "\n").split("\n"))


def wrap(text: str, width: int, *, first: str = "", rest: str = "") -> str:
    """Wrap each line of `text` to `width` columns, with prefixes; words (paths, commands) are never cut.

    What a terminal would obey in `text` is shown as numbers; prefixes are taken as they are.
    """
    wrapped = []
    for number, line in enumerate(harmless(text).splitlines() or [""]):
        start = first if number == 0 else rest
        wrapped.append(
            textwrap.fill(
                line,
                width,
                initial_indent=start,
                subsequent_indent=rest,
                break_long_words=False,
                break_on_hyphens=False,
            )
            or start.rstrip()
        )
    return "\n".join(wrapped)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """A table in plain text: numbers to the right, words to the left, wide cells wrapped to fit `width`.

    Where even that cannot fit, each row becomes a block of `column: value` lines.
    """
    if not rows:
        return ""
    rows = [[harmless(cell) for cell in row] for row in rows]
    natural = [max(len(columns[i]), *(len(row[i]) for row in rows)) for i in range(len(columns))]
    smallest = [max(len(columns[i]), *(_longest_word(row[i]) for row in rows)) for i in range(len(columns))]
    gaps = 2 * (len(columns) - 1)
    if sum(smallest) + gaps > width:
        return "\n\n".join(
            "\n".join(wrap(f"{name}: {cell}", width, rest="  ") for name, cell in zip(columns, row, strict=True))
            for row in rows
        )
    widths = list(natural)
    while sum(widths) + gaps > width:
        widest = max((i for i in range(len(widths)) if widths[i] > smallest[i]), key=lambda i: widths[i])
        widths[widest] -= 1
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    lines = [_row(columns, widths, numeric), _row(["─" * size for size in widths], widths, numeric)]
    lines += [_row(row, widths, numeric) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    columns = [
        textwrap.wrap(cell, size, break_long_words=False, break_on_hyphens=False) or [""]
        for cell, size in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(len(column) for column in columns)):
        parts = [column[number] if number < len(column) else "" for column in columns]
        lines.append(
            "  ".join(
                part.rjust(size) if right else part.ljust(size)
                for part, size, right in zip(parts, widths, numeric, strict=True)
            ).rstrip()
        )
    return "\n".join(lines)


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip(" %"))
    except ValueError:
        return text in {"", "-", "n/a"}
    return True


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: `0.4 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def size(count: float) -> str:
    """A number of bytes in binary units: `512 B`, `1.5 GiB`."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GiB"

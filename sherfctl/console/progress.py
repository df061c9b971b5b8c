"""A progress bar with the time left: redrawn in a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from sherfctl.console.layout import duration, printable
from sherfctl.console.terminal import Terminal

REDRAW_SECONDS = 0.1
PIPE_SECONDS = 15.0


class Progress:
    """Counts work done and says when it will end.

    Args:
        terminal: where to draw (standard error).
        description: what is being done, one or two words.
        total: how many items there are.
        unit: what an item is, plural.
        clock: a monotonic clock in seconds; tests inject one.
    """

    def __init__(
        self,
        terminal: Terminal,
        description: str,
        total: int,
        unit: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.terminal, self.description, self.total, self.unit = terminal, description, total, unit
        self.done, self.skipped, self.note = 0, 0, ""
        self._clock = clock
        self._started = self._drawn = clock()
        self._visible = False

    def __enter__(self) -> Progress:
        if self.terminal.interactive:
            self._draw()
        else:
            self.terminal.write(f"{self.description}: {self.total} {self.unit}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        taken = duration(self._clock() - self._started)
        kept = f", {self.skipped} were there already" if self.skipped else ""
        state = "" if kind is None else " when it stopped"
        self.terminal.write(f"{self.description}: {self.done} of {self.total} {self.unit} in {taken}{kept}{state}\n")

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more items as done; `note` is a few words shown beside the bar."""
        self.done += count
        self.note = printable(note) or self.note
        now = self._clock()
        if now - self._drawn >= (REDRAW_SECONDS if self.terminal.interactive else PIPE_SECONDS):
            self._drawn = now
            self._draw()

    def skip(self, count: int = 1) -> None:
        """Count items that were done before (a resumed run), without spoiling the estimate of the time left."""
        self.skipped += count
        self.advance(count)

    def clear(self) -> None:
        """Take the bar off the terminal, so that other text can be written; it comes back at the next step."""
        if self._visible:
            self.terminal.write("\r\x1b[2K")
            self._visible = False

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end, or None before the first item."""
        worked = self.done - self.skipped
        if worked <= 0:
            return None
        return (self._clock() - self._started) / worked * max(0, self.total - self.done)

    def line(self, width: int) -> str:
        """The bar as text of at most `width` columns."""
        share = self.done / self.total if self.total else 1.0
        left = self.seconds_left
        ending = f"{self.done}/{self.total} {self.unit} {share:4.0%}" + (
            f", {duration(left)} left" if left is not None else ""
        )
        room = width - len(self.description) - len(ending) - 4
        bar_width = max(0, min(30, room))
        filled = round(min(1.0, share) * bar_width)
        bar = "█" * filled + "░" * (bar_width - filled)
        text = f"{self.description} {bar} {ending}" if bar_width >= 5 else f"{self.description} {ending}"
        if self.note and len(text) + 2 + len(self.note) < width:
            text += f", {self.note}"
        return text[: width - 1]

    def _draw(self) -> None:
        if self.terminal.interactive:
            self.terminal.write("\r\x1b[2K" + self.line(self.terminal.width))
            self._visible = True
        else:
            self.terminal.write(self.line(120) + "\n")

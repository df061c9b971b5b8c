"""A line that shows how far a transfer is, with its speed and the time left; a line now and then in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from sherfctl.console.layout import duration, printable, size
from sherfctl.console.terminal import Terminal

REDRAW_SECONDS = 0.1
PIPE_SECONDS = 15.0


class Transfer:
    """Shows bytes that come in; use it as a context manager.

    Args:
        terminal: where to draw (standard error).
        description: what comes, a file's name.
        clock: a monotonic clock in seconds; tests inject one.
    """

    def __init__(self, terminal: Terminal, description: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.terminal, self.description = terminal, description
        self.done, self.speed = 0, 0.0
        self.total: int | None = None
        self._clock = clock
        self._started = clock()
        self._drawn = self._started
        self._visible = False

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        if self.done:
            state = "" if kind is None else " when it stopped"
            taken = duration(self._clock() - self._started)
            self.terminal.write(f"{self.description}: {size(self.done)} in {taken}{state}\n")

    def update(self, done: int, total: int | None, speed: float | None = None) -> None:
        """Show so many bytes of so many (None: unknown); without a speed (bytes a second) it is that of the whole."""
        now = self._clock()
        self.done, self.total = done, total
        self.speed = done / max(now - self._started, 1e-9) if speed is None else speed
        self._draw(now, self.line(self.terminal.width))

    def wait(self, text: str) -> None:
        """Show a line of text in the place of the bytes."""
        self._draw(self._clock(), printable(text)[: self.terminal.width - 1])

    def line(self, width: int) -> str:
        """The state as text of at most `width` columns."""
        parts = [size(self.done)]
        if self.total:
            parts = [f"{size(self.done)} of {size(self.total)} {self.done / self.total:4.0%}"]
        if self.speed > 0:
            parts.append(f"{size(self.speed)}/s")
            if self.total:
                parts.append(f"{duration(max(self.total - self.done, 0) / self.speed)} left")
        ending = ", ".join(parts)
        bar_width = min(30, width - len(self.description) - len(ending) - 4)
        if self.total and bar_width >= 5:
            filled = round(min(1.0, self.done / self.total) * bar_width)
            ending = "█" * filled + "░" * (bar_width - filled) + " " + ending
        return f"{self.description} {ending}"[: width - 1]

    def clear(self) -> None:
        """Take the line off the terminal, so that other text can be written; it comes back at the next step."""
        if self._visible:
            self.terminal.write("\r\x1b[2K")
            self._visible = False

    def _draw(self, now: float, text: str) -> None:
        interactive = self.terminal.interactive
        if now - self._drawn < (REDRAW_SECONDS if interactive else PIPE_SECONDS):
            return
        self._drawn = now
        if interactive:
            self.terminal.write("\r\x1b[2K" + text)
            self._visible = True
        else:
            self.terminal.write(text + "\n")

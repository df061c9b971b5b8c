"""SIGTERM and SIGINT as a wish: the step under way ends, a checkpoint is saved, the process exits with its status."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

HANDLED = (signal.SIGTERM, signal.SIGINT)
ECHO_SECONDS = 0.5
"""A launcher may pass the terminal's Ctrl-C on to a process that had it already: two within this time are one."""


class Signals:
    """While the block lasts, the first signal only sets `stop`; a second Ctrl-C raises KeyboardInterrupt at once.

    Outside of the main thread, where Python allows no handlers, the block does nothing. The handlers that were there
    come back when it ends, so it may be used many times in one process.

    Example:
        with Signals() as signals:
            while not signals.stop:
                step()
        raise SystemExit(signals.exit_status)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stop = 0
        self._clock = clock
        self._last_interrupt = float("-inf")
        self._before: dict[signal.Signals, Any] = {}

    @property
    def exit_status(self) -> int:
        """What a shell sees of a process that a signal ended: 143 (SIGTERM), 130 (SIGINT); 0 if none came."""
        return 128 + self.stop if self.stop else 0

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in HANDLED:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None stands for a handler that was not set from Python, and cannot be set again from it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            now, before = self._clock(), self._last_interrupt
            self._last_interrupt = now
            if self.stop and now - before > ECHO_SECONDS:
                raise KeyboardInterrupt
        self.stop = self.stop or number

"""When a checkpoint is due: every so many steps, every so many minutes, whichever comes first."""

from __future__ import annotations

import time
from collections.abc import Callable


class SaveInterval:
    """Tells when to save; minutes count for machines that may vanish at any time, such as Colab's.

    Clocks differ between processes: where several must agree, ask one of them.

    Args:
        steps: save after every this many; 0 for never.
        minutes: save when this long has passed since the last save, or since the start; 0 for never.
    """

    def __init__(self, steps: int, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.minutes = steps, minutes
        self._clock = clock
        self._since = clock()

    def due(self, step: int) -> bool:
        """Whether to save now that this many steps are done."""
        by_steps = self.steps > 0 and step % self.steps == 0
        return by_steps or (self.minutes > 0 and self._clock() - self._since >= 60 * self.minutes)

    def saved(self) -> None:
        """A save was made, or tried: the time counts from now."""
        self._since = self._clock()

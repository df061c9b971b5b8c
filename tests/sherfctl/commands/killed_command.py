"""sherfctl as a process that kills itself: python killed_command.py STEP FOLDER ARGUMENTS...

It dies (kill -9) before the STEP-th time that something under FOLDER is opened for writing, renamed or removed.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from sherfctl.app import run


def kill_at(step: int, folder: str) -> None:
    steps = itertools.count(1)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"):
            return
        reads = event == "open" and not (int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if not reads and os.path.abspath(str(arguments[0])).startswith(folder) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


if __name__ == "__main__":
    kill_at(int(sys.argv[1]), sys.argv[2])
    raise SystemExit(int(run(sys.argv[3:])))

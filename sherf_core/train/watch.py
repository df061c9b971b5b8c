"""A rank ends by itself when another one has died.

A rank that waits for a dead one in a collective operation may hear nothing of it for minutes (NCCL), and no signal
reaches Python meanwhile. So a thread of each rank looks at the others: at their reports of failure, and on the same
computer at their processes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from sherf_core.errors import RankError
from sherf_core.io.atomic import write_json
from sherf_core.train.rank_failures import save_failure

POLL_SECONDS = 0.5
GRACE_SECONDS = 5.0
"""How long a rank may go on after another has failed, to end by an error of its own."""
STATUS = 1

_FILE = re.compile(r"rank-(\d+)\.(alive|failed)\.json")


@contextmanager
def other_ranks_watched(folder: Path, rank: int, *, leave: Callable[[int], object] = os._exit) -> Iterator[None]:
    """While the block lasts, end this process when another rank of the same start has failed or is gone.

    Args:
        folder: of the start, where the ranks write `rank-0001.failed.json`; this adds `rank-0001.alive.json`.
        rank: this one.
        leave: ends the process at once, whatever its main thread waits for.
    """
    watch = _Watch(Path(folder), rank, leave)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    def __init__(self, folder: Path, rank: int, leave: Callable[[int], object]) -> None:
        self._folder, self._rank, self._leave = folder, rank, leave
        self._alive = folder / f"rank-{rank:04d}.alive.json"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="other-ranks", daemon=True)

    def start(self) -> None:
        process = psutil.Process()
        own = {"pid": process.pid, "started": process.create_time(), "host": socket.gethostname()}
        write_json(self._alive, own)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._alive.unlink(missing_ok=True)
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            lost = self._lost()
            if lost is None:
                continue
            if self._over.wait(GRACE_SECONDS):
                return
            error = RankError(f"remote process exited: rank {lost} is gone, and this one was waiting for it")
            save_failure(self._folder / f"rank-{self._rank:04d}.failed.json", error, self._rank)
            self._leave(STATUS)
            return

    def _lost(self) -> int | None:
        """A rank that has reported a failure, or whose process on this computer is gone without a word."""
        for path in sorted(self._folder.glob("rank-*.json")):
            match = _FILE.fullmatch(path.name)
            if match is None or int(match[1]) == self._rank:
                continue
            if match[2] == "failed" or _is_gone(path):
                return int(match[1])
        return None


def _is_gone(path: Path) -> bool:
    """Whether the process that wrote this file has ended and left the file behind."""
    try:
        alive: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if alive["host"] != socket.gethostname():
        return False
    try:
        process = psutil.Process(alive["pid"])
        if process.create_time() == alive["started"] and process.status() != psutil.STATUS_ZOMBIE:
            return False
    except psutil.NoSuchProcess:
        pass
    except psutil.Error:
        return False
    # One that has ended well in the meantime has taken its file along.
    return path.exists()

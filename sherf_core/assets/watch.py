"""Wait for a file that the user fetches with a browser: seen by what it is, taken when it grows no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from sherf_core.assets.recognise import UNFINISHED, Candidate, candidates
from sherf_core.errors import FetchError, SherfError

POLL_SECONDS = 1.0
STABLE_POLLS = 2
"""Polls in a row in which size and time of a file are the same, before it is looked into."""


@dataclass
class Watcher:
    """Looks at a folder again and again.

    Args:
        folder: where the browser puts its downloads; only the folder itself, not those in it.
        wanted: assets that are waited for.
    """

    folder: Path
    wanted: Collection[str]
    _seen: dict[Path, tuple[tuple[int, int], int]] = field(default_factory=dict)
    _refused: dict[Path, tuple[int, int]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def poll(self) -> Candidate | None:
        """Look once; returns a whole file that is wanted, or None. `remarks` gets what is worth telling."""
        for path in sorted(self.folder.iterdir()):
            name = path.name.lower()
            if name.startswith(".") or name.endswith(UNFINISHED) or not path.is_file() or _is_under_way(path):
                continue
            state = _state(path)
            if state is None or self._refused.get(path) == state:
                continue
            before, count = self._seen.get(path, (None, 0))
            count = count + 1 if before == state else 0
            self._seen[path] = (state, count)
            if count >= STABLE_POLLS and state[0] > 0:
                found = self._look_into(path, state)
                if found is not None:
                    return found
        return None

    def refuse(self, path: Path) -> None:
        """Take a file for none of those waited for, until it changes."""
        self._refused[path] = _state(path) or (0, 0)

    def _look_into(self, path: Path, state: tuple[int, int]) -> Candidate | None:
        try:
            found = candidates(path, self.wanted)
        except (SherfError, OSError) as error:
            self.remarks.append(f"{path.name}: {error.found if isinstance(error, SherfError) else error}")
            found = []
        if not found:
            self._refused[path] = state
            return None
        return found[0]


def _is_under_way(path: Path) -> bool:
    """Whether a browser's own file beside it says that it is not whole yet (Firefox keeps an empty one until then)."""
    return any(path.with_name(path.name + ending).exists() for ending in UNFINISHED)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None  # gone again
    return status.st_size, status.st_mtime_ns


def watch(
    watcher: Watcher,
    take: Callable[[Candidate], bool],
    on_poll: Callable[[float], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Poll until `take` has accepted a file.

    Args:
        watcher: where to look, and for what.
        take: puts the file in place; False waits on (the file was not what it seemed).
        on_poll: is told the seconds waited.
        sleep: waits between two polls.
        clock: a monotonic clock.

    Raises:
        FetchError: FETCH.UNKNOWN, there is no such folder.
    """
    if not watcher.folder.is_dir():
        raise FetchError(
            f"there is no folder {watcher.folder}",
            expected="the folder that your browser puts downloads in",
            fix="name it: --watch ~/Downloads",
            code="FETCH.UNKNOWN",
            path=watcher.folder,
        )
    started = clock()
    while True:
        found = watcher.poll()
        if found is not None:
            if take(found):
                return
            watcher.refuse(found.path)
        on_poll(clock() - started)
        sleep(POLL_SECONDS)

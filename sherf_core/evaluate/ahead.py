"""Frames of the pictures to make, read and decoded ahead of time, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

from sherf_core.data.reader import FrameSource, Reader
from sherf_core.data.records import Frame
from sherf_core.evaluate.protocol import Item
from sherf_core.evaluate.results import ItemResult
from sherf_core.evaluate.store import RunFolder

Result = TypeVar("Result")


def in_order(tasks: Iterable[Callable[[], Result]], pool: Executor | None, ahead: int) -> Generator[Result, None, None]:
    """The results of tasks, in their order; the next `ahead` of them are under way in the pool meanwhile.

    Without a pool each task runs when its result is asked for. A task's error comes when its turn does. Where the
    iterator is closed early, tasks that have not begun are dropped.
    """
    if pool is None:
        for task in tasks:
            yield task()
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Observed:
    """The frame that several pictures are made from: read once, and decoded once if one of them is to be made."""

    def __init__(self, reader: Reader, name: tuple[str, int, int]) -> None:
        self._load = partial(reader.load, *name)
        self._lock = Lock()
        self._source: FrameSource | None = None
        self._digest = ""
        self._frame: Frame | None = None

    def digest(self) -> str:
        """A fingerprint of it."""
        with self._lock:
            if not self._digest:
                self._source = self._load()
                self._digest = self._source.digest()
            return self._digest

    def frame(self) -> Frame:
        """The frame, after its digest was asked for."""
        with self._lock:
            if self._frame is None:
                source = self._source or self._load()
                self._frame, self._source = source.frame(), None
            return self._frame


@dataclass(frozen=True)
class Ready:
    """An item with all that is needed to make it.

    Attributes:
        item: what is to be made.
        digest: of its data.
        observed: the frame that is seen, the same object for all items that share it.
        stored: its result, where an earlier run left one that holds.
        target: the frame to render, where there is none.
        seconds: that reading took.
    """

    item: Item
    digest: str
    observed: Observed
    stored: ItemResult | None
    target: Frame | None
    seconds: float


def ready_items(
    items: Iterable[Item], reader: Reader, folder: RunFolder, pool: Executor | None, ahead: int
) -> Generator[Ready, None, None]:
    """Each item with its frames, or with its result where the folder holds it.

    Args:
        items: those that share an observation next to each other.
        reader: of the data.
        folder: of the results.
        pool: whose threads read; without one each item is read when it is asked for.
        ahead: so many items are read before they are asked for.
    """
    return in_order(_tasks(items, reader, folder), pool, ahead)


def _tasks(items: Iterable[Item], reader: Reader, folder: RunFolder) -> Iterator[Callable[[], Ready]]:
    name, observed = None, None
    for item in items:
        if observed is None or item.observation != name:
            name, observed = item.observation, Observed(reader, item.observation)
        yield partial(_read, item, observed, reader, folder)


def _read(item: Item, observed: Observed, reader: Reader, folder: RunFolder) -> Ready:
    started = time.perf_counter()
    seen = observed.digest()
    source = reader.load(*item.target)
    digest = f"{seen}:{source.digest()}"
    stored = folder.load(item, digest)
    target = None
    if stored is None:
        observed.frame()
        target = source.frame()
    return Ready(item, digest, observed, stored, target, time.perf_counter() - started)

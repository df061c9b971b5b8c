"""Runs an evaluation: encode each observation once, render its targets, measure, store.

The model is never kept waiting: threads read the next frames and store the last pictures meanwhile. One picture comes
after the other all the same, so the results do not depend on it.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial

from sherf_core.data.reader import Reader
from sherf_core.data.records import Frame
from sherf_core.evaluate.ahead import Observed, Ready, ready_items
from sherf_core.evaluate.making import Finish, Maker, PlainMaker, maker_of
from sherf_core.evaluate.pictures import save_picture
from sherf_core.evaluate.protocol import Item, Plan
from sherf_core.evaluate.renderer import Renderer
from sherf_core.evaluate.results import ItemResult
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import MetricSuite
from sherf_core.transfer import Span

READERS, WRITERS = 4, 2
"""Threads: on one core a frame of 512² takes 8 ms to read and a picture 10 ms to store; larger frames are made smaller,
and some straightened, which takes 30 to 200 ms."""
FRAMES_AHEAD = 6
"""A frame of 512² takes 3.5 MB."""
UNSTORED = 8
"""So many pictures may wait for the disk before the model does."""

TURN_SECONDS = 2e-4
"""After so long a thread lets another one compute in Python, beside a GPU."""

OnItem = Callable[[ItemResult, bool], None]
"""Called after each picture with its result and whether an earlier run had made it."""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        plan: what was to be done.
        results: one a planned item, in the plan's order.
        resumed: how many of them an earlier run had made.
        encode_seconds: time of each observation encoded in this run.
        seconds: wall-clock time of this run.
        stages: seconds spent in each stage of this run, in whichever thread.
        device_busy: share of this run's time in which a GPU encoded, rendered or measured; None without a GPU.
    """

    plan: Plan
    results: tuple[ItemResult, ...]
    resumed: int
    encode_seconds: tuple[float, ...]
    seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)
    device_busy: float | None = None


def evaluate(
    plan: Plan,
    reader: Reader,
    renderer: Renderer,
    metrics: MetricSuite,
    folder: RunFolder,
    on_item: OnItem = lambda result, resumed: None,
    *,
    overlap: bool = True,
) -> Evaluation:
    """Make and measure every picture of the plan that the (opened) folder does not hold yet.

    Interrupt it at any time: what is stored is whole, and the next call goes on from there. An error of a picture's
    data is raised when its turn comes; the pictures before it are stored.

    Args:
        plan: what to make.
        reader: of the data.
        renderer: the model.
        metrics: what to measure.
        folder: where the results go.
        on_item: called in this thread after each picture.
        overlap: read and store in threads, and let a GPU measure; without, one thing after the other on the host (the
            reference).
    """
    started = time.perf_counter()
    maker = maker_of(renderer, metrics) if overlap else PlainMaker(renderer, metrics)
    run = _Run(maker, folder, on_item)
    turns = _short_turns() if maker.on_gpu and overlap else nullcontext()
    with turns, _threads(READERS, overlap) as readers, _threads(WRITERS, overlap) as writers:
        try:
            with closing(ready_items(plan.items, reader, folder, readers, FRAMES_AHEAD)) as items:
                for ready in items:
                    run.take(ready, writers)
            run.collect(0)
        except BaseException:
            run.rescue()
            raise
    seconds = time.perf_counter() - started
    stages = run.stages()
    at_work = sum(stages[stage] for stage in maker.on_gpu)
    return Evaluation(
        plan=plan,
        results=_in_order(plan.items, run.results),
        resumed=run.resumed,
        encode_seconds=tuple(span.seconds() for span in run.encoded),
        seconds=seconds,
        stages=stages,
        device_busy=at_work / seconds if at_work else None,
    )


@dataclass(frozen=True)
class _Stored:
    """A result that is on disk, and the seconds that measuring and storing took."""

    result: ItemResult
    measuring: float
    writing: float


class _Run:
    """What an evaluation has done so far."""

    def __init__(self, maker: Maker, folder: RunFolder, on_item: OnItem) -> None:
        self.maker, self.folder, self.on_item = maker, folder, on_item
        self.results: list[ItemResult] = []
        self.encoded: list[Span] = []
        self.resumed = 0
        self._seconds = dict.fromkeys(("reading", "encoding", "rendering", "measuring", "writing"), 0.0)
        self._unstored: deque[Future[_Stored]] = deque()
        self._observed: Observed | None = None
        self._person: object = None
        self._shape: tuple[int, ...] = ()

    def take(self, ready: Ready, writers: Executor | None) -> None:
        """Make an item, or note that it is there."""
        self._seconds["reading"] += ready.seconds
        if ready.stored is not None:
            self.resumed += 1
            self.results.append(ready.stored)
            self.on_item(ready.stored, True)
        if ready.target is None:
            return
        seen = ready.observed.frame()
        if ready.observed is not self._observed:
            if seen.image.shape != self._shape:
                # The model may record a CUDA graph for a new shape, and no other thread may wait for the GPU meanwhile.
                self.collect(0)
                self._shape = seen.image.shape
            self._person, self._observed = None, ready.observed  # the last person's memory is free for this one
            self._person, span = self.maker.encode(seen)
            self.encoded.append(span)
        finish = self.maker.make(self._person, ready.target)
        store = partial(_store, finish, ready.item, ready.digest, seen, self.folder)
        if writers is None:
            self._note(store())
            return
        self._unstored.append(writers.submit(store))
        self.collect(UNSTORED)

    def collect(self, most: int) -> None:
        """Note pictures that are stored, in their order, until at most so many are not."""
        while self._unstored and (len(self._unstored) > most or self._unstored[0].done()):
            self._note(self._unstored.popleft().result())

    def rescue(self) -> None:
        """After an error or Ctrl-C: what is rendered is stored too, which takes a moment."""
        while self._unstored:
            # What ended the run is what the user should hear of.
            with suppress(Exception):
                self._note(self._unstored.popleft().result())

    def stages(self) -> dict[str, float]:
        """Seconds spent in each stage, in whichever thread."""
        return {**self._seconds, "encoding": sum(span.seconds() for span in self.encoded)}

    def _note(self, stored: _Stored) -> None:
        self._seconds["rendering"] += stored.result.seconds
        self._seconds["measuring"] += stored.measuring
        self._seconds["writing"] += stored.writing
        self.results.append(stored.result)
        self.on_item(stored.result, False)


def _store(finish: Finish, item: Item, digest: str, seen: Frame, folder: RunFolder) -> _Stored:
    """Wait for a picture and store it: the result last, as it says that the picture is there."""
    made = finish()
    started = time.perf_counter()
    save_picture(folder.image_path(item), [seen.image, made.image, made.truth])
    result = ItemResult(item, made.measurements, made.render_seconds)
    folder.save(result, digest)
    return _Stored(result, made.measure_seconds, time.perf_counter() - started)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take turns more often.

    Each order to a GPU gives up the interpreter for a moment, and whoever computes in Python takes it then, for 5 ms by
    default: a picture of 70 orders took 340 ms in place of 14 (measured on an H100).
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _threads(count: int, wanted: bool) -> Iterator[Executor | None]:
    """A pool whose threads have ended after the block; work that they had not begun is dropped."""
    if not wanted:
        yield None
        return
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(items: Sequence[Item], results: Sequence[ItemResult]) -> tuple[ItemResult, ...]:
    by_item = {result.item: result for result in results}
    return tuple(by_item[item] for item in items)

"""Reading samples ahead of the step that needs them, in a thread or in processes. Nothing here imports torch.

Processes are started by an explicit context: the interpreter's own start method is never set, so that a training runs
in any notebook, as often as one likes, whatever a progress bar did before.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from sherf_core.data.records import Frame
from sherf_core.errors import TrainingError
from sherf_core.train.samples import PairSource, Sample

Pair = tuple[Frame, Frame]
AHEAD = 4
"""Samples that are read before they are asked for, at the least."""

_source: PairSource | None = None


def read_ahead(
    source: PairSource, samples: Iterable[Sample], workers: int
) -> Generator[tuple[Sample, Pair], None, None]:
    """Each sample with its pictures, in order; the next ones are read meanwhile.

    Args:
        source: where pictures come from.
        samples: asked for no further than is read ahead.
        workers: processes that read; 0 for a thread in this one.

    Raises:
        TrainingError: a reading process died.
        DatasetError: a picture cannot be read.
    """
    pool: Executor
    if workers:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_set_source, initargs=(source,))
    else:
        pool = ThreadPoolExecutor(1, thread_name_prefix="reading")
    waiting: deque[tuple[Sample, Future[Pair]]] = deque()
    try:
        for one in samples:
            read = pool.submit(_pair, one) if workers else pool.submit(source.pair, one.target, one.choice)
            waiting.append((one, read))
            if len(waiting) > max(AHEAD, 2 * workers):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    except BrokenProcessPool as error:
        raise TrainingError(
            f"a process that read pictures died: {error}",
            expected=f"{workers} processes that read until the end (--set workers={workers})",
            fix="read without them: --set workers=0; processes are often ended because main memory is full",
            code="RUN.RAM",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(read: tuple[Sample, Future[Pair]]) -> tuple[Sample, Pair]:
    return read[0], read[1].result()


def _set_source(source: PairSource) -> None:
    global _source  # one source a process: sent once, not with every sample
    _source = source


def _pair(one: Sample) -> Pair:
    assert _source is not None
    return _source.pair(one.target, one.choice)

"""Reading samples ahead of the step that needs them, in a thread or in processes. Nothing here imports torch.

Processes are started by an explicit context: the interpreter's own start method is never set, so that a training runs
in any notebook, as often as one likes, whatever a progress bar did before.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from sherf_core.data.records import Frame
from sherf_core.errors import TrainingError
from sherf_core.train.samples import PairSource, Sample

Pair = tuple[Frame, Frame]
ROUNDS_AHEAD = 2

_source: PairSource | None = None


def read_ahead(
    source: PairSource, rounds: Iterable[Sequence[Sample]], workers: int
) -> Generator[list[tuple[Sample, Pair]], None, None]:
    """Each round's samples with their pictures, in order; the next ones are read meanwhile.

    Args:
        source: where pictures come from.
        rounds: samples that are needed together; asked for no further than is read ahead.
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
    waiting: deque[list[tuple[Sample, Future[Pair]]]] = deque()
    try:
        for samples in rounds:
            waiting.append([(one, _submit(pool, source, one, workers)) for one in samples])
            if len(waiting) > max(ROUNDS_AHEAD, -(-workers // len(samples))):
                yield _results(waiting.popleft())
        while waiting:
            yield _results(waiting.popleft())
    except BrokenProcessPool as error:
        raise TrainingError(
            f"a process that read pictures died: {error}",
            expected=f"{workers} processes that read until the end (--set workers={workers})",
            fix="read without them: --set workers=0; processes are often ended because main memory is full",
            code="RUN.RAM",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: Executor, source: PairSource, one: Sample, workers: int) -> Future[Pair]:
    if workers:
        return pool.submit(_pair, one.target, one.choice)
    return pool.submit(source.pair, one.target, one.choice)


def _results(samples: Sequence[tuple[Sample, Future[Pair]]]) -> list[tuple[Sample, Pair]]:
    return [(one, future.result()) for one, future in samples]


def _set_source(source: PairSource) -> None:
    global _source  # one source a process: sent once, not with every sample
    _source = source


def _pair(target: int, choice: int) -> Pair:
    assert _source is not None
    return _source.pair(target, choice)

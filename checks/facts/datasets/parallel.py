"""Work spread over threads that never keep the program alive."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 16


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """`function` of each item, in their order, by several threads: reading and decoding files let others run.

    The threads are daemons, unlike those of concurrent.futures: a dead network drive must not hold up the end.

    Raises:
        what `function` raised first, once all threads have ended.
    """
    results: dict[int, Result] = {}
    errors: list[Exception] = []
    numbers = itertools.count()

    def work() -> None:
        while not errors and (number := next(numbers)) < len(items):
            try:
                results[number] = function(items[number])
            except Exception as error:  # handed on below, in the caller's thread
                errors.append(error)

    count = min(MOST_THREADS, 2 * (os.cpu_count() or 1), len(items))
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(items))]

from __future__ import annotations

import threading
import time

from checks.facts.gather import Collector, gather


def test_collectors_never_raise_and_never_hang() -> None:
    forever = threading.Event()

    def breaks() -> None:
        raise RuntimeError("no such thing")

    started = time.monotonic()
    observed, problems = gather(
        {
            "good": Collector(lambda: 42),
            "breaks": Collector(breaks),
            "hangs": Collector(lambda: forever.wait(), 0.2),
        }
    )
    assert time.monotonic() - started < 2
    assert observed == {"good": 42}
    assert {problem.collector: problem.error for problem in problems} == {
        "breaks": "RuntimeError: no such thing",
        "hangs": "took too long",
    }
    forever.set()


def test_collectors_run_side_by_side() -> None:
    barrier = threading.Barrier(3, timeout=2)
    observed, problems = gather({name: Collector(barrier.wait) for name in "abc"})
    assert sorted(observed.values()) == [0, 1, 2]
    assert problems == ()

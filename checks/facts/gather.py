"""Runs collectors side by side, each with its own time limit; whatever they do, a record comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.records import CollectorProblem


@dataclass(frozen=True)
class Collector:
    """A function that observes something, and the seconds it may take."""

    observe: Callable[[], Any]
    seconds: float = 5.0


def gather(collectors: Mapping[str, Collector]) -> tuple[dict[str, Any], tuple[CollectorProblem, ...]]:
    """Run all collectors at once.

    Returns:
        what each observed, by name (a collector that failed has no entry), and the failures.
    """
    results: dict[str, Any] = {}
    errors: dict[str, CollectorProblem] = {}

    def work(name: str, collector: Collector) -> None:
        try:
            results[name] = collector.observe()
        except Exception as error:  # a probe must never stop the doctor; the failure is reported as a fact
            taken = time.monotonic() - started
            errors[name] = CollectorProblem(collector=name, error=f"{type(error).__name__}: {error}", seconds=taken)

    started = time.monotonic()
    threads = {}
    for name, collector in collectors.items():
        # Daemon threads, so that one that hangs (in a driver, on a dead network drive) cannot keep the program alive.
        threads[name] = threading.Thread(target=work, args=(name, collector), name=f"collect-{name}", daemon=True)
        threads[name].start()
    for name, thread in threads.items():
        thread.join(max(0.0, started + collectors[name].seconds - time.monotonic()))
    problems = []
    observed = {}
    for name, thread in threads.items():
        if name in errors:
            problems.append(errors[name])
        elif name in results:
            observed[name] = results[name]
        else:
            limit = collectors[name].seconds
            error = "took too long" if thread.is_alive() else "ended without a result"
            problems.append(CollectorProblem(collector=name, error=error, seconds=limit))
    return observed, tuple(problems)

"""Start-up times: how long `sherfctl --help`, `sherfctl doctor` and others take, in fresh processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

REPEATS = 5
# The program as it starts by itself, and as it starts where no torch is installed: then there is no child to wait for.
PROGRAM = ("-m", "sherfctl")
WITHOUT_TORCH = (
    "-c",
    "import sys; sys.modules['torch'] = None; from sherfctl.app import main; sys.exit(main())",
)


@dataclass(frozen=True)
class Row:
    """A command line, its target in seconds, and how the program is started."""

    words: tuple[str, ...]
    target: float
    remark: str = ""
    program: tuple[str, ...] = PROGRAM


ROWS = (
    Row(("--help",), 0.4),
    Row(("profiles", "list"), 0.6),
    Row(("doctor", "--quick"), 0.4),
    Row(("doctor",), 1.0, "without torch's child", WITHOUT_TORCH),
    Row(("doctor",), 6.0),
)


def measure(row: Row) -> list[float]:
    """Seconds of whole processes, one after another."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, *row.program, *row.words], capture_output=True, check=False)
        taken.append(time.perf_counter() - started)
        # A crash is no fast start; the doctor may well find something (1).
        if done.returncode not in (0, 1):
            sys.exit(f"sherfctl {' '.join(row.words)} ended with {done.returncode}: {done.stderr.decode()}")
    return taken


def main() -> int:
    """Print a table of each command's first and median time beside its target; 1 if a median misses it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{REPEATS} runs each, Python {sys.version.split()[0]}, {cores} cores\n")
    print(f"{'sherfctl …':<40} {'first':>8} {'median':>8} {'target':>8}")
    missed = False
    for row in ROWS:
        taken = measure(row)
        median = statistics.median(taken)
        missed |= median > row.target
        name = " ".join(row.words) + (f" ({row.remark})" if row.remark else "")
        print(f"{name:<40} {taken[0]:6.2f} s {median:6.2f} s {row.target:6.1f} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

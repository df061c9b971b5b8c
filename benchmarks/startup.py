"""Whole processes: how long `sherfctl --help`, `doctor`, `run eval` up to its plan and up to its first picture take.

    python benchmarks/startup.py

Ends with 1 where a target is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from depth import Depth
from measuring import Column, Report, Values

REPEATS = 5
# The program as it starts by itself, and as it starts where no torch is installed: then there is no child to wait for.
PROGRAM = ("-m", "sherfctl")
WITHOUT_TORCH = (
    "-c",
    "import sys; sys.modules['torch'] = None; from sherfctl.app import main; sys.exit(main())",
)
EVAL = ("run", "eval", "--dataset", "demo")
FIRST_PICTURE = (*EVAL, "--limit", "1", "--resolution", "256")
COLUMNS = (Column("first", "first s"), Column("median", "median s"), Column("target", "target s", ".1f"))


@dataclass(frozen=True)
class Row:
    """A command line, and how it is measured.

    Attributes:
        words: of the command line.
        target: seconds; None where none is set.
        remark: what else is to be said.
        program: how it is started.
        writes: whether it writes into a folder, which is to be a new one each time.
    """

    words: tuple[str, ...]
    target: float | None = None
    remark: str = ""
    program: tuple[str, ...] = PROGRAM
    writes: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.words) + (f" ({self.remark})" if self.remark else "")


def rows_of(device: str) -> tuple[Row, ...]:
    """The commands; those that compute do so on the device."""
    profile = ("--profile", "cpu") if device == "cpu" else ()
    return (
        Row(("--help",), 0.4),
        Row(("profiles", "list"), 0.6),
        Row(("doctor", "--quick"), 0.4),
        Row(("doctor",), 1.0, "without torch's child", WITHOUT_TORCH),
        Row(("doctor",), 6.0),
        Row((*EVAL, "--dry-run", *profile)),
        Row((*FIRST_PICTURE, *profile), writes=True),
    )


def measure(row: Row, repeats: int) -> list[float]:
    """Seconds of whole processes, one after another.

    Raises:
        RuntimeError: it ended with an error; a crash is no fast start.
    """
    taken = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            words = (*row.words, "--out", str(Path(folder) / "out")) if row.writes else row.words
            started = time.perf_counter()
            done = subprocess.run([sys.executable, *row.program, *words], capture_output=True, check=False)
            taken.append(time.perf_counter() - started)
        # The doctor may well find something (1).
        if done.returncode not in (0, 1) or (done.returncode and "doctor" not in row.words):
            last = (done.stderr.decode().strip().splitlines() or ["nothing on its error output"])[-1]
            raise RuntimeError(f"ended with {done.returncode}: {last}")
    return taken


def values(row: Row, repeats: int) -> Values:
    """As cells of the table."""
    taken = measure(row, repeats)
    return {"first": taken[0], "median": statistics.median(taken), "target": row.target}


def table(report: Report, device: str, repeats: int) -> bool:
    """Measure all; whether every target was met."""
    report.table("startup", f"whole processes, {repeats} of each: sherfctl …", COLUMNS)
    met = True
    for row in rows_of(device):
        work: Callable[[], Values] = lambda row=row: values(row, repeats)  # type: ignore[misc]  # noqa: E731
        found = report.row(row.name, work).values
        median = found.get("median")
        met &= isinstance(median, float) and (row.target is None or median <= row.target)
    return met


def run(report: Report, device: str, depth: Depth) -> None:
    """The table, as a section of all."""
    table(report, device, depth.processes)


def main() -> int:
    """Print the table alone; 1 if a median misses its target."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {sys.version.split()[0]}, {cores} cores")
    return int(not table(Report(), "cpu", REPEATS))


if __name__ == "__main__":
    sys.exit(main())

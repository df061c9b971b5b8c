"""How the benchmarks measure (times, peak memory, errors of pictures) and how they tell of it (tables, rows)."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from sherf_core.kernels import why_not
from sherf_core.metrics.psnr import psnr
from sherf_core.precision import Precision

WARM_UPS = {"cuda": 2, "cpu": 1}
STATUS, CLEAR_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
WIDTH = 100

Values = Mapping[str, float | str | None]
Stage = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Times:
    """Milliseconds of repeats, after warm-ups."""

    each: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    def values(self) -> dict[str, float]:
        """As cells of a table."""
        return {"ms": self.median, "least": min(self.each), "most": max(self.each)}


def milliseconds(run: Callable[[], object], device: str) -> float:
    """One run's: between CUDA events on a GPU, by the clock elsewhere."""
    if device != "cuda":
        started = time.perf_counter()
        run()
        return 1000 * (time.perf_counter() - started)
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    run()
    after.record()
    after.synchronize()
    return float(before.elapsed_time(after))


def timed(run: Callable[[], object], device: str, repeats: int) -> Times:
    """So many runs; those before them, which compile and make room, do not count."""
    for _ in range(WARM_UPS[device]):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    return Times([milliseconds(run, device) for _ in range(repeats)])


@dataclass(frozen=True)
class Peak:
    """GiB at the peak.

    Attributes:
        used: by tensors, or by the whole process on a CPU.
        reserved: what torch had taken from the driver; None on a CPU.
    """

    used: float
    reserved: float | None = None

    def values(self) -> dict[str, float | None]:
        """As cells of a table."""
        return {"peak": self.used, "reserved": self.reserved}


def peak_of(run: Callable[[], object], device: str) -> Peak:
    """Peak memory while it runs, with all that is there already (weights, inputs)."""
    gc.collect()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return Peak(torch.cuda.max_memory_allocated() / 2**30, torch.cuda.max_memory_reserved() / 2**30)
    forgot = _forget_peak()
    run()
    return Peak(_peak_since() if forgot else peak_gib("cpu"))


def peak_gib(device: str) -> float:
    """Peak memory of the device's tensors, or of this process on a CPU, since the start."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _forget_peak() -> bool:
    """Let the process's peak begin anew, without what is free but was kept; only Linux can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR_PEAK.write_text("5")
    except (OSError, AttributeError):
        return False
    return True


def _peak_since() -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


@contextmanager
def arithmetic(precision: Precision) -> Iterator[None]:
    """Let torch multiply matrices in TF32, or not, for a while."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def picture_error(found: Tensor, expected: Tensor, where: Tensor) -> dict[str, float | None]:
    """Greatest difference (of pictures in 0..1), and PSNR in dB over some of the rays; None where nothing differs.

    Args:
        found: (M, 3).
        expected: (M, 3), the reference.
        where: (M,), the rays that count for the PSNR.
    """
    found, expected = found.float().cpu(), expected.float().cpu()
    measured = psnr(found[:, None].numpy(), expected[:, None].numpy(), where[:, None].cpu().numpy())
    return {"error": float((found - expected).abs().max()), "psnr": measured.value}


@dataclass(frozen=True)
class Column:
    """A table's column: what its values are called in JSON and in print, and how they are written."""

    key: str
    title: str
    form: str = ".2f"

    @property
    def width(self) -> int:
        return max(9, len(self.title))

    def cell(self, value: float | str | None) -> str:
        return (
            f"{'-' if value is None else value if isinstance(value, str) else format(value, self.form):>{self.width}}"
        )


TIMES = (Column("ms", "ms"), Column("least", "least"), Column("most", "most"))
MEMORY = (Column("peak", "peak GiB"), Column("reserved", "reserved"))
ERRORS = (Column("error", "max error", ".1e"), Column("psnr", "PSNR dB", ".1f"))


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        table: which one.
        name: what was measured.
        values: by the columns' keys.
        reason: why there are no values, or what else is to be said of them.
    """

    table: str
    name: str
    values: Values
    reason: str = ""


@dataclass
class Report:
    """Prints tables row by row and keeps the rows."""

    rows: list[Row] = field(default_factory=list)
    _table: str = ""
    _columns: Sequence[Column] = ()
    _name_width: int = 0

    def table(self, key: str, title: str, columns: Sequence[Column]) -> None:
        """Begin a table."""
        self._table, self._columns = key, columns
        self._name_width = WIDTH - sum(1 + column.width for column in columns)
        titles = "".join(f" {column.title:>{column.width}}" for column in columns)
        print(f"\n{title}\n{'':<{self._name_width}}{titles}", flush=True)

    def row(self, name: str, work: Callable[[], Values]) -> Row:
        """Measure and print a row; whatever goes wrong is its reason, and no end."""
        try:
            row = Row(self._table, name, work())
        except Exception as error:  # missing memory, Triton's and CUDA's errors: the next row may do
            row = Row(self._table, name, {}, _reason(error))
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self.add(row)

    def section(self, name: str, work: Callable[[], None]) -> None:
        """Several tables; what cannot even be set up is told, and no end."""
        try:
            work()
        except Exception as error:
            self.add(Row(name, name, {}, _reason(error)))

    def stages(self, stages: Iterator[Stage], device: str, repeats: int) -> None:
        """A row for each stage; where one cannot even be set up, that is the last."""
        while True:
            try:
                name, stage = next(stages)
            except StopIteration:
                return
            except Exception as error:
                self.add(Row(self._table, "further stages", {}, _reason(error)))
                return
            self.row(name, lambda stage=stage: timed(stage, device, repeats).values())  # type: ignore[misc]

    def remark(self, reason: str) -> None:
        """Say of the last row why a fast path was not taken, if it was not."""
        if reason:
            self.rows[-1] = replace(self.rows[-1], reason=reason)
            self._tell(reason)

    def add(self, row: Row) -> Row:
        """Print a row that is there."""
        cells = "".join(f" {column.cell(row.values.get(column.key))}" for column in self._columns)
        print(f"{row.name:<{self._name_width}}{cells}".rstrip(), flush=True)
        if row.reason:
            self._tell(row.reason)
        self.rows.append(row)
        return row

    def _tell(self, reason: str) -> None:
        print(f"    {reason[: WIDTH - 4]}", flush=True)


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def machine(device: str) -> dict[str, str]:
    """What was measured on, in words."""
    name = torch.cuda.get_device_name() if device == "cuda" else _processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kernels = why_not(device)
    return {
        "device": name,
        "cores": f"{cores} CPU cores, torch uses {torch.get_num_threads()}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "kernels": f"Triton {_triton_version()}" if not kernels else f"not taken: {kernels}",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"CPU, {names[0] if names else platform.machine()}"


def _triton_version() -> str:
    import triton

    return str(triton.__version__)

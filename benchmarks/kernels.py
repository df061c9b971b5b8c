"""Time, error and memory of the field's kernel beside the modules that it stands for.

    python benchmarks/kernels.py              # on a CUDA device: as many points as a 512² frame has near the body
    python benchmarks/kernels.py --quick      # anywhere: a few points; without a GPU in Triton's interpreter

Each precision is cut in several ways; one that does not compile says why. Errors are relative L2 distances from the
modules in float32 without TF32. Peaks are what torch allocated beyond the inputs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from golden_weights import fill
from sherf_core.kernels import KernelError, why_not
from sherf_core.kernels.field import LAUNCHES, FieldPrecision, Launch, evaluate, pack
from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.field import POSITION_OCTAVES, VIEW_OCTAVES, RadianceField
from sherf_core.model.fusion import FusionTransformer

POINTS = 621_365
QUICK_POINTS = 200
REPEATS = 20
# Beside the ones that are used: larger and smaller blocks, more warps, weights ahead of time, activations in scratch.
REGISTERS = [
    Launch(64, 4, 1),
    Launch(64, 4, 2),
    Launch(64, 8, 1),
    Launch(128, 8, 1),
    Launch(128, 8, 2),
    Launch(32, 4, 1),
]
SCRATCH = [Launch(32, 4, 2, 32), Launch(64, 4, 2, 32), Launch(64, 8, 2, 32), Launch(128, 8, 2, 32)]
CUTS: dict[FieldPrecision, list[Launch]] = {
    "float32": [*SCRATCH, Launch(64, 8, 2, 16), Launch(128, 8, 2, 16)],
    "tf32x3": [*REGISTERS, *SCRATCH],
    "tf32": [*REGISTERS, *SCRATCH],
    "float16": [*REGISTERS, Launch(128, 8, 3), Launch(128, 4, 2), Launch(64, 4, 2, 64)],
    "bfloat16": [Launch(64, 4, 2), Launch(128, 8, 2)],
}

Outputs = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Measurement:
    """What a run took: milliseconds, bytes beyond what was there (None on a CPU), and what came out."""

    milliseconds: float
    peak: int | None
    outputs: Outputs


class Modules(nn.Module):
    """The plain path."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer, self.decoder = FusionTransformer(), RadianceField()
        self.pos_enc, self.view_enc = PositionalEncoding(POSITION_OCTAVES), PositionalEncoding(VIEW_OCTAVES)
        fill(self)

    def forward(self, tokens: Tensor, points: Tensor, directions: Tensor) -> Outputs:
        fused = self.transformer(tokens)[:, :2]
        sigma, colour = self.decoder(self.pos_enc(points), self.view_enc(directions), fused)
        return sigma, colour


def milliseconds(run: Callable[[], object], device: str) -> float:
    """One run, by the GPU's own clock where there is one."""
    if device == "cpu":
        started = time.perf_counter()
        run()
        return 1000 * (time.perf_counter() - started)
    before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    before.record()
    run()
    after.record()
    after.synchronize()
    return float(before.elapsed_time(after))


def measure(run: Callable[[], Outputs], device: str, repeats: int) -> Measurement:
    """Median of the repeats; the first two runs, which compile and warm up, do not count."""
    peak = None
    if device == "cuda":
        run()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        there = torch.cuda.memory_allocated()
    outputs = run()
    if device == "cuda":
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated() - there
    return Measurement(statistics.median(milliseconds(run, device) for _ in range(repeats)), peak, outputs)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def row(words: str, measured: Measurement, expected: Outputs) -> str:
    """A line of the table."""
    errors = [relative(found, wanted) for found, wanted in zip(measured.outputs, expected, strict=True)]
    peak = "" if measured.peak is None else f"{measured.peak / 2**20:7.0f} MiB"
    return f"{words:<44} {measured.milliseconds:9.3f} {errors[0]:9.1e} {errors[1]:9.1e} {peak:>11}"


def describe(precision: str, launch: Launch) -> str:
    """A cut in words."""
    place = f"scratch by {launch.chunk}" if launch.chunk else "registers"
    return f"{precision:<9} {launch.block:>3} points {launch.warps} warps {launch.stages} stages {place}"


def cuts(precision: FieldPrecision, quick: bool) -> Iterator[Launch]:
    """The one that is used, then the others."""
    yield LAUNCHES[precision]
    if not quick:
        yield from (launch for launch in CUTS[precision] if launch != LAUNCHES[precision])


def print_table(device: str, count: int, repeats: int, precisions: list[FieldPrecision], quick: bool) -> None:
    """The modules, and every precision in every cut."""
    torch.manual_seed(0)
    modules = Modules().eval().to(device)
    directions = nn.functional.normalize(torch.randn(count, 3, device=device), dim=1)
    inputs = (torch.randn(count, 3, 32, device=device), torch.randn(count, 3, device=device), directions)
    print(f"{'':<44} {'ms':>9} {'sigma':>9} {'colour':>9} {'peak':>11}")
    plain = measure(lambda: modules(*inputs), device, repeats)
    print(row("modules, float32", plain, plain.outputs), flush=True)
    for precision in precisions:
        try:
            packed = pack(modules.transformer, modules.decoder, precision)
            packing = [
                milliseconds(lambda p=precision: pack(modules.transformer, modules.decoder, p), device)  # type: ignore[misc]
                for _ in range(repeats)
            ]
        except (KernelError, RuntimeError) as error:
            print(f"{precision:<44} failed: {_first_line(error)}", flush=True)
            continue
        print(f"{precision + ', packing its weights':<44} {statistics.median(packing):9.3f}")
        for launch in cuts(precision, quick):
            try:
                measured = measure(lambda w=packed, cut=launch: evaluate(w, *inputs, cut), device, repeats)  # type: ignore[misc]
                print(row(describe(precision, launch), measured, plain.outputs), flush=True)
            except (KernelError, RuntimeError) as error:
                print(f"{describe(precision, launch):<44} failed: {_first_line(error)}", flush=True)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]


def main() -> int:
    """Measure and print; 1 where the kernel cannot run at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few points, one repeat, one cut of each precision")
    parser.add_argument("--points", type=int)
    parser.add_argument("--precision", choices=list(LAUNCHES), action="append")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and options.quick:
        os.environ["TRITON_INTERPRET"] = "1"
    if reason := why_not(device):
        print(f"the kernel cannot run: {reason}")
        return 1
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    count = options.points or (QUICK_POINTS if options.quick else POINTS)
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU, interpreted"
    print(f"{count:,} points, {name}, torch {torch.__version__}")
    with torch.inference_mode():
        print_table(device, count, 1 if options.quick else REPEATS, options.precision or list(LAUNCHES), options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())

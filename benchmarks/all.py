"""All tables for the machine that this runs on: stages of a frame, fast paths, scaling, training step, whole processes.

    python benchmarks/all.py
    python benchmarks/all.py --only frame,paths --device cuda --json figures.json

A GPU's times are medians between CUDA events, a CPU's by the clock. Peak memory is that of torch's tensors and, on a
GPU, what torch had reserved for them; on a CPU it is the process's largest resident size. A row that fails gives its
reason, and the rest goes on. Where there is no GPU sizes are small, unless --full asks for all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

import frame
import paths
import scaling
import startup
import steps
from depth import Depth, depth_of
from measuring import Report, arithmetic, machine

SECTIONS: dict[str, Callable[[Report, str, Depth], None]] = {
    "frame": frame.run,
    "paths": paths.run,
    "scaling": scaling.run,
    "training": steps.run,
    "startup": startup.run,
}


def sections_of(words: str) -> list[str]:
    """Names of sections, divided by commas, in the tables' order."""
    asked = words.split(",")
    if unknown := [word for word in asked if word not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in asked]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=sections_of, default=list(SECTIONS), metavar=",".join(SECTIONS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--quick", action="store_const", const=True, dest="quick", help="small sizes")
    how_much.add_argument("--full", action="store_const", const=False, dest="quick", help="all sizes, on a CPU too")
    parser.add_argument("--json", type=Path, help="write all rows there, too")
    options = parser.parse_args()
    facts, depth, report = machine(options.device), depth_of(options.device, options.quick), Report()
    print("\n".join(f"{name:<8} {value}" for name, value in facts.items()))
    began = time.perf_counter()
    for name in options.only:
        with arithmetic("float32"):
            report.section(name, lambda name=name: SECTIONS[name](report, options.device, depth))  # type: ignore[misc]
    seconds = time.perf_counter() - began
    print(f"\n{len(report.rows)} rows in {seconds:.0f} s")
    if options.json:
        found = {
            "machine": facts,
            "depth": asdict(depth),
            "seconds": seconds,
            "rows": [asdict(row) for row in report.rows],
        }
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

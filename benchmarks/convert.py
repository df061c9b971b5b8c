"""Seconds and peak memory of reading and converting published files, each in a process of its own, beside the limits.

    python benchmarks/convert.py SHERF_RenderPeople.pkl SMPL_NEUTRAL.pkl

Files that end in .xz are unpacked first. A checkpoint may take 1.5 times its largest network's bytes plus 200 MB, and
20 s.
"""

from __future__ import annotations

import argparse
import json
import lzma
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from math import prod
from pathlib import Path

LIMIT_SECONDS = 20.0
MEGABYTE = 1_000_000
ALWAYS_BYTES = 200 * MEGABYTE
NETWORKS = ("G", "G_ema")


def work(action: str, source: Path, target: Path) -> dict[str, float]:
    """Do it in this process; seconds, the process's peak in bytes, and the bytes of what was read."""
    from sherf_core.body.convert import convert_body
    from sherf_core.errors import CheckpointError
    from sherf_core.io.convert import convert_checkpoint
    from sherf_core.io.published import read_published

    content = source.stat().st_size
    started = time.perf_counter()
    what, _, which = action.partition(" ")
    try:
        if what == "read":
            tensors = read_published(source, which).tensors.values()
            content = sum(prod(tensor.shape) * tensor.width for tensor in tensors)
        elif what == "convert":
            convert_checkpoint(source, target.with_suffix(".safetensors"), which=which)
        else:
            convert_body(source, target.with_suffix(".npz"), shapes=int(which) if which else None)
    except CheckpointError as error:
        if error.code != "CKPT.KEYS" or "holds no network" not in error.found:
            raise
        return {}
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "content": content}


def measured(action: str, source: Path) -> dict[str, float]:
    """The same in a fresh process, as a process's peak never falls; empty if the file has no such network."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--work", action, "--target", str(Path(folder) / "out"), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{action} of {source} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def rows(source: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Every action that fits the file, with what it took."""
    if _is_checkpoint(source):
        for which in NETWORKS:
            for action in (f"read {which}", f"convert {which}"):
                found = measured(action, source)
                if found:
                    yield action, found
        return
    for action in ("body", "body 10"):
        yield action, measured(action, source)


def _is_checkpoint(source: Path) -> bool:
    from sherf_core.io.sniff import inspect_pickle

    return any(name.startswith("torch_utils.persistence") for name in inspect_pickle(source).globals)


def _unpacked(path: Path, folder: Path) -> Path:
    if path.suffix != ".xz":
        return path
    target = folder / path.stem
    with lzma.open(path) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return target


def main() -> int:
    """Print a table; 1 if a checkpoint misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work, options.files[0], options.target)))
        return 0
    missed = False
    print("file                                action            MB   seconds  limit   peak MB  limit")
    with tempfile.TemporaryDirectory() as folder:
        for path in options.files:
            source = _unpacked(path, Path(folder))
            table = list(rows(source))
            network = max((found["content"] for action, found in table if action.startswith("read")), default=0)
            for action, found in table:
                limit = 1.5 * network + ALWAYS_BYTES
                peak = f"{found['peak'] / MEGABYTE:8.0f}  {limit / MEGABYTE:5.0f}" if network else ""
                missed |= bool(network) and (found["peak"] > limit or found["seconds"] > LIMIT_SECONDS)
                size = source.stat().st_size / MEGABYTE
                words = f"{source.name:34}  {action:14}  {size:6.0f}  {found['seconds']:8.2f}  {LIMIT_SECONDS:5.0f}"
                print(f"{words}  {peak or format(found['peak'] / MEGABYTE, '8.0f')}", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

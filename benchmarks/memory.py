"""Peak memory and seconds of frames and training steps on this machine, beside what the memory model predicts.

    python benchmarks/memory.py --device cuda --json memory.json
    python benchmarks/memory.py --device cpu --quick

The constants of `sherf_core/memory.py` come from this. A row is one configuration: action, side of the pictures, points
in a chunk, precision, samples at once. On a GPU the peak is what the driver counts (torch's reserved memory and the
CUDA context); on a CPU each row is a process of its own and the peak is its largest resident size.
`workload.standing_person` is rendered; a training step is a full frame, forward and backward, 100·MSE + 10·acc, Adam.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from measuring import peak_gib
from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.memory import GIB, Action, cpu_bytes, gpu_bytes
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import Bodies, Observation, RayBundle, bodies_of, observation_of, rays_of
from sherf_core.model.sherf import Sherf, SherfConfig
from sherf_core.precision import Precision
from workload import near_points, standing_person

HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Row:
    """One configuration."""

    action: Action
    resolution: int
    points_per_chunk: int
    precision: Precision = "float32"
    samples: int = 1


@dataclass(frozen=True)
class Measurement:
    """What a configuration took; seconds are the best of the repeats after one warm-up.

    Attributes:
        row: the configuration.
        peak: bytes that must be free for it.
        allocated: bytes of tensors at the peak (GPU only).
        near: points within 5 cm of the body in one frame.
        seconds: of a frame, or of a training step over all its samples.
        encode_seconds: of an encoding (evaluation only).
        error: why it could not be done, or "".
    """

    row: Row
    peak: int = 0
    allocated: int = 0
    near: int = 0
    seconds: float = 0.0
    encode_seconds: float = 0.0
    error: str = ""


def rows_of(device: str, quick: bool) -> list[Row]:
    """The sweep: chunks by resolutions for evaluation, resolutions by precisions and samples for training."""
    sizes = (128, 256) if quick else (128, 256, 512)
    exponents = (14, 16) if quick else (14, 15, 16, 17, 18) if device == "cpu" else (14, 16, 17, 18, 19, 20, 21)
    rows = [Row("eval", size, 1 << exponent) for size in sizes for exponent in exponents]
    rows += [Row("train", size, 1 << 16) for size in sizes]
    if device == "cuda":
        rows += [Row("eval", 1024, 1 << exponent) for exponent in (16, 18, 20)]
        rows += [Row("eval", 512, 1 << 18, "tf32")]
        rows += [Row("train", size, 1 << 18, name) for size in sizes for name in ("tf32", "float16", "bfloat16")]
        rows += [Row("train", 256, 1 << 18, "float32", samples) for samples in (1, 2, 4)]
        rows += [Row("train", 512, chunk) for chunk in (1 << 14, 1 << 18, 1 << 20)]
        rows += [Row("train", 512, 1 << 18, "float32", 4)]
    return rows


def measure(row: Row, device: str, repeats: int) -> Measurement:
    """Run one configuration; out of memory and unsupported precisions are told in `error`."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = row.precision == "tf32"
    before = _start_counting(device)
    try:
        return _measure(row, device, repeats, before)
    except RuntimeError as error:
        return Measurement(row, error=str(error).splitlines()[0][:100])


def _measure(row: Row, device: str, repeats: int, context: int) -> Measurement:
    model = Sherf(BodyModel(load_body()), SherfConfig(points_per_chunk=row.points_per_chunk))
    model.load_state_dict(initial_weights(model.state_dict()))
    model = model.to(device)
    frames = [standing_person(row.resolution)] * row.samples
    observation = observation_of(frames).to(device)
    bodies = bodies_of([frame.body for frame in frames]).to(device)
    rays = rays_of([frame.camera for frame in frames], bodies, model.body_model, row.resolution, row.resolution)
    near = near_points(model, bodies, rays)
    encode_seconds = 0.0
    _start_counting(device)
    if row.action == "eval":
        model.eval()
        with torch.inference_mode():
            person = model.encode(observation)
            encode_seconds = best(lambda: model.encode(observation), device, repeats)
            seconds = best(lambda: model.render(person, bodies, rays), device, repeats)
    else:
        seconds = best(training_step(model.train(), observation, bodies, rays, row), device, repeats)
    if device == "cuda":
        peak, allocated = torch.cuda.max_memory_reserved() + context, torch.cuda.max_memory_allocated()
    else:
        peak, allocated = int(peak_gib(device) * GIB), 0
    return Measurement(row, peak, allocated, near, seconds, encode_seconds)


def training_step(
    model: Sherf, observation: Observation, bodies: Bodies, rays: RayBundle, row: Row
) -> Callable[[], Tensor]:
    """One step over all samples: forward, backward, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    truth = torch.zeros_like(rays.origins)
    for module in (model.renderer, model.decoder):
        in_half_precision(module, row.precision, truth.device.type)

    def step() -> Tensor:
        optimizer.zero_grad()
        rendering = model(observation, bodies, rays)
        loss = 100 * (rendering.rgb - truth).square().mean() + 10 * rendering.alpha.square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def in_half_precision(module: nn.Module, precision: Precision, device: str) -> None:
    """Let a module compute under autocast and answer in float32; nothing for precisions that are no halves.

    The fusion and the decoder, which see every point, take nearly all of a training step's memory. Geometry, encoders
    and compositing stay in float32.
    """
    if precision not in HALF:
        return
    forward = module.forward

    def lowered(*inputs: Tensor) -> Any:
        with torch.autocast(device, HALF[precision]):
            result = forward(*inputs)
        return tuple(x.float() for x in result) if isinstance(result, tuple) else result.float()

    module.forward = lowered


def best(run: Callable[[], object], device: str, repeats: int) -> float:
    """Shortest seconds of a few runs, after one warm-up."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def _start_counting(device: str) -> int:
    """Forget earlier peaks; returns what the CUDA context takes beside torch's own memory."""
    if device != "cuda":
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def in_processes(rows: list[Row], repeats: int, together: int) -> Iterator[Measurement]:
    """Each row in a process of its own, because a process's peak never falls; some at a time."""
    threads = str(max(1, (os.cpu_count() or 1) // together))

    def one(row: Row) -> Measurement:
        command = [
            sys.executable,
            __file__,
            "--device",
            "cpu",
            "--row",
            json.dumps(asdict(row)),
            "--repeats",
            str(repeats),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": threads}
        )
        if done.returncode:
            return Measurement(row, error=(done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1])
        return Measurement(**{**json.loads(done.stdout), "row": row})

    with ThreadPoolExecutor(together) as pool:
        yield from pool.map(one, rows)


def predicted(row: Row, device: str) -> int:
    """What the memory model says of a row."""
    of = gpu_bytes if device == "cuda" else cpu_bytes
    return of(row.action, row.resolution, row.points_per_chunk, row.precision, samples=row.samples)


def show(found: Measurement, device: str) -> float | None:
    """Print a line of the table; returns the prediction's relative error."""
    row = found.row
    words = f"{row.action:5}  {row.resolution:4}²  {row.points_per_chunk:8}  {row.precision:8}  {row.samples}"
    if found.error:
        print(f"{words}  {found.error}", flush=True)
        return None
    expected = predicted(row, device)
    error = expected / found.peak - 1
    times = f"{found.seconds:8.3f} s" + (f"  {found.encode_seconds:7.3f} s" if found.encode_seconds else "")
    memory = f"{found.peak / GIB:6.2f}  {found.allocated / GIB:6.2f}  {expected / GIB:6.2f}  {error:+5.0%}"
    print(f"{words}  {memory}  {times}  {found.near:,}", flush=True)
    return error


def main() -> None:
    """Measure, print a table, say how well the model predicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="small pictures only")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--together", type=int, default=1, help="processes at a time (CPU)")
    parser.add_argument("--json", type=Path, help="write the measurements there, too")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(asdict(measure(Row(**json.loads(options.row)), options.device, options.repeats))))
        return
    device, rows = options.device, rows_of(options.device, options.quick)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {os.cpu_count()} cores"
    print(f"{name}, torch {torch.__version__}")
    print("action side   chunk     precision  samples  peak  tensors  model  error  seconds  encoding  points near")
    if device == "cuda":
        torch.zeros(1, device="cuda")
        found: Iterable[Measurement] = (measure(row, device, options.repeats) for row in rows)
    else:
        found = in_processes(rows, options.repeats, options.together)
    measurements, errors = [], []
    for measurement in found:
        measurements.append(measurement)
        error = show(measurement, device)
        errors += [] if error is None else [error]
    if errors:
        print(f"the model's error: {min(errors):+.0%} to {max(errors):+.0%} (above 0 is the safe side)")
    if device == "cuda":
        print(f"main memory of this process: {peak_gib('cpu'):.2f} GiB")
    if options.json:
        options.json.write_text(json.dumps([asdict(measurement) for measurement in measurements], indent=1))


if __name__ == "__main__":
    main()

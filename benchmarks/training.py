"""Steps a second and peak memory of the training on this machine, in each of its modes.

    python benchmarks/training.py --resolution 512 --minutes 6
    python benchmarks/training.py --resolution 512 --gib 14      what fits a T4
    python benchmarks/training.py --resolution 64 --minutes 1 --device cpu

A step is the published one: forward, backward, the whole loss (LPIPS where its weights are there, or with --random-vgg
as if they were: they take the same time and memory), Adam, average. It is made of the shipped people where the pictures
are small enough, and of `workload.standing_person` otherwise. The first step of a row is not counted. On a GPU
the peak is what torch reserved; the CUDA context comes on top of it (0.5 GiB on an H100). With --gib the process gets
no more than that, context included, so that what runs fits a GPU of that size. `again` means gradient checkpointing.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from measuring import peak_gib
from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data import renderpeople
from sherf_core.data.records import Frame
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.memory import GIB, gpu_bytes
from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.vgg import Vgg16Features
from sherf_core.metrics.vgg_files import find_vgg_weights
from sherf_core.train.batches import training_pair
from sherf_core.train.config import TrainConfig
from sherf_core.train.loss import ReconstructionLoss
from sherf_core.train.mishaps import is_out_of_memory
from sherf_core.train.prepare import matrix_arithmetic, new_state
from sherf_core.train.samples import sample
from sherf_core.train.step import GradientStep, SampleLoss, clean_gradients
from sherf_core.train.world import World
from workload import standing_person

DEMO = Path(renderpeople.__file__).parent / "demo"
SHIPPED_SIDE = 512
CONTEXT = 0.5 * GIB
"""What CUDA takes beside torch's tensors on an H100 (`benchmarks/memory.py` measured 0.5 GiB)."""


@dataclass(frozen=True)
class Row:
    """A configuration, and what it took.

    Attributes:
        precision: of the networks.
        batch: samples of a step.
        rays: rays of a sample, None for the full frame.
        checkpointing: whether a chunk's features are computed again in the backward pass.
        seconds: of each counted step.
        peak: bytes.
        losses: of the first and the last step.
        error: why it could not be done.
    """

    precision: str
    batch: int
    rays: int | None = None
    checkpointing: bool = False
    seconds: list[float] = field(default_factory=list)
    peak: int = 0
    losses: tuple[float, float] = (0.0, 0.0)
    error: str = ""


def rows_of(device: str) -> list[Row]:
    precisions = ("float32", "tf32", "bfloat16", "float16") if device == "cuda" else ("float32", "bfloat16")
    rows = [Row(precision, batch) for precision in precisions for batch in (1, 4)]
    rows += [Row(precision, 1, None, True) for precision in precisions]
    rows += [Row(precision, batch, 4096) for precision in precisions for batch in (1, 4)]
    return rows


class People:
    """A shipped person, or a made-up one where the pictures are to be larger than those that ship."""

    def __init__(self, resolution: int) -> None:
        self.shipped = resolution <= SHIPPED_SIDE
        self.frames = [standing_person(resolution)] * 2
        if self.shipped:
            reader = RenderPeople(DEMO, resolution=resolution)
            subject = reader.subjects()[0]
            self.frames = [reader.frame(subject, 0, view) for view in reader.views(subject)[:5]]

    def __len__(self) -> int:
        return len(self.frames)

    def pair(self, index: int, seed: int, /) -> tuple[Frame, Frame]:
        return self.frames[seed % len(self)], self.frames[index]


def measure(row: Row, options: argparse.Namespace, people: People, seconds: float, vgg: Lpips | None) -> Row:
    """Steps of one configuration for so long, at least one that counts."""
    checkpointing = "true" if row.checkpointing else "false"
    config = TrainConfig.from_settings(
        [f"resolution={options.resolution}", f"precision={row.precision}", f"rays_per_sample={row.rays or 'none'}",
         f"gradient_checkpointing={checkpointing}", f"points_per_chunk={options.points_per_chunk}",
         f"accumulation={row.batch}"]
    )  # fmt: skip
    device = torch.device(options.device, 0) if options.device == "cuda" else torch.device("cpu")
    _forget(options.device)
    try:
        with matrix_arithmetic(config):
            taken, losses = _steps(config, people, device, row.batch, seconds, vgg)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return Row(row.precision, row.batch, row.rays, row.checkpointing, error="does not fit")
    peak = torch.cuda.max_memory_reserved() if options.device == "cuda" else int(peak_gib("cpu") * GIB)
    ends = (losses[0], losses[-1])
    return Row(row.precision, row.batch, row.rays, row.checkpointing, taken, peak, ends)


def _steps(
    config: TrainConfig, people: People, device: torch.device, batch: int, seconds: float, vgg: Lpips | None
) -> tuple[list[float], list[float]]:
    state = new_state(config, BodyModel(load_body()), device)
    loss = SampleLoss(state.model, ReconstructionLoss(config.loss, vgg), config.rays_per_sample)
    step = GradientStep(loss, World(device=device))
    taken: list[float] = []
    losses: list[float] = []
    began = time.perf_counter()
    while len(taken) < 2 or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        samples = [sample(0, len(taken) * batch + index, len(people)) for index in range(batch)]
        pairs = [training_pair(one, people.pair(one.target, one.choice)) for one in samples]
        result = step.accumulate(pairs, config.points_per_chunk, state.scaler)
        step.move_statistics(result)
        if state.scaler is not None:
            state.scaler.unscale_(state.optimizer)
        clean_gradients(state.model, config.gradient_limit)
        if state.scaler is None:
            state.optimizer.step()
        else:
            state.scaler.step(state.optimizer)
            state.scaler.update()
        state.average.update(state.model, images=(len(taken) + 1) * batch, batch=batch, config=config)
        losses.append(step.mean_losses(result)["loss"])
        taken.append(time.perf_counter() - started)
    return taken[1:], losses


def _forget(device: str) -> None:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def in_time(rows: list[Row], options: argparse.Namespace, people: People, vgg: Lpips | None) -> Iterator[Row]:
    """Each row for its share of the minutes that are left; none is begun when they are over."""
    end = time.perf_counter() + 60 * options.minutes
    for number, row in enumerate(rows):
        left = end - time.perf_counter()
        if left <= 0:
            return
        yield measure(row, options, people, min(15.0, left / (len(rows) - number)), vgg)


def show(row: Row, resolution: int, points_per_chunk: int) -> str:
    rays = "full" if row.rays is None else str(row.rays)
    words = f"{row.precision:8}  {row.batch:5}  {rays:>5}  {'yes' if row.checkpointing else 'no':5}"
    if row.error:
        return f"{words}  {row.error}"
    median = statistics.median(row.seconds)
    precision = row.precision
    model = gpu_bytes("train", resolution, points_per_chunk, precision) / GIB  # type: ignore[arg-type]
    expected = f"{model:9.2f}" if row.rays is None and not row.checkpointing else "        -"
    return (
        f"{words}  {1 / median:7.3f}  {row.batch / median:8.3f}  {row.peak / GIB:8.2f}  {expected}"
        f"  {len(row.seconds):5}  {row.losses[0]:7.3f} -> {row.losses[1]:7.3f}"
    )


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--points-per-chunk", type=int, default=TrainConfig().points_per_chunk)
    parser.add_argument("--gib", type=float, help="let the process have no more GPU memory than this")
    parser.add_argument("--random-vgg", action="store_true", help="LPIPS with random weights where they are not there")
    parser.add_argument("--json", type=Path, help="write the measurements there, too")
    options = parser.parse_args()
    name = f"CPU, {torch.get_num_threads()} threads"
    if options.device == "cuda":
        name = torch.cuda.get_device_name()
        if options.gib:
            share = (options.gib * GIB - CONTEXT) / torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(share)
            name += f", no more than {options.gib:g} GiB"
    path = find_vgg_weights([Path.cwd()])
    vgg = Lpips.from_file(path, options.device) if path else None
    if vgg is None and options.random_vgg:
        vgg = Lpips(Vgg16Features()).to(options.device)
    lpips = "without LPIPS" if vgg is None else "with LPIPS" if path else "with LPIPS of random weights"
    people = People(options.resolution)
    who = "a shipped person" if people.shipped else "a made-up person"
    print(f"{name}, torch {torch.__version__}, {options.resolution}², {who}, {lpips}")
    print("precision batch   rays  again  steps/s  images/s  peak GiB  model GiB  steps  loss")
    found = []
    for row in in_time(rows_of(options.device), options, people, vgg):
        found.append(row)
        print(show(row, options.resolution, options.points_per_chunk), flush=True)
    missing = len(rows_of(options.device)) - len(found)
    if missing:
        print(f"{missing} more were not begun: --minutes {options.minutes:g} are over")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()

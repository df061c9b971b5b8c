"""Seconds of an evaluation's stages, and the share of its time in which the GPU is at work.

    python benchmarks/evaluation.py --size 512 --random-vgg
    python benchmarks/evaluation.py --size 64 --device cpu
    python benchmarks/evaluation.py --make 4 --stored 1024      people made for it, in larger pictures

Each person is seen in one picture and rendered from so many other views, on data in RenderPeople's layout: the people
that ship, or as many as are made. The whole evaluation runs in this process as `run eval` does it: reading, encoding,
rendering, metrics, pictures and results on disk. "overlapped" is how it runs; "one by one" is the reference, which
reads, measures and stores on the host while the device waits. Stages that threads work at add up the threads' seconds.
Time does not depend on the weights; they are the demo's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.people.writer import PeopleSettings, write_people
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.evaluate.protocol import Item, Plan, Task
from sherf_core.evaluate.renderer import SherfRenderer
from sherf_core.evaluate.runner import Evaluation, evaluate
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.suite import MetricSuite
from sherf_core.metrics.vgg import Vgg16Features
from sherf_core.metrics.vgg_files import find_vgg_weights
from sherf_core.model.demo import demo_weights
from sherf_core.model.sherf import Sherf, SherfConfig

WAYS = {"overlapped": True, "one by one": False}
STAGES = ("reading", "encoding", "rendering", "measuring", "writing")


def plan_of(reader: RenderPeople, people: int, views: int) -> Plan:
    """Every person seen from the front in the first pose, rendered in it from the next views."""
    subjects = reader.subjects()[:people]
    frames = [(subject, view) for subject in subjects for view in reader.views(subject)[1:][:views]]
    items = tuple(Item(subject, 0, 0, Task.NOVEL_VIEW, 0, view) for subject, view in frames)
    return Plan("benchmark", tuple(subjects), True, (), items, len(items), 0, 0)


def measure(
    plan: Plan, reader: RenderPeople, renderer: SherfRenderer, metrics: MetricSuite, out: Path, overlap: bool
) -> Evaluation:
    """One whole evaluation into an empty folder."""
    folder = RunFolder(out, {})
    folder.open(plan.items)
    return evaluate(plan, reader, renderer, metrics, folder, overlap=overlap)


def table(found: dict[str, Evaluation]) -> list[str]:
    """A line for each stage, a column for each way."""
    columns = list(found.values())

    def line(name: str, cells: list[str]) -> str:
        return f"{name:<22}" + "".join(f"{cell:>14}" for cell in cells)

    pictures = len(columns[0].results)
    lines = [line("seconds", list(found))]
    lines += [line(stage, [f"{one.stages[stage]:.3f}" for one in columns]) for stage in STAGES]
    lines.append(line("wall", [f"{one.seconds:.3f}" for one in columns]))
    lines.append(line("ms a picture, wall", [f"{1000 * one.seconds / pictures:.1f}" for one in columns]))
    shares = ["-" if one.device_busy is None else f"{one.device_busy:.1%}" for one in columns]
    lines.append(line("GPU at work", shares))
    return lines


def lpips_of(device: str, random: bool) -> tuple[Lpips | None, str]:
    """The network and a word on it."""
    path = find_vgg_weights([Path.cwd()])
    if path:
        return Lpips.from_file(path, device), "with LPIPS"
    if random:
        return Lpips(Vgg16Features()).to(device).eval().requires_grad_(False), "with LPIPS of random weights"
    return None, "without LPIPS"


def main() -> None:
    """Make or find the people, evaluate them in each way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="width of the pictures in pixels")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--people", type=int, default=3, help="how many are evaluated")
    parser.add_argument("--views", type=int, help="rendered of each of them [default: 18; on a CPU 2]")
    parser.add_argument("--make", type=int, metavar="N", help="make so many people instead of the shipped ones")
    parser.add_argument("--stored", type=int, default=512, metavar="SIDE", help="of the pictures made, in pixels")
    parser.add_argument("--overlap", choices=("both", "yes", "no"), default="both")
    parser.add_argument("--random-vgg", action="store_true", help="LPIPS with random weights where they are not there")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--points-per-chunk", type=int, default=SherfConfig().points_per_chunk)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
    views = options.views or (18 if options.device == "cuda" else 2)
    name = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"

    model = Sherf(BodyModel(load_body()), SherfConfig(points_per_chunk=options.points_per_chunk))
    model.load_state_dict(demo_weights(model.state_dict()))
    lpips, word = lpips_of(options.device, options.random_vgg)
    renderer, metrics = SherfRenderer(model.to(options.device)), MetricSuite(lpips)
    with tempfile.TemporaryDirectory() as temporary:
        root = DEMO_ROOT
        if options.make:
            root = Path(temporary) / "people"
            settings = PeopleSettings(views=views + 1, poses=1, size=options.stored)
            write_people(root, options.make, settings, workers=os.cpu_count() or 1)
        reader = RenderPeople(root, resolution=options.size)
        plan = plan_of(reader, options.people, views)
        print(
            f"{name}, torch {torch.__version__}, {options.size}², {len(plan.subjects)} people, "
            f"{len(plan.items)} pictures, {word}"
        )
        first = replace(plan, items=plan.items[:1])
        found = {}
        for number, (way, overlap) in enumerate(WAYS.items()):
            if options.overlap in {"both", "yes" if overlap else "no"}:
                # What the first picture of a process takes besides (memory, compiled kernels) is not counted.
                measure(first, reader, renderer, metrics, Path(temporary) / f"first-{number}", overlap)
                found[way] = measure(plan, reader, renderer, metrics, Path(temporary) / f"out-{number}", overlap)
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()

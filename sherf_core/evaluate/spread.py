"""An evaluation by several processes: the pictures are dealt out, each process stores its own, the launcher sums up.

They write into one folder, a file for each picture, so that an interrupted evaluation goes on with any number of
processes. Figures are averaged in the plan's order from what each picture's measurement says; how many processes made
the pictures makes no difference.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from sherf_core.data import locations
from sherf_core.errors import RankError
from sherf_core.evaluate.job import Job, Options, prepare
from sherf_core.evaluate.protocol import Item
from sherf_core.evaluate.results import ItemResult
from sherf_core.evaluate.runner import Evaluation, evaluate
from sherf_core.train.launch import Event, Launch, Stopped
from sherf_core.train.signals import Signals

if TYPE_CHECKING:
    from sherf_core.evaluate.runner import OnItem
    from sherf_core.evaluate.store import RunFolder

RANKS = "ranks"
"""Folder in the output folder, for what the processes print."""
PATHS = ("folder", "data", "out", "runs")
"""Options that are paths."""


def deal(items: Sequence[Item], processes: int) -> list[list[Item]]:
    """A part of the items for each process, in the plan's order.

    Items that share an observation stay together, so that it is encoded once. Only where there are fewer observations
    than processes the largest are split: encoding takes less time than a process that waits.
    """
    groups = [list(group) for _, group in groupby(items, key=lambda item: item.observation)]
    while len(groups) < processes and max(map(len, groups), default=0) > 1:
        largest = max(range(len(groups)), key=lambda index: len(groups[index]))
        group = groups[largest]
        middle = (len(group) + 1) // 2
        groups[largest : largest + 1] = [group[:middle], group[middle:]]
    parts: list[list[Item]] = [[] for _ in range(processes)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    place = {item: index for index, item in enumerate(items)}
    return [sorted(part, key=place.__getitem__) for part in parts]


def evaluate_spread(
    job: Job,
    launch: Launch,
    on_item: OnItem = lambda result, resumed: None,
    on_open: Callable[[RunFolder], None] = lambda folder: None,
) -> dict[str, Any]:
    """`Job.run` by several processes of this computer; the same metrics.json but for times.

    Raises:
        RankError: a process failed; what is stored is whole.
        Stopped: Ctrl-C or SIGTERM came; every process has ended.
    """
    started = time.perf_counter()
    job.means("cpu")  # a broken file is found before the folder's earlier run is moved aside
    job.folder.open(job.plan.items)
    on_open(job.folder)
    results: dict[Item, ItemResult] = {}
    resumed = 0
    encode_seconds: list[float] = []
    busy: list[float] = []

    def note(event: Event) -> None:
        nonlocal resumed
        if event["kind"] == "item":
            result = ItemResult.from_dict(event["result"])
            results[result.item] = result
            resumed += event["resumed"]
            on_item(result, event["resumed"])
        elif event["kind"] == "part":
            encode_seconds.extend(event["encode_seconds"])
            if event["device_busy"] is not None:
                busy.append(event["device_busy"])

    arguments = {"options": plain(job.options), "fingerprint": job.folder.fingerprint, "processes": launch.processes}
    with Signals() as signals:
        launch.run("eval", arguments, job.folder.path / RANKS, on_event=note, stop=lambda: signals.stop)
        if signals.stop:
            raise Stopped(signals.stop)
    evaluation = Evaluation(
        plan=job.plan,
        results=tuple(results[item] for item in job.plan.items),
        resumed=resumed,
        encode_seconds=tuple(encode_seconds),
        seconds=time.perf_counter() - started,
        device_busy=fmean(busy) if busy else None,
    )
    return job.write(evaluation, processes=launch.processes)


def evaluate_as_rank(arguments: Mapping[str, Any], report: Callable[[Event], None]) -> None:
    """This process's part of an evaluation whose folder the launcher has opened."""
    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    options = options_from(arguments["options"])
    if options.device == "cuda":
        options = replace(options, device=f"cuda:{local_rank}")
    job = prepare(options)
    if job.folder.fingerprint != arguments["fingerprint"]:
        raise RankError(
            "the files of this evaluation changed while it was started",
            expected="data, body and weights as they were a moment ago",
            fix="start it again",
        )
    renderer, metrics = job.means()
    part = replace(job.plan, items=tuple(deal(job.plan.items, arguments["processes"])[rank]))

    def on_item(result: ItemResult, resumed: bool) -> None:
        report({"kind": "item", "result": result.as_dict(), "resumed": resumed})

    evaluation = evaluate(part, job.reader, renderer, metrics, job.folder, on_item)
    report(
        {
            "kind": "part",
            "encode_seconds": list(evaluation.encode_seconds),
            "device_busy": evaluation.device_busy,
        }
    )


def plain(options: Options) -> dict[str, Any]:
    """The options as JSON values; paths are absolute."""
    values = asdict(replace(options, program=dict(options.program)))
    for name in PATHS:
        values[name] = None if values[name] is None else str(Path(values[name]).absolute())
    roots = locations.search_roots() if options.roots is None else options.roots
    values["roots"] = [str(root.absolute()) for root in roots]
    return values


def options_from(values: Mapping[str, Any]) -> Options:
    """What `plain` wrote."""
    read = dict(values)
    for name in PATHS:
        read[name] = None if read[name] is None else Path(read[name])
    read["roots"] = tuple(map(Path, read["roots"]))
    read["subjects"] = tuple(read["subjects"])
    read["forced"] = None if read["forced"] is None else tuple(read["forced"])
    return Options(**read)

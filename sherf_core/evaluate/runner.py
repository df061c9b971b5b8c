"""Runs an evaluation: encode each observation once, render its targets, measure, store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sherf_core.data.reader import Reader
from sherf_core.evaluate.pictures import save_picture
from sherf_core.evaluate.protocol import Item, Plan
from sherf_core.evaluate.renderer import Renderer
from sherf_core.evaluate.results import ItemResult
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import MetricSuite

OnItem = Callable[[ItemResult, bool], None]
"""Called after each picture with its result and whether an earlier run had made it."""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        plan: what was to be done.
        results: one a planned item, in the plan's order.
        resumed: how many of them an earlier run had made.
        encode_seconds: time of each observation encoded in this run.
        seconds: wall-clock time of this run.
    """

    plan: Plan
    results: tuple[ItemResult, ...]
    resumed: int
    encode_seconds: tuple[float, ...]
    seconds: float


def evaluate(
    plan: Plan,
    reader: Reader,
    renderer: Renderer,
    metrics: MetricSuite,
    folder: RunFolder,
    on_item: OnItem = lambda result, resumed: None,
) -> Evaluation:
    """Make and measure every picture of the plan that the (opened) folder does not hold yet.

    Interrupt it at any time: what is stored is whole, and the next call goes on from there.
    """
    started = time.perf_counter()
    results: list[ItemResult] = []
    encode_seconds: list[float] = []
    resumed = 0
    for _, group in groupby(plan.items, key=lambda item: item.observation):
        items = list(group)
        observed = reader.digest(*items[0].observation)
        digests = [f"{observed}:{reader.digest(*item.target)}" for item in items]
        stored = [folder.load(item, digest) for item, digest in zip(items, digests, strict=True)]
        todo = [(item, digest) for item, digest, result in zip(items, digests, stored, strict=True) if result is None]
        for result in stored:
            if result is not None:
                resumed += 1
                results.append(result)
                on_item(result, True)
        if not todo:
            continue
        observation = reader.frame(*items[0].observation)
        begin = time.perf_counter()
        person = renderer.encode(observation)
        encode_seconds.append(time.perf_counter() - begin)
        for item, digest in todo:
            target = reader.frame(*item.target)
            begin = time.perf_counter()
            picture = renderer.render(person, target)
            seconds = time.perf_counter() - begin
            truth, _ = target.truth(picture.clip)
            save_picture(folder.image_path(item), [observation.image, picture.image, truth])
            result = ItemResult(item, metrics.measure(picture.image, truth, picture.hit), seconds)
            folder.save(result, digest)
            results.append(result)
            on_item(result, False)
    return Evaluation(
        plan=plan,
        results=_in_order(plan.items, results),
        resumed=resumed,
        encode_seconds=tuple(encode_seconds),
        seconds=time.perf_counter() - started,
    )


def _in_order(items: Sequence[Item], results: Sequence[ItemResult]) -> tuple[ItemResult, ...]:
    by_item = {result.item: result for result in results}
    return tuple(by_item[item] for item in items)

"""Looks into a data set: names of all subjects, then a sample closely, or with `deep` all that the split uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from checks.facts.datasets.counts import Counts
from checks.facts.datasets.humman import HuMManLayout
from checks.facts.datasets.layout import Layout, Look, Picture, Subject, View
from checks.facts.datasets.parallel import side_by_side
from checks.facts.datasets.pictures import FIT_SHARE, check_picture, share_inside
from checks.facts.datasets.renderpeople import RenderPeopleLayout
from checks.facts.datasets.thuman import THumanLayout
from checks.facts.datasets.zju_mocap import ZjuMocapLayout
from checks.facts.records import Tally
from sherf_core.data.splits import Split

LAYOUTS: dict[str, type[Layout]] = {
    "RenderPeople": RenderPeopleLayout,
    "THuman": THumanLayout,
    "HuMMan": HuMManLayout,
    "ZJU-MoCap": ZjuMocapLayout,
}
SAMPLE = 4
"""Subjects of the test, and as many of training, that are looked at closely."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Task:
    """Pictures of one camera of one subject; the first `fits` of them are compared with the body."""

    look: Look
    view: View
    pictures: tuple[Picture, ...]
    fits: int


def inspect(
    root: Path, split: Split, subjects: Sequence[Subject], *, deep: bool, on_progress: Progress | None = None
) -> dict[str, Tally]:
    """Tallies of what is wrong inside the subjects' folders.

    Args:
        root: the folder of the subjects.
        split: says which poses and views are used: others are not looked at.
        subjects: those that the split uses and that have a folder, test before training.
        deep: look at all of them and at every picture that the split uses.
        on_progress: told how many files of how many are done.
    """
    layout = LAYOUTS[split.dataset](root, split)
    counts = Counts()
    surveys = side_by_side(layout.survey, subjects)
    for survey in surveys:
        counts.merge(survey.counts)
    whole = [survey.subject for survey in surveys if _is_whole(survey)]
    chosen = whole if deep else [*_spread(whole, training=False), *_spread(whole, training=True)]
    looks = side_by_side(lambda subject: layout.look(subject, deep=deep), chosen)
    for look in looks:
        counts.merge(look.counts)
    tasks = _all_pictures(looks) if deep else _sample(looks)
    progress = _Progress(sum(len(task.pictures) for task in tasks), on_progress)
    for found in side_by_side(lambda task: _check(root, split, task, progress), tasks):
        counts.merge(found)
    return counts.tallies()


def _is_whole(survey: Look) -> bool:
    tallies = survey.counts.tallies()
    return not any(name in tallies and tallies[name].count for name in ("incomplete", "annotations_missing"))


def _spread(subjects: Sequence[Subject], *, training: bool) -> list[Subject]:
    """A few subjects, evenly spread over the split: the same ones every time."""
    candidates = [subject for subject in subjects if subject.training is training]
    count = min(SAMPLE, len(candidates))
    return [candidates[index * (len(candidates) - 1) // max(1, count - 1)] for index in range(count)]


def _all_pictures(looks: Sequence[Look]) -> list[_Task]:
    return [_Task(look, view, view.pictures, 1) for look in looks for view in look.views if view.pictures]


def _sample(looks: Sequence[Look]) -> list[_Task]:
    """A picture of each camera of the first subject, and one of each other subject, from another camera each."""
    seen = [(look, [view for view in look.views if view.pictures]) for look in looks]
    seen = [(look, views) for look, views in seen if views]
    tasks = []
    for number, (look, views) in enumerate(seen):
        chosen = views if number == 0 else [views[number * len(views) // len(seen)]]
        tasks += [_Task(look, view, view.pictures[:1], 1) for view in chosen]
    return tasks


class _Progress:
    """Counts what several threads have done."""

    def __init__(self, total: int, tell: Progress | None) -> None:
        self._done, self._total, self._tell = 0, total, tell
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        if self._tell is None:
            return
        with self._lock:
            self._done += count
            self._tell(self._done, self._total)


def _check(root: Path, split: Split, task: _Task, progress: _Progress) -> Counts:
    counts, training = Counts(), task.look.subject.training
    wrong, unreadable, misfits, compared = [], [], [], 0
    aspect = split.picture_size[0] / split.picture_size[1]
    for number, picture in enumerate(task.pictures):
        checked = check_picture(root, picture, task.view.camera, aspect, keep_mask=number < task.fits)
        wrong += [checked.wrong] if checked.wrong else []
        unreadable += [checked.unreadable] if checked.unreadable else []
        # Without the right size there is no telling where the body should be.
        if checked.mask is not None and not checked.wrong:
            points = _points(task.look, picture.pose)
            share = None if points is None else share_inside(points, task.view.camera, checked.mask)
            if share is not None:
                compared += 1
                misfits += [f"{picture.image}: {share:.0%} of the body on the mask"] if share < FIT_SHARE else []
    counts.add("wrong_pictures", wrong, of=len(task.pictures), training=training)
    counts.add("unreadable_pictures", unreadable, of=len(task.pictures), training=training)
    if compared:
        counts.add("misfits", misfits, of=compared, training=training)
    progress.add(len(task.pictures))
    return counts


def _points(look: Look, pose: int) -> np.ndarray | None:
    try:
        return look.body_points(pose)
    except Exception:  # the file is broken, which the look has noted, or will with `deep`
        return None

"""Which picture is made from which: the items of an evaluation.

Novel view: the person is seen and rendered in the same pose, from another view. Novel pose: the person is seen in one
fixed pose and rendered in the others. Frames that are not on disk are left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Protocol, runtime_checkable

from sherf_core.data.records import Frame
from sherf_core.data.splits import Split
from sherf_core.errors import ConfigurationError, DatasetError


class Task(str, Enum):
    """The two questions that the evaluation asks."""

    NOVEL_VIEW = "novel_view"
    NOVEL_POSE = "novel_pose"


TITLES = {Task.NOVEL_VIEW: "Novel view", Task.NOVEL_POSE: "Novel pose"}


@runtime_checkable
class Reader(Protocol):
    """What an evaluation needs of a data set's reader."""

    def subjects(self) -> list[str]:
        """Names of all subjects."""

    def list_file(self) -> Path | None:
        """The file that names them, or None if they are known by their folders."""

    def has(self, subject: str, pose: int, view: int) -> bool:
        """Whether a frame is on disk."""

    def frame(self, subject: str, pose: int, view: int) -> Frame:
        """One frame."""

    def digest(self, subject: str, pose: int, view: int) -> str:
        """A fingerprint of what the frame is made of."""


@dataclass(frozen=True, order=True)
class Item:
    """One picture to make: the subject seen in one frame, rendered as in another."""

    subject: str
    observation_pose: int
    observation_view: int
    task: Task
    target_pose: int
    target_view: int

    @property
    def observation(self) -> tuple[str, int, int]:
        """Subject, pose and view of the frame that is seen."""
        return self.subject, self.observation_pose, self.observation_view

    @property
    def target(self) -> tuple[str, int, int]:
        """Subject, pose and view of the frame to render."""
        return self.subject, self.target_pose, self.target_view

    @property
    def name(self) -> str:
        """A name for files."""
        subject = re.sub(r"[^\w.-]", "_", self.subject)
        seen = f"from-p{self.observation_pose:04d}-v{self.observation_view:02d}"
        return f"{subject}-{self.task.value}-{seen}-to-p{self.target_pose:04d}-v{self.target_view:02d}"

    def as_dict(self) -> dict[str, str | int]:
        """For JSON."""
        return {**asdict(self), "task": self.task.value}


@dataclass(frozen=True)
class Plan:
    """What an evaluation will do.

    Attributes:
        dataset: name of the split.
        subjects: those evaluated.
        chosen: whether the user named the subjects, so that the figures are not the split's own.
        training: those of them that the split trains on.
        items: pictures to make, the ones that share an observation next to each other.
        total: how many items there are without a limit.
        missing: frames that the split names and that are not on disk.
        skipped: items left out because of them.
        unlisted: whether no list of people was found, so that their order is that of their folders' names.
    """

    dataset: str
    subjects: tuple[str, ...]
    chosen: bool
    training: tuple[str, ...]
    items: tuple[Item, ...]
    total: int
    missing: int
    skipped: int
    unlisted: bool = False

    @property
    def partial(self) -> bool:
        """Whether this is not the split's own evaluation, but chosen subjects or the first pictures only."""
        return self.chosen or len(self.items) < self.total


def items_of(split: Split, subject: str) -> list[Item]:
    """Every item of one subject, whether its frames are on disk or not; sorted by observation."""
    novel_view = [
        Item(subject, pose, seen, Task.NOVEL_VIEW, pose, view)
        for pose, seen, view in product(split.novel_view_poses, split.observation_views, split.novel_view_targets)
        if view != seen
    ]
    observed = split.novel_pose_observation
    novel_pose = [
        Item(subject, observed, seen, Task.NOVEL_POSE, pose, view)
        for seen, pose, view in product(split.observation_views, split.novel_pose_poses, split.novel_pose_targets)
        if pose != observed
    ]
    order = list(Task)
    return sorted(novel_view + novel_pose, key=lambda item: (item.observation, order.index(item.task), item.target))


def plan(split: Split, reader: Reader, *, subjects: Sequence[str] = (), limit: int | None = None) -> Plan:
    """Settle the items of an evaluation.

    Args:
        split: the data set's split.
        reader: tells which frames are on disk; only the chosen subjects are looked at.
        subjects: names, or places in the list, in place of the split's test subjects.
        limit: at most so many items.

    Raises:
        ConfigurationError: a subject that is not there, or a limit below 1.
        DatasetError: nothing that the split names is on disk.
    """
    if limit is not None and limit < 1:
        raise ConfigurationError(f"a limit of {limit} pictures", fix="choose --limit 1 or more")
    listed = reader.subjects()
    chosen = [_subject(name, listed) for name in subjects] if subjects else split.test_subjects_of(listed)
    chosen = list(dict.fromkeys(chosen))
    on_disk = lru_cache(maxsize=None)(reader.has)
    wanted = [item for subject in chosen for item in items_of(split, subject)]
    frames = {frame for item in wanted for frame in (item.observation, item.target)}
    items = [item for item in wanted if on_disk(*item.observation) and on_disk(*item.target)]
    if not items:
        raise DatasetError(
            f"none of the {len(frames)} frames that the {split.dataset} evaluation needs of {_few(chosen)} is on disk",
            fix="check the folder (--data DIR) or name subjects that are there (--subjects NAME)",
            code="DATA.RP_LAYOUT",
        )
    training = split.training_subjects_in(listed)
    return Plan(
        dataset=split.dataset,
        subjects=tuple(chosen),
        chosen=bool(subjects),
        training=tuple(name for name in chosen if name in training),
        items=tuple(items[:limit]),
        total=len(items),
        missing=sum(not on_disk(*frame) for frame in frames),
        skipped=len(wanted) - len(items),
        unlisted=reader.list_file() is None,
    )


def _subject(name: str, listed: Sequence[str]) -> str:
    if name in listed:
        return name
    if name.isdecimal() and int(name) < len(listed):
        return listed[int(name)]
    close = get_close_matches(name, listed, n=3, cutoff=0.4) or listed[:3]
    raise ConfigurationError(
        f"there is no subject '{name}' among the {len(listed)} of this data set",
        expected=f"a name from the list or its place, such as {', '.join(close)}",
        fix="choose another with --subjects",
    )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")

"""What the four layouts have in common: how a subject is looked at, and what a look brings."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from checks.facts.datasets.cameras import Camera
from checks.facts.datasets.counts import Counts
from sherf_core.data.splits import Split
from sherf_core.errors import SherfError

BodyPoints = Callable[[int], "np.ndarray | None"]
"""Points (N, 3) in the world that lie on or in the body of a pose, None where they are not known."""


@dataclass(frozen=True)
class Subject:
    """A subject's name, and whether only training needs it."""

    name: str
    training: bool


@dataclass(frozen=True)
class Picture:
    """A picture and its mask, relative to the root."""

    pose: int
    image: str
    mask: str


@dataclass(frozen=True)
class View:
    """What one camera saw of a subject: only pictures that are there with their masks."""

    camera: Camera
    pictures: tuple[Picture, ...]


@dataclass
class Look:
    """What was seen of a subject."""

    subject: Subject
    counts: Counts = field(default_factory=Counts)
    views: list[View] = field(default_factory=list)
    body_points: BodyPoints = lambda _pose: None

    def add(self, name: str, problems: Sequence[str], *, of: int) -> None:
        """Add to a tally for this subject."""
        self.counts.add(name, problems, of=of, training=self.subject.training)

    def incomplete(self, problems: Sequence[str]) -> None:
        """Note that the subject cannot be used; it has been counted among those looked at."""
        if problems:
            self.counts.add("incomplete", problems, of=0, count=1, training=self.subject.training)


class Listing:
    """Names in the folders of one subject, each folder read once: a name costs no look at the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, frozenset[str]] = {}

    def names(self, folder: str) -> frozenset[str]:
        """Names in a folder below the subject's, none where it is not there."""
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(self.folder / folder))
            except (OSError, ValueError):
                self._names[folder] = frozenset()
        return self._names[folder]

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        folder, _, name = path.rpartition("/")
        return name in self.names(folder)


class Layout(ABC):
    """One data set's files.

    Args:
        root: the folder of the subjects.
        split: says which poses and views are used.
    """

    parts: tuple[str, ...] = ()
    """Files and folders that every subject has."""

    def __init__(self, root: Path, split: Split) -> None:
        self.root, self.split = root, split

    def survey(self, subject: Subject) -> Look:
        """A first look, at names alone: whether all parts are there."""
        look = Look(subject)
        names = Listing(self.root / subject.name).names("")
        missing = [f"{subject.name}/{part}" for part in self.parts if part not in names]
        look.counts.add("incomplete", missing, of=1, count=int(bool(missing)), training=subject.training)
        return look

    def look(self, subject: Subject, *, deep: bool) -> Look:
        """A closer look at a subject that has all its parts: cameras, parameters, names of pictures."""
        look = Look(subject)
        try:
            self._look(look, Listing(self.root / subject.name), deep)
        except SherfError as error:
            look.incomplete([error.found])
        except Exception as error:  # whatever lies in a file, it becomes a remark on this subject
            look.incomplete([f"{subject.name}: {type(error).__name__}: {str(error)[:200]}"])
        return look

    @abstractmethod
    def _look(self, look: Look, listing: Listing, deep: bool) -> None:
        """Fill the look; errors are caught by the caller and make the subject incomplete."""

    def poses_of(self, subject: Subject, length: int) -> list[int]:
        """Poses that the split uses of a subject with so many; a shorter sequence is no trouble."""
        poses = self.split.train_poses if subject.training else self.split.test_poses
        return [pose for pose in poses if pose < length]

    @staticmethod
    def note_pictures(look: Look, listing: Listing, cameras: Sequence[Camera], wanted: list[list[Picture]]) -> None:
        """Tell pictures that are there from those that are not; `wanted` is by view, paths without the subject."""
        name = look.subject.name
        images: list[str] = []
        masks: list[str] = []
        for view, pictures in zip(cameras, wanted, strict=True):
            there = []
            for picture in pictures:
                if not listing.has(picture.image):
                    images.append(f"{name}/{picture.image}")
                elif not listing.has(picture.mask):
                    masks.append(f"{name}/{picture.mask}")
                else:
                    there.append(Picture(picture.pose, f"{name}/{picture.image}", f"{name}/{picture.mask}"))
            look.views.append(View(view, tuple(there)))
        total = sum(map(len, wanted))
        if images and len(images) == total:
            look.incomplete(images)
            return
        look.add("frames_missing", images, of=total)
        look.add("masks_missing", masks, of=total - len(images))

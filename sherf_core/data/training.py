"""What a training sees: pairs of frames of one person, drawn by counters, never from global state.

A target is any frame of the split's training people in its training poses, from any of its views. The specification
says nothing about which frame is observed with it, so here it is drawn uniformly among the other frames of the same
person, in any training pose and from any view; of a person with one frame alone, that frame is observed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sherf_core.data.reader import Reader
from sherf_core.data.records import Frame
from sherf_core.data.splits import Split
from sherf_core.errors import DatasetError

FrameName = tuple[str, int, int]
"""Subject, pose and view."""

# Whether files are there is asked of the file system, which may be far away: many questions at once.
QUESTIONS_AT_ONCE = 16


class TrainingPairs:
    """The pairs of a split's training set, by number.

    Args:
        reader: of the data set.
        split: names people and poses; all of its views are used.

    Attributes:
        missing: frames that the split names and that are not on disk; they are left out.

    Raises:
        DatasetError: too few people are there, or none of the frames is.
    """

    def __init__(self, reader: Reader, split: Split) -> None:
        self.reader, self.split = reader, split
        subjects = split.training_subjects_of(reader.subjects())
        wanted = list(split.training_frames(subjects))
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as pool:
            there = list(pool.map(lambda name: reader.has(*name), wanted))
        self._targets: list[FrameName] = [name for name, found in zip(wanted, there, strict=True) if found]
        self.missing = len(wanted) - len(self._targets)
        if not self._targets:
            raise DatasetError(
                f"none of the {len(wanted)} frames that the {split.dataset} training needs is on disk",
                fix="check the folder: --data DIR",
                code="DATA.MISSING",
            )
        self._of_subject: dict[str, list[FrameName]] = {}
        for name in self._targets:
            self._of_subject.setdefault(name[0], []).append(name)

    def __len__(self) -> int:
        """How many targets there are."""
        return len(self._targets)

    @property
    def subjects(self) -> list[str]:
        """People with at least one frame."""
        return list(self._of_subject)

    def names(self, index: int, seed: int = 0) -> tuple[FrameName, FrameName]:
        """Which frames the pair is made of: (observation, target).

        Args:
            index: of the target, from 0 to `len` - 1.
            seed: another one, another observation; the same numbers give the same pair on every machine.
        """
        target = self._targets[index]
        frames = self._of_subject[target[0]]
        if len(frames) == 1:
            return target, target
        place = frames.index(target)
        other = int(np.random.Generator(np.random.Philox([seed, index])).integers(len(frames) - 1))
        return frames[other + (other >= place)], target

    def pair(self, index: int, seed: int = 0) -> tuple[Frame, Frame]:
        """The frames themselves: (observation, target)."""
        observation, target = self.names(index, seed)
        return self.reader.frame(*observation), self.reader.frame(*target)

"""Which subjects, poses and views each data set trains on and is tested on.

RenderPeople's numbers are those of the published evaluation. The demo data set (three generated people, 36 views,
3 poses) has its own small split, so that an evaluation takes minutes on a CPU:

* test: subject 2; subjects 0 and 1, all poses and views, are set aside for training on this data set;
* the embedded demo weights saw none of the three: they were fitted on 44 other generated people, who do not ship;
* observation: view 0 (the front) of pose 0, for both tasks;
* novel view: pose 0 from five views around the person; novel pose: poses 1 and 2 from two views each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sherf_core.errors import ConfigurationError, DatasetError


@dataclass(frozen=True)
class Split:
    """The published (or documented) use of one data set.

    Args:
        dataset: its name on the command line.
        resolution: side of the pictures in pixels, unless the user asks for another.
        train_subjects: slice of the subject list.
        train_poses: poses used in training.
        test_subjects: slice of the subject list.
        observation_views: each gives one observation per subject and pose.
        novel_view_poses: poses that are observed and rendered from other views.
        novel_view_targets: views to render; the one equal to the observation's is skipped.
        novel_pose_observation: the pose that is observed.
        novel_pose_poses: poses to render; the observed one is skipped.
        novel_pose_targets: views to render.
    """

    dataset: str
    resolution: int
    train_subjects: range
    train_poses: tuple[int, ...]
    test_subjects: range
    observation_views: tuple[int, ...]
    novel_view_poses: tuple[int, ...]
    novel_view_targets: tuple[int, ...]
    novel_pose_observation: int
    novel_pose_poses: tuple[int, ...]
    novel_pose_targets: tuple[int, ...]

    def training_subjects_of(self, listed: Sequence[str]) -> list[str]:
        """Names of the training subjects; the list must be as long as the split needs."""
        return self._names(listed, self.train_subjects)

    def test_subjects_of(self, listed: Sequence[str]) -> list[str]:
        """Names of the test subjects; the list must be as long as the split needs."""
        return self._names(listed, self.test_subjects)

    def _names(self, listed: Sequence[str], wanted: range) -> list[str]:
        if len(listed) < wanted.stop:
            raise DatasetError(
                f"human_list.txt names {len(listed)} subjects",
                expected=f"at least {wanted.stop}: the {self.dataset} split is list[{wanted.start}:{wanted.stop}]",
                fix="name the subjects to evaluate: --subjects NAME (the result is then not the published protocol's)",
                code="DATA.RP_COUNT",
            )
        return [listed[index] for index in wanted]


RENDERPEOPLE = Split(
    dataset="RenderPeople",
    resolution=512,
    train_subjects=range(450),
    train_poses=tuple(range(0, 20, 2)),
    test_subjects=range(450, 480),
    observation_views=(0, 16, 31),
    novel_view_poses=(0, 2, 4, 6, 8),
    novel_view_targets=tuple(range(0, 36, 2)),
    novel_pose_observation=2,
    novel_pose_poses=(2, 4, 6, 8, 10),  # five poses that start at the observed one, which is skipped as a target
    novel_pose_targets=tuple(range(0, 36, 2)),
)

DEMO = Split(
    dataset="demo",
    resolution=256,
    train_subjects=range(2),
    train_poses=(0, 1, 2),
    test_subjects=range(2, 3),
    observation_views=(0,),
    novel_view_poses=(0,),
    novel_view_targets=(3, 10, 18, 26, 33),  # 30, 100, 180, 260 and 330 degrees around the person
    novel_pose_observation=0,
    novel_pose_poses=(1, 2),
    novel_pose_targets=(0, 33),
)

SPLITS = {split.dataset: split for split in (DEMO, RENDERPEOPLE)}


def split_of(dataset: str) -> Split:
    """The split with this name, in any letter case."""
    for name, split in SPLITS.items():
        if name.lower() == dataset.lower():
            return split
    raise ConfigurationError(
        f"there is no data set called '{dataset}'",
        expected=" or ".join(SPLITS),
        fix="choose one with --dataset",
    )

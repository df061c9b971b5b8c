"""Which subjects, poses and views each data set trains on and is tested on.

The numbers of RenderPeople, THuman, HuMMan and ZJU-MoCap are those of the published evaluation. The demo data set
(three generated people, 36 views, 3 poses) has its own small split, so that an evaluation takes minutes on a CPU:

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
        resolution: side of the pictures in pixels (of oblong ones, the width), unless the user asks for another.
        train_subjects: slice of the subject list, or the subjects' names.
        train_poses: poses used in training.
        test_subjects: slice of the subject list, or the subjects' names.
        observation_views: each gives one observation per subject and pose.
        novel_view_poses: poses that are observed and rendered from other views.
        novel_view_targets: views to render; the one equal to the observation's is skipped.
        novel_pose_observation: the pose that is observed.
        novel_pose_poses: poses to render; the observed one is skipped.
        novel_pose_targets: views to render.
        picture_size: width and height of the pictures as they are stored.
        views: cameras of each subject that are used: the first ones.
        short_code: the doctor's id where subjects are missing.
    """

    dataset: str
    resolution: int
    train_subjects: range | tuple[str, ...]
    train_poses: tuple[int, ...]
    test_subjects: range | tuple[str, ...]
    observation_views: tuple[int, ...]
    novel_view_poses: tuple[int, ...]
    novel_view_targets: tuple[int, ...]
    novel_pose_observation: int
    novel_pose_poses: tuple[int, ...]
    novel_pose_targets: tuple[int, ...]
    picture_size: tuple[int, int] = (512, 512)
    views: int = 36
    short_code: str = "DATA.RP_COUNT"

    @property
    def listed_subjects(self) -> int:
        """How long the subject list has to be; 0 where the subjects are known by name."""
        return max(part.stop if isinstance(part, range) else 0 for part in (self.train_subjects, self.test_subjects))

    @property
    def test_poses(self) -> tuple[int, ...]:
        """Every pose that the test observes or renders."""
        return tuple(sorted({*self.novel_view_poses, self.novel_pose_observation, *self.novel_pose_poses}))

    def training_subjects_in(self, listed: Sequence[str]) -> set[str]:
        """Names of the training subjects that a list holds, however short it is."""
        return {
            wanted if isinstance(wanted, str) else listed[wanted]
            for wanted in self.train_subjects
            if isinstance(wanted, str) or wanted < len(listed)
        }

    def training_subjects_of(self, listed: Sequence[str]) -> list[str]:
        """Names of the training subjects; the list must be as long as the split needs."""
        return self._names(listed, self.train_subjects)

    def test_subjects_of(self, listed: Sequence[str]) -> list[str]:
        """Names of the test subjects; the list must be as long as the split needs."""
        return self._names(listed, self.test_subjects)

    def _names(self, listed: Sequence[str], wanted: range | tuple[str, ...]) -> list[str]:
        if isinstance(wanted, tuple):
            missing = [name for name in wanted if name not in listed]
            if missing:
                raise DatasetError(
                    f"{len(missing)} of {len(wanted)} subjects are not there, the first is {missing[0]}",
                    expected=f"the subjects that the {self.dataset} split names",
                    fix="name the subjects to evaluate: --subjects NAME (the result is then not the published one's)",
                    code=self.short_code,
                )
            return list(wanted)
        if len(listed) < wanted.stop:
            raise DatasetError(
                f"human_list.txt names {len(listed)} subjects",
                expected=f"at least {wanted.stop}: the {self.dataset} split is list[{wanted.start}:{wanted.stop}]",
                fix="name the subjects to evaluate: --subjects NAME (the result is then not the published protocol's)",
                code=self.short_code,
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

THUMAN = Split(
    dataset="THuman",
    resolution=512,
    train_subjects=range(90),
    train_poses=tuple(range(20)),
    test_subjects=range(90, 100),
    observation_views=(4, 12, 20),
    novel_view_poses=(0, 2, 4, 6, 8),
    novel_view_targets=tuple(range(0, 24, 2)),
    novel_pose_observation=0,
    novel_pose_poses=(0, 2, 4, 6, 8),
    novel_pose_targets=tuple(range(0, 24, 2)),
    views=24,
)

HUMMAN = Split(
    dataset="HuMMan",
    resolution=640,
    train_subjects=range(317),
    train_poses=tuple(range(0, 102, 6)),
    test_subjects=(
        "p000455_a000986",
        "p000456_a000396",
        "p000465_a000048",
        "p000465_a000701",
        "p000474_a000048",
        "p000477_a000396",
        "p000482_a000793",
        "p000491_a005730",
        "p000503_a000064",
        "p000503_a000224",
        "p000532_a005711",
        "p000538_a000978",
        "p000538_a000986",
        "p000542_a000048",
        "p000545_a000064",
        "p000547_a000011",
        "p000547_a000145",
        "p000557_a000793",
        "p000582_a000048",
        "p100050_a001425",
        "p100056_a000049",
        "p100074_a000048",
    ),
    observation_views=(0, 4, 8),
    novel_view_poses=tuple(range(0, 102, 6)),
    novel_view_targets=tuple(range(10)),
    novel_pose_observation=0,
    novel_pose_poses=tuple(range(0, 102, 6)),
    novel_pose_targets=tuple(range(10)),
    picture_size=(1920, 1080),
    views=10,
    short_code="DATA.HM_PARTS",
)

ZJU_MOCAP = Split(
    dataset="ZJU-MoCap",
    resolution=512,
    train_subjects=("CoreView_386", "CoreView_387", "CoreView_390", "CoreView_392", "CoreView_393", "CoreView_394"),
    train_poses=tuple(range(0, 500, 5)),
    test_subjects=("CoreView_377", "CoreView_313", "CoreView_315"),
    observation_views=(4, 10, 16),
    novel_view_poses=tuple(range(0, 500, 20)),
    novel_view_targets=tuple(range(0, 20, 2)),
    novel_pose_observation=0,
    novel_pose_poses=tuple(range(0, 500, 20)),
    novel_pose_targets=tuple(range(0, 20, 2)),
    picture_size=(1024, 1024),
    views=20,
)

SPLITS = {split.dataset: split for split in (DEMO, RENDERPEOPLE, THUMAN, HUMMAN, ZJU_MOCAP)}


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

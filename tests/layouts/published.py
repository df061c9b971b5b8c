"""Whole data sets as the published splits want them: a few written people stand for all, by links."""

from __future__ import annotations

import shutil
from pathlib import Path

from sherf_core.data.splits import HUMMAN, ZJU_MOCAP
from tests.layouts.humman import write_humman
from tests.layouts.renderpeople import write_renderpeople
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap

LISTS = {
    "RenderPeople": [f"seq_{number:06d}-rp_person_rigged_001" for number in range(481)],
    "THuman": [f"results_gyc_2018_{number:03d}_M" for number in range(201)],
    "HuMMan": [f"p{number:06d}_a000050" for number in range(317)] + list(HUMMAN.test_subjects),
    "ZJU-MoCap": [*ZJU_MOCAP.train_subjects, *map(str, ZJU_MOCAP.test_subjects)],
}
"""The subjects of each data set, in the order of its list."""


def write_masters(folder: Path) -> None:
    """Two people in each layout (of ZJU-MoCap all nine), in one pose (RenderPeople: three)."""
    write_renderpeople(folder / "RenderPeople", ["0", "1"], frames=3)
    write_thuman(folder / "THuman", ["0", "1"])
    write_humman(folder / "HuMMan", ["0", "1"], poses=(0,))
    write_zju_mocap(folder / "ZJU-MoCap", LISTS["ZJU-MoCap"])


def assemble(masters: Path, dataset: str, root: Path) -> Path:
    """A whole data set at `root`, its subjects links to the masters'."""
    root.mkdir(parents=True)
    for number, name in enumerate(LISTS[dataset]):
        master = name if dataset == "ZJU-MoCap" else str(number % 2)
        (root / name).symlink_to((masters / dataset / master).resolve(), target_is_directory=True)
    if dataset != "ZJU-MoCap":
        (root / "human_list.txt").write_text("\n".join(LISTS[dataset]) + "\n")
    return root


def own(subject: Path) -> Path:
    """The subject's folder, no longer a link: now it may be changed."""
    if subject.is_symlink():
        master = subject.resolve()
        subject.unlink()
        shutil.copytree(master, subject)
    return subject

"""The reader that belongs to a split."""

from __future__ import annotations

from pathlib import Path

from sherf_core.body.arrays import BodyArrays
from sherf_core.data.humman import HuMMan
from sherf_core.data.own.layout import OWN
from sherf_core.data.own.reader import OwnData
from sherf_core.data.reader import Reader
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.splits import HUMMAN, THUMAN, ZJU_MOCAP
from sherf_core.data.thuman import THuman
from sherf_core.data.zju_mocap import ZjuMocap


def open_reader(dataset: str, root: Path, *, resolution: int, body: BodyArrays) -> Reader:
    """A reader of the data set's layout.

    Args:
        dataset: a split's name; the demo has RenderPeople's layout.
        root: the data set's folder.
        resolution: width of the pictures.
        body: the body model that the data set's parameters belong to.
    """
    if dataset == THUMAN.dataset:
        return THuman(root, resolution=resolution)
    if dataset == HUMMAN.dataset:
        return HuMMan(root, resolution=resolution, body=body)
    if dataset == ZJU_MOCAP.dataset:
        return ZjuMocap(root, resolution=resolution)
    if dataset == OWN:
        return OwnData(root, resolution=resolution)
    return RenderPeople(root, resolution=resolution)

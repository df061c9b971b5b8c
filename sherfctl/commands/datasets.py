"""The data sets that commands can be asked about."""

from __future__ import annotations

from enum import Enum


class DatasetName(str, Enum):
    """A data set by the name that `--dataset` takes."""

    DEMO = "demo"
    RENDERPEOPLE = "RenderPeople"


class AnyDatasetName(str, Enum):
    """A data set that the doctor looks at, whether or not this version can run it."""

    DEMO = "demo"
    RENDERPEOPLE = "RenderPeople"
    THUMAN = "THuman"
    HUMMAN = "HuMMan"
    ZJU_MOCAP = "ZJU-MoCap"

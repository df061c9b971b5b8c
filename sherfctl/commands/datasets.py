"""The data sets that commands can be asked about."""

from __future__ import annotations

from enum import Enum


class DatasetName(str, Enum):
    """A data set by the name that `--dataset` takes."""

    DEMO = "demo"
    RENDERPEOPLE = "RenderPeople"
    THUMAN = "THuman"
    HUMMAN = "HuMMan"
    ZJU_MOCAP = "ZJU-MoCap"
    OWN = "own"


class AnyDatasetName(str, Enum):
    """A data set that the doctor looks at; `sherfctl data check` looks at own data."""

    DEMO = "demo"
    RENDERPEOPLE = "RenderPeople"
    THUMAN = "THuman"
    HUMMAN = "HuMMan"
    ZJU_MOCAP = "ZJU-MoCap"

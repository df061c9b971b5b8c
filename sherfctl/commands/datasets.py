"""The data sets that commands can be asked about."""

from __future__ import annotations

from enum import Enum


class DatasetName(str, Enum):
    """A data set by the name that `--dataset` takes."""

    DEMO = "demo"
    RENDERPEOPLE = "RenderPeople"

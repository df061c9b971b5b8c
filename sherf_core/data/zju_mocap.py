"""Reader of ZJU-MoCap's layout: the first 20 cameras, in millimetres; lens distortion is ignored.

    ROOT/CoreView_377/annots.npy, pictures, mask_cihp/      see `sherf_core.data.annotated`
    ROOT/CoreView_377/new_params/0.npy                      poses, shapes, Rh (axis-angle), Th

CoreView_313 and 315 have annotated names such as `Camera (1)/CoreView_313_Camera_(1)_0001_2019-08-23_16-08-50.592.jpg`;
on disk the picture is called `Camera (1)/0001.jpg`, after the fifth field, and the parameters count from 1 as it does.

The masks were made by a program and are unsure along their edges: where the 5x5 neighbourhood of a stored pixel holds
person and background, the truth is background.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float32

from sherf_core.data.annotated import AnnotatedReader
from sherf_core.data.parameters import field, rotation_of
from sherf_core.data.splits import ZJU_MOCAP

ODD_SUBJECTS = ("CoreView_313", "CoreView_315")
ODD_FIELD = 4
"""The field, counted from 0, of an annotated name after which the picture is called."""


class ZjuMocap(AnnotatedReader):
    """Frames of a data set in ZJU-MoCap's layout."""

    code = parameters_code = "DATA.RP_LAYOUT"
    empty_code = "DATA.ZJU_REFINED"
    parameters = "new_params"
    parameters_expected = "a dictionary: poses (1,72), shapes (1,10), Rh (1,3), Th (1,3)"
    metre = 1000.0
    most_views = ZJU_MOCAP.views
    border_width = 5

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        super().__init__(root, resolution=resolution)
        self._by_picture: dict[str, bool] = {}

    def turn(self, values: Mapping[str, Any]) -> Float32[np.ndarray, "3 3"]:
        """The rotation of the axis-angle Rh."""
        return field(values, "Rh", rotation_of)

    def picture_path(self, subject: str, annotated: str) -> str:
        """As annotated where such a file is there; 313 and 315: after the fifth field of the name."""
        if subject not in ODD_SUBJECTS or (self.root / subject / annotated).is_file():
            return annotated
        fields = PurePosixPath(annotated).name.split("_")
        if len(fields) <= ODD_FIELD:
            return annotated
        return str(PurePosixPath(annotated).with_name(f"{PurePosixPath(fields[ODD_FIELD]).stem}.jpg"))

    def parameter_file(self, subject: str, pose: int) -> Path:
        """Numbered as the picture is, unless the files of this subject are clearly numbered as the poses are."""
        folder = self.root / subject / self.parameters
        if subject not in self._by_picture:
            last = self._picture_number(subject, len(self.poses(subject)) - 1)
            counted_as_poses = (folder / "0.npy").is_file() and not (folder / f"{last}.npy").is_file()
            self._by_picture[subject] = last is not None and not counted_as_poses
        number = self._picture_number(subject, pose) if self._by_picture[subject] else None
        return folder / f"{pose if number is None else number}.npy"

    def _picture_number(self, subject: str, pose: int) -> int | None:
        """The number in the name of the pose's first picture."""
        pictures = self._subject_annotations(subject).pictures
        if pose not in range(len(pictures)) or not pictures[pose]:
            return None
        stem = PurePosixPath(pictures[pose][0]).stem
        fields = stem.split("_")
        number = fields[ODD_FIELD] if len(fields) > ODD_FIELD else stem
        return int(number) if number.isdecimal() else None

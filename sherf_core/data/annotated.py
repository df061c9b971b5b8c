"""What THuman's and ZJU-MoCap's layouts share: annots.npy with cameras and paths, one file of parameters a pose.

ROOT/SUBJECT/annots.npy         dict: cams {K, D, R, T} by view, ims [{'ims': [path by view]} by pose]
ROOT/SUBJECT/PATH               a picture; PATH may have been written on Windows
ROOT/SUBJECT/mask_cihp/PATH     its mask, with the ending .png
ROOT/SUBJECT/PARAMETERS/N.npy   dict: poses, shapes, Th, and the turn of the body
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Float32

from sherf_core.data.parameters import camera_of, dataset_errors, field, numbers, read_numpy, shapes_of
from sherf_core.data.reader import AGAIN, FolderReader, Stored
from sherf_core.data.records import BodyPose, Camera
from sherf_core.errors import DatasetError

ANNOTATIONS = "annots.npy"
MASKS = "mask_cihp"
COEFFICIENTS = 5


@dataclass(frozen=True)
class Annotations:
    """What annots.npy tells.

    Attributes:
        cameras: by view.
        lenses: distortion coefficients by view, None where they are not used.
        pictures: paths with slashes, below the subject's folder, by pose and view.
    """

    cameras: tuple[Camera, ...]
    lenses: tuple[Float[np.ndarray, "5"] | None, ...]
    pictures: tuple[tuple[str, ...], ...]


class AnnotatedReader(FolderReader):
    """Frames of a data set with annotations."""

    subject_file = ANNOTATIONS
    parameters: ClassVar[str]
    """The folder of the SMPL parameters."""
    parameters_code: ClassVar[str]
    """The doctor's id of missing parameters."""
    parameters_expected: ClassVar[str]
    empty_code: ClassVar[str]
    """The doctor's id of annotations that list no picture."""
    metre: ClassVar[float] = 1.0
    """One metre in the unit of the cameras' T."""
    has_lenses: ClassVar[bool] = False
    most_views: ClassVar[int | None] = None
    """How many cameras are used: the first ones."""

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        super().__init__(root, resolution=resolution)
        self._annotations: dict[str, Annotations] = {}
        self._bodies: dict[Path, BodyPose] = {}

    @abstractmethod
    def turn(self, values: Mapping[str, Any]) -> Float32[np.ndarray, "3 3"]:
        """The rotation of the whole body, from a file of parameters."""

    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's cameras that are used."""
        return list(range(len(self._subject_annotations(subject).cameras[: self.most_views])))

    def poses(self, subject: str) -> list[int]:
        """Numbers of the annotated poses."""
        return list(range(len(self._subject_annotations(subject).pictures)))

    def needed(self, subject: str, pose: int, view: int) -> tuple[Path, ...] | None:
        """Picture, mask and parameters, where the annotations tell of them."""
        if not (self.root / subject / ANNOTATIONS).is_file():
            return None
        annotations = self._subject_annotations(subject)
        if pose not in range(len(annotations.pictures)) or view not in self.views(subject):
            return None
        if view not in range(len(annotations.pictures[pose])):
            return None
        return (*self._pictures(subject, pose, view), self.parameter_file(subject, pose))

    def stored(self, subject: str, pose: int, view: int) -> Stored:
        """A frame as it lies on disk."""
        annotations = self._subject_annotations(subject)
        file = self.root / subject / ANNOTATIONS
        if view not in self.views(subject):
            raise self.unknown(file, f"view {view}")
        if pose not in range(len(annotations.pictures)):
            raise self.unknown(file, f"pose {pose}")
        if view not in range(len(annotations.pictures[pose])):
            raise self.unknown(file, f"picture of pose {pose} in view {view}")
        image, mask = self._pictures(subject, pose, view)
        return Stored(image, mask, annotations.cameras[view], self.body(subject, pose), annotations.lenses[view])

    def body(self, subject: str, pose: int) -> BodyPose:
        """The SMPL parameters of one pose."""
        path = self.parameter_file(subject, pose)
        if path not in self._bodies:
            with dataset_errors(
                path, "does not hold SMPL parameters as expected", self.parameters_expected, self.parameters_code
            ):
                values = read_numpy(path)
                self._bodies[path] = BodyPose(
                    poses=field(values, "poses", lambda value: numbers(value, (72,))),
                    shapes=field(values, "shapes", shapes_of),
                    R=self.turn(values),
                    Th=field(values, "Th", lambda value: numbers(value, (3,))),
                )
        return self._bodies[path]

    def parameter_file(self, subject: str, pose: int) -> Path:
        """The file of one pose's SMPL parameters."""
        return self.root / subject / self.parameters / f"{pose}.npy"

    def picture_path(self, subject: str, annotated: str) -> str:
        """Where a picture lies below the subject's folder."""
        return annotated

    def _pictures(self, subject: str, pose: int, view: int) -> tuple[Path, Path]:
        path = self.picture_path(subject, self._subject_annotations(subject).pictures[pose][view])
        folder = self.root / subject
        return folder / path, (folder / MASKS / path).with_suffix(".png")

    def _subject_annotations(self, subject: str) -> Annotations:
        if subject not in self._annotations:
            path = self.root / subject / ANNOTATIONS
            expected = "a dictionary: cams {K, D, R, T} by view, ims [{'ims': paths by view} by pose]"
            with dataset_errors(path, "does not hold annotations as expected", expected, self.code):
                annotations = self._read(read_numpy(path))
            if not any(annotations.pictures):
                raise DatasetError(
                    f"{path} lists no picture",
                    expected="a path for every pose and view",
                    fix=AGAIN,
                    code=self.empty_code,
                    path=path,
                )
            self._annotations[subject] = annotations
        return self._annotations[subject]

    def _read(self, content: Mapping[str, Any]) -> Annotations:
        cams, poses = content["cams"], content["ims"]
        count = len(cams["K"])
        if not len(cams["R"]) == len(cams["T"]) == count or (self.has_lenses and len(cams["D"]) != count):
            raise ValueError("K, D, R and T are of different numbers of cameras")
        lenses = [_coefficients(value) for value in cams["D"]] if self.has_lenses else [None] * count
        return Annotations(
            cameras=tuple(
                camera_of(K, R, T, metre=self.metre) for K, R, T in zip(cams["K"], cams["R"], cams["T"], strict=True)
            ),
            lenses=tuple(lenses),
            pictures=tuple(_paths(pose) for pose in poses),
        )


def _coefficients(values: Any) -> Float[np.ndarray, "5"]:
    given = np.asarray(values, np.float64).reshape(-1)
    if len(given) > COEFFICIENTS and np.any(given[COEFFICIENTS:]):
        raise ValueError(f"D has {len(given)} coefficients, {COEFFICIENTS} (k1 k2 p1 p2 k3) are known")
    if not np.isfinite(given).all():
        raise ValueError("D holds a value that is NaN or infinite")
    return np.pad(given[:COEFFICIENTS], (0, max(0, COEFFICIENTS - len(given))))


def _paths(pose: Any) -> tuple[str, ...]:
    names = pose["ims"] if isinstance(pose, Mapping) else pose
    return tuple(_inside(str(name)) for name in np.asarray(names).ravel())


def _inside(path: str) -> str:
    """The path with slashes; ValueError where it leads out of the subject's folder."""
    plain = PurePosixPath(path.replace("\\", "/"))
    if plain.is_absolute() or ".." in plain.parts or "\0" in path or not plain.parts or ":" in plain.parts[0]:
        raise ValueError(f"the path {path!r} leads out of the subject's folder")
    return str(plain)

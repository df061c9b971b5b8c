"""What every data set's reader offers, and the way from stored files to a frame that all of them share."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from sherf_core.data.images import area_downscale, border_band, nearest_downscale, picture_bytes, read_image, read_mask
from sherf_core.data.lens import undistorted
from sherf_core.data.records import BODY_PADDING, BodyPose, Camera, Frame
from sherf_core.data.subjects import subject_list
from sherf_core.errors import ConfigurationError, DatasetError

AGAIN = "copy or unpack this subject again, or evaluate others with --subjects NAME"


@runtime_checkable
class Reader(Protocol):
    """What an evaluation or a training needs of a data set."""

    @property
    def resolution(self) -> int:
        """Width in pixels of the pictures that `frame` returns."""

    def subjects(self) -> list[str]:
        """Names of all subjects."""

    def list_file(self) -> Path | None:
        """The file that names them, or None if they are known by their folders."""

    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's cameras."""

    def poses(self, subject: str) -> list[int]:
        """Numbers of the subject's poses."""

    def has(self, subject: str, pose: int, view: int) -> bool:
        """Whether a frame is on disk."""

    def frame(self, subject: str, pose: int, view: int) -> Frame:
        """One frame."""

    def load(self, subject: str, pose: int, view: int) -> FrameSource:
        """The same frame, its files read and not decoded yet."""


@runtime_checkable
class FrameSource(Protocol):
    """What one frame is made of: where an earlier result still holds, its pictures need not be decoded."""

    def digest(self) -> str:
        """A fingerprint of it, to recognise data that changed under the same name."""

    def frame(self) -> Frame:
        """The frame."""


@dataclass(frozen=True)
class Stored:
    """A frame as it lies on disk.

    Attributes:
        image: a picture file.
        mask: a picture file, non-zero on the person.
        camera: for the picture as stored.
        body: in that frame.
        lens: distortion coefficients k1 k2 p1 p2 k3; None where the picture has none.
    """

    image: Path
    mask: Path
    camera: Camera
    body: BodyPose
    lens: Float[np.ndarray, "5"] | None = None


@dataclass(frozen=True)
class LoadedFrame:
    """A stored frame with the bytes of its files, each read once.

    Attributes:
        make: turns them into the frame.
        stored: where they came from, with camera and body.
        image: content of the picture's file.
        mask: content of the mask's file.
    """

    make: Callable[[LoadedFrame], Frame]
    stored: Stored
    image: bytes
    mask: bytes

    def digest(self) -> str:
        """SHA-256 of everything that the frame is made of."""
        camera, body = self.stored.camera, self.stored.body
        digest = hashlib.sha256(self.image)
        digest.update(self.mask)
        for array in (camera.K, camera.R, camera.T, body.poses, body.shapes, body.R, body.Th):
            digest.update(array.tobytes())
        if self.stored.lens is not None:
            digest.update(self.stored.lens.tobytes())
        return digest.hexdigest()

    def frame(self) -> Frame:
        """The frame, decoded anew at each call.

        Raises:
            DatasetError: a picture is damaged; the message names its file.
        """
        return self.make(self)


class StoredReader(ABC):
    """A reader of pictures in files.

    Args:
        root: the data set's folder.
        resolution: width of the pictures that `frame` returns, at most the stored one; the height follows.
    """

    code: ClassVar[str]
    """The doctor's id of an incomplete copy."""
    clip_padding: ClassVar[float] = BODY_PADDING
    border_width: ClassVar[int] = 0

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        if resolution < 1:
            raise ConfigurationError(f"a resolution of {resolution} pixels", fix="choose --resolution 512 or less")
        self.root, self.resolution = Path(root), resolution
        if not self.root.is_dir():
            raise DatasetError(
                f"there is no data folder {self.root}",
                fix="name the folder that holds the subjects: --data DIR",
                code="DATA.MISSING",
                path=self.root,
            )

    @abstractmethod
    def subjects(self) -> list[str]:
        """Names of all subjects."""

    @abstractmethod
    def list_file(self) -> Path | None:
        """The file that names them, or None if they are known by their folders."""

    @abstractmethod
    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's cameras."""

    @abstractmethod
    def poses(self, subject: str) -> list[int]:
        """Numbers of the subject's poses."""

    @abstractmethod
    def needed(self, subject: str, pose: int, view: int) -> tuple[Path, ...] | None:
        """The files of a frame; None where the subject, its pose or its view is not known."""

    @abstractmethod
    def stored(self, subject: str, pose: int, view: int) -> Stored:
        """A frame as it lies on disk; its pictures need not be there.

        Raises:
            DatasetError: a file is missing or malformed; the message names it.
        """

    def has(self, subject: str, pose: int, view: int) -> bool:
        """Whether this frame is on disk: its picture, its mask, its camera and its body."""
        files = self.needed(subject, pose, view)
        return files is not None and all(path.is_file() for path in files)

    def frame(self, subject: str, pose: int, view: int) -> Frame:
        """One picture at this reader's resolution, black outside the person.

        Raises:
            DatasetError: a file is missing or malformed; the message names it.
        """
        return self.load(subject, pose, view).frame()

    def load(self, subject: str, pose: int, view: int) -> LoadedFrame:
        """The bytes of a frame's files.

        Raises:
            DatasetError: a file is missing or cannot be read; the message names it.
        """
        stored = self.stored(subject, pose, view)
        for path in (stored.image, stored.mask):
            if not path.is_file():
                raise self.missing(path)
        make = partial(self._frame_of, subject, pose, view)
        return LoadedFrame(make, stored, picture_bytes(stored.image), picture_bytes(stored.mask))

    def _frame_of(self, subject: str, pose: int, view: int, loaded: LoadedFrame) -> Frame:
        stored = loaded.stored
        image, mask = read_image(stored.image, loaded.image), read_mask(stored.mask, loaded.mask)
        stored_height, stored_width = image.shape[:2]
        if image.shape[:2] != mask.shape:
            raise DatasetError(
                f"{stored.image} is {stored_width}x{stored_height} and its mask {mask.shape[1]}x{mask.shape[0]} pixels",
                expected="a picture and a mask of the same size",
                fix=AGAIN,
                code="DATA.IMG",
                path=stored.image,
            )
        if self.resolution > stored_width:
            raise ConfigurationError(
                f"{stored.image} is {stored_width}x{stored_height} pixels, smaller than the resolution of "
                f"{self.resolution}",
                fix=f"choose --resolution {stored_width} or less",
            )
        if stored.lens is not None:
            image, mask = undistorted(image, mask, stored.camera.K, stored.lens)
        width, height = self.resolution, max(1, round(stored_height * self.resolution / stored_width))
        small_mask = nearest_downscale(mask, width, height)
        # Masked before the downscale, so that no background bleeds into the rim, and after it, so that the picture
        # is black outside its own mask.
        small = area_downscale(np.where(mask[..., None], image, np.float32(0)), width, height)
        border = None
        if self.border_width:
            border = nearest_downscale(border_band(mask, self.border_width), width, height)
        scale = np.array([[width / stored_width], [height / stored_height], [1]], np.float32)
        camera = stored.camera
        return Frame(
            subject=subject,
            pose=pose,
            view=view,
            image=np.where(small_mask[..., None], small, np.float32(0)),
            mask=small_mask,
            camera=Camera(K=camera.K * scale, R=camera.R, T=camera.T),
            body=stored.body,
            clip_padding=self.clip_padding,
            border=border,
        )

    def missing(self, path: Path) -> DatasetError:
        """The error that says that a file is not there."""
        return DatasetError(f"{path} is missing", fix=AGAIN, code=self.code, path=path)


class FolderReader(StoredReader):
    """A data set with one folder a subject, and perhaps a human_list.txt that names them in order."""

    subject_file: ClassVar[str]
    """A file that every subject's folder holds."""

    def subjects(self) -> list[str]:
        """Names in the order of human_list.txt; without that file the folders of subjects, sorted."""
        names = list(subject_list(self.root, self.subject_file).names)
        if not names:
            raise DatasetError(
                f"{self.root} holds no subjects: no human_list.txt and no folder with {self.subject_file}",
                fix="name the folder that holds the subjects: --data DIR",
                code="DATA.MISSING",
                path=self.root,
            )
        return names

    def list_file(self) -> Path | None:
        """The human_list.txt that names them, or None."""
        return subject_list(self.root, self.subject_file).file

    def unknown(self, file: Path, what: str) -> DatasetError:
        """The error that says that a file does not tell of a pose or a view."""
        return DatasetError(f"{file} has no {what}", fix=AGAIN, code=self.code, path=file)

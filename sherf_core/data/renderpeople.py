"""Reader of the RenderPeople layout: the published data, the generated people and the embedded demo alike.

    ROOT/human_list.txt (or ROOT/..)                  one subject a line
    ROOT/SUBJECT/cameras.json                         camera0000, camera0001, ... -> K, R, T
    ROOT/SUBJECT/img/camera0000/0000.jpg              view 0, pose 0
    ROOT/SUBJECT/mask/camera0000/0000.png             non-zero on the person
    ROOT/SUBJECT/outputs_re_fitting/refit_smpl_2nd.npz  key smpl: betas, global_orient, body_pose, transl

The root rotation stays in the pose (R is the identity) and the translation is Th.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sherf_core.data.images import area_downscale, nearest_downscale, read_image, read_mask
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.data.subjects import subject_list
from sherf_core.errors import BrokenFileError, ConfigurationError, DatasetError, UnsafePickleError
from sherf_core.io.safe_pickle import load_numpy

_AGAIN = "copy or unpack this subject again, or evaluate others with --subjects NAME"
FITS = Path("outputs_re_fitting") / "refit_smpl_2nd.npz"


@dataclass(frozen=True)
class _Fits:
    """A subject's SMPL parameters, one row a pose."""

    poses: Float32[np.ndarray, "F 72"]
    shapes: Float32[np.ndarray, "F 10"]
    Th: Float32[np.ndarray, "F 3"]


class RenderPeople:
    """Frames of a data set in the RenderPeople layout.

    Args:
        root: the folder that holds the subjects.
        resolution: side of the pictures that `frame` returns, at most the stored one.
    """

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        if resolution < 1:
            raise ConfigurationError(f"a resolution of {resolution} pixels", fix="choose --resolution 512 or less")
        self.root, self.resolution = Path(root), resolution
        self._cameras: dict[str, dict[int, Camera]] = {}
        self._fits: dict[str, _Fits] = {}
        if not self.root.is_dir():
            raise DatasetError(
                f"there is no data folder {self.root}",
                fix="name the folder that holds human_list.txt and the subjects: --data DIR",
                code="DATA.MISSING",
                path=self.root,
            )

    def subjects(self) -> list[str]:
        """Names in the order of human_list.txt; without that file the folders with cameras.json, sorted."""
        names = list(subject_list(self.root).names)
        if not names:
            raise DatasetError(
                f"{self.root} holds no subjects: no human_list.txt and no folder with cameras.json",
                fix="name the folder that holds human_list.txt and the subjects: --data DIR",
                code="DATA.MISSING",
                path=self.root,
            )
        return names

    def list_file(self) -> Path | None:
        """The human_list.txt that names them, or None."""
        return subject_list(self.root).file

    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's cameras."""
        return sorted(self._subject_cameras(subject))

    def poses(self, subject: str) -> list[int]:
        """Numbers of the subject's fitted poses."""
        return list(range(len(self._subject_fits(subject).poses)))

    def has(self, subject: str, pose: int, view: int) -> bool:
        """Whether this frame is on disk: its picture, its mask, its camera and its fit."""
        folder = self.root / subject
        if not ((folder / "cameras.json").is_file() and (folder / FITS).is_file()):
            return False
        if view not in self._subject_cameras(subject) or pose not in range(len(self._subject_fits(subject).poses)):
            return False
        return all(path.is_file() for path in self._pictures(subject, pose, view))

    def frame(self, subject: str, pose: int, view: int) -> Frame:
        """One picture at this reader's resolution, black outside the person.

        Raises:
            DatasetError: a file is missing or malformed; the message names it.
        """
        image_path, mask_path = self._pictures(subject, pose, view)
        image, mask = read_image(image_path), read_mask(mask_path)
        side = image.shape[0]
        if image.shape[:2] != mask.shape or image.shape[1] != side:
            raise DatasetError(
                f"{image_path} is {image.shape[1]}x{side} and its mask {mask.shape[1]}x{mask.shape[0]} pixels",
                expected="a square picture and a mask of the same size",
                fix=_AGAIN,
                code="DATA.IMG",
                path=image_path,
            )
        if self.resolution > side:
            raise ConfigurationError(
                f"{image_path} is {side}x{side} pixels, smaller than the resolution of {self.resolution}",
                fix=f"choose --resolution {side} or less",
            )
        small_mask = nearest_downscale(mask, self.resolution)
        # Masked before the downscale, so that no background bleeds into the rim, and after it, so that the picture
        # is black outside its own mask.
        small = area_downscale(np.where(mask[..., None], image, np.float32(0)), self.resolution)
        camera = self._camera(subject, view)
        scale = np.array([[self.resolution / side], [self.resolution / side], [1]], np.float32)
        return Frame(
            subject=subject,
            pose=pose,
            view=view,
            image=np.where(small_mask[..., None], small, np.float32(0)),
            mask=small_mask,
            camera=Camera(K=camera.K * scale, R=camera.R, T=camera.T),
            body=self.body(subject, pose),
        )

    def body(self, subject: str, pose: int) -> BodyPose:
        """The fitted SMPL parameters of one pose."""
        fits = self._subject_fits(subject)
        if pose not in range(len(fits.poses)):
            raise DatasetError(
                f"{self.root / subject / FITS} holds {len(fits.poses)} poses, and pose {pose} was asked for",
                fix=_AGAIN,
                path=self.root / subject / FITS,
                code="DATA.RP_LAYOUT",
            )
        return BodyPose(
            poses=fits.poses[pose], shapes=fits.shapes[pose], R=np.eye(3, dtype=np.float32), Th=fits.Th[pose]
        )

    def digest(self, subject: str, pose: int, view: int) -> str:
        """SHA-256 of everything that `frame` is made of, to recognise data that changed under the same name."""
        camera, body = self._camera(subject, view), self.body(subject, pose)
        digest = hashlib.sha256()
        for path in self._pictures(subject, pose, view):
            if not path.is_file():
                raise DatasetError(f"{path} is missing", fix=_AGAIN, code="DATA.RP_LAYOUT", path=path)
            digest.update(path.read_bytes())
        for array in (camera.K, camera.R, camera.T, body.poses, body.shapes, body.Th):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _pictures(self, subject: str, pose: int, view: int) -> tuple[Path, Path]:
        folder, name = self.root / subject, f"camera{view:04d}"
        return folder / "img" / name / f"{pose:04d}.jpg", folder / "mask" / name / f"{pose:04d}.png"

    def _camera(self, subject: str, view: int) -> Camera:
        cameras = self._subject_cameras(subject)
        if view not in cameras:
            path = self.root / subject / "cameras.json"
            raise DatasetError(f"{path} has no camera{view:04d}", fix=_AGAIN, code="DATA.RP_LAYOUT", path=path)
        return cameras[view]

    def _subject_cameras(self, subject: str) -> dict[int, Camera]:
        if subject not in self._cameras:
            self._cameras[subject] = read_cameras(self.root / subject / "cameras.json")
        return self._cameras[subject]

    def _subject_fits(self, subject: str) -> _Fits:
        if subject not in self._fits:
            self._fits[subject] = _read_fits(self.root / subject / FITS)
        return self._fits[subject]


def read_cameras(path: Path) -> dict[int, Camera]:
    """The cameras of a `cameras.json`, by number."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        cameras = {
            int(name.removeprefix("camera")): Camera(
                K=_array(entry["K"], (3, 3)), R=_array(entry["R"], (3, 3)), T=_array(entry["T"], (3,))
            )
            for name, entry in entries.items()
        }
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} is missing", fix="check the data folder: --data DIR", code="DATA.RP_LAYOUT", path=path
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is not a list of cameras: {error}",
            expected='{"camera0000": {"K": 3x3, "R": 3x3, "T": 3 numbers}, ...}',
            fix=_AGAIN,
            code="DATA.RP_LAYOUT",
            path=path,
        ) from error
    return cameras


def _read_fits(path: Path) -> _Fits:
    if not path.is_file():
        raise DatasetError(
            f"{path} is missing", fix="check the data folder: --data DIR", code="DATA.RP_LAYOUT", path=path
        )
    try:
        smpl = _unwrap(load_numpy(path)["smpl"])
        count = len(smpl["body_pose"])
        root, body = _array(smpl["global_orient"], (count, 3)), _array(smpl["body_pose"], (count, 69))
        betas = np.asarray(smpl["betas"], np.float32)
        betas = betas.reshape(-1, betas.shape[-1])[:, :10]
        return _Fits(
            poses=np.concatenate([root, body], axis=1),
            shapes=_array(np.broadcast_to(betas, (count, 10)), (count, 10)),
            Th=_array(smpl["transl"], (count, 3)),
        )
    except (BrokenFileError, UnsafePickleError) as error:
        raise DatasetError(
            error.found, expected=error.expected, fix=error.fix or _AGAIN, code="DATA.RP_LAYOUT", path=path
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DatasetError(
            f"{path} does not hold SMPL parameters as expected: {error}",
            expected="key smpl: betas (1,10), global_orient (F,3), body_pose (F,69), transl (F,3)",
            fix=_AGAIN,
            code="DATA.RP_LAYOUT",
            path=path,
        ) from error


def _unwrap(value: Any) -> Any:
    """The dictionary in a 0-d object array, which is how numpy stores one in an npz."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _array(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The values as finite float32 of this shape (size-1 axes may differ)."""
    array = np.asarray(values, dtype=np.float32).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("a value is NaN or infinite")
    return np.ascontiguousarray(array)

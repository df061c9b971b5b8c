"""Reader of the RenderPeople layout: the published data, the generated people and the embedded demo alike.

    ROOT/human_list.txt (or ROOT/..)                  one subject a line
    ROOT/SUBJECT/cameras.json                         camera0000, camera0001, ... -> K, R, T
    ROOT/SUBJECT/img/camera0000/0000.jpg              view 0, pose 0
    ROOT/SUBJECT/mask/camera0000/0000.png             non-zero on the person
    ROOT/SUBJECT/outputs_re_fitting/refit_smpl_2nd.npz  key smpl: betas, global_orient, body_pose, transl

The root rotation stays in the pose (R is the identity) and the translation is Th.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from sherf_core.data.parameters import SHAPES, dataset_errors, numbers, read_cameras, read_numpy, unwrap
from sherf_core.data.reader import AGAIN, FolderReader, Stored
from sherf_core.data.records import BodyPose, Camera
from sherf_core.errors import DatasetError

CAMERAS = "cameras.json"
FITS = Path("outputs_re_fitting") / "refit_smpl_2nd.npz"


@dataclass(frozen=True)
class _Fits:
    """A subject's SMPL parameters, one row a pose."""

    poses: Float32[np.ndarray, "F 72"]
    shapes: Float32[np.ndarray, "F 10"]
    Th: Float32[np.ndarray, "F 3"]


class RenderPeople(FolderReader):
    """Frames of a data set in the RenderPeople layout.

    Args:
        root: the folder that holds the subjects.
        resolution: side of the pictures that `frame` returns, at most the stored one.
    """

    code = "DATA.RP_LAYOUT"
    subject_file = CAMERAS

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        super().__init__(root, resolution=resolution)
        self._cameras: dict[str, dict[int, Camera]] = {}
        self._fits: dict[str, _Fits] = {}

    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's cameras."""
        return sorted(self._subject_cameras(subject))

    def poses(self, subject: str) -> list[int]:
        """Numbers of the subject's fitted poses."""
        return list(range(len(self._subject_fits(subject).poses)))

    def needed(self, subject: str, pose: int, view: int) -> tuple[Path, ...] | None:
        """Picture and mask, where cameras and fits tell of them."""
        folder = self.root / subject
        if not ((folder / CAMERAS).is_file() and (folder / FITS).is_file()):
            return None
        if view not in self._subject_cameras(subject) or pose not in range(len(self._subject_fits(subject).poses)):
            return None
        return self._pictures(subject, pose, view)

    def stored(self, subject: str, pose: int, view: int) -> Stored:
        """A frame as it lies on disk."""
        cameras = self._subject_cameras(subject)
        if view not in cameras:
            raise self.unknown(self.root / subject / CAMERAS, f"camera{view:04d}")
        image, mask = self._pictures(subject, pose, view)
        return Stored(image, mask, cameras[view], self.body(subject, pose))

    def body(self, subject: str, pose: int) -> BodyPose:
        """The fitted SMPL parameters of one pose."""
        fits = self._subject_fits(subject)
        if pose not in range(len(fits.poses)):
            raise DatasetError(
                f"{self.root / subject / FITS} holds {len(fits.poses)} poses, and pose {pose} was asked for",
                fix=AGAIN,
                path=self.root / subject / FITS,
                code=self.code,
            )
        return BodyPose(
            poses=fits.poses[pose], shapes=fits.shapes[pose], R=np.eye(3, dtype=np.float32), Th=fits.Th[pose]
        )

    def _pictures(self, subject: str, pose: int, view: int) -> tuple[Path, Path]:
        folder, name = self.root / subject, f"camera{view:04d}"
        return folder / "img" / name / f"{pose:04d}.jpg", folder / "mask" / name / f"{pose:04d}.png"

    def _subject_cameras(self, subject: str) -> dict[int, Camera]:
        if subject not in self._cameras:
            self._cameras[subject] = read_cameras(self.root / subject / CAMERAS, "camera", self.code)
        return self._cameras[subject]

    def _subject_fits(self, subject: str) -> _Fits:
        if subject not in self._fits:
            self._fits[subject] = _read_fits(self.root / subject / FITS, self.code)
        return self._fits[subject]


def _read_fits(path: Path, code: str) -> _Fits:
    expected = "key smpl: betas (1,10), global_orient (F,3), body_pose (F,69), transl (F,3)"
    with dataset_errors(path, "does not hold SMPL parameters as expected", expected, code):
        smpl = unwrap(read_numpy(path)["smpl"])
        count = len(smpl["body_pose"])
        root, body = numbers(smpl["global_orient"], (count, 3)), numbers(smpl["body_pose"], (count, 69))
        betas = np.asarray(smpl["betas"], np.float32)
        betas = betas.reshape(-1, betas.shape[-1])[:, :SHAPES]
        return _Fits(
            poses=np.concatenate([root, body], axis=1),
            shapes=numbers(np.broadcast_to(betas, (count, SHAPES)), (count, SHAPES)),
            Th=numbers(smpl["transl"], (count, 3)),
        )

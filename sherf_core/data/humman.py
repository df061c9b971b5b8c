"""Reader of HuMMan's layout: ten Kinects with oblong pictures, one file of parameters a frame.

    ROOT/human_list.txt
    ROOT/SUBJECT/cameras.json                              kinect_color_000, ... -> K, R, T
    ROOT/SUBJECT/kinect_color/kinect_000/000000.png        view 0, frame 0
    ROOT/SUBJECT/kinect_mask/kinect_000/000000.png
    ROOT/SUBJECT/smpl_params/000000.npz                    betas, body_pose, global_orient, transl

The parameters turn the body about its root joint J0; here the turn is R, about the origin, and the root is unturned in
`poses`: Th = transl + J0 - R J0. So the reader needs the body model. The truth is clipped to the body's box as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sherf_core.body.arrays import BodyArrays
from sherf_core.data.parameters import dataset_errors, field, numbers, read_cameras, read_numpy, rotation_of, shapes_of
from sherf_core.data.reader import FolderReader, Stored
from sherf_core.data.records import BodyPose, Camera

CAMERAS = "cameras.json"
PARAMETERS = "smpl_params"


class HuMMan(FolderReader):
    """Frames of a data set in HuMMan's layout.

    Args:
        root: the folder that holds the subjects.
        resolution: width of the pictures that `frame` returns, at most the stored one.
        body: the body model that the parameters belong to.
    """

    code = "DATA.HM_PARTS"
    subject_file = CAMERAS
    clip_padding = 0.0

    def __init__(self, root: Path, *, resolution: int = 640, body: BodyArrays) -> None:
        super().__init__(root, resolution=resolution)
        self._cameras: dict[str, dict[int, Camera]] = {}
        self._bodies: dict[tuple[str, int], BodyPose] = {}
        regressor = body.J_regressor[0].astype(np.float64)
        self._root_joint = regressor @ body.v_template
        self._root_shapes = np.einsum("v,vak->ak", regressor, body.shapedirs)

    def views(self, subject: str) -> list[int]:
        """Numbers of the subject's Kinects."""
        return sorted(self._subject_cameras(subject))

    def poses(self, subject: str) -> list[int]:
        """Numbers of the frames that have parameters."""
        files = (self.root / subject / PARAMETERS).glob("*.npz")
        return sorted(int(path.stem) for path in files if path.stem.isdecimal())

    def needed(self, subject: str, pose: int, view: int) -> tuple[Path, ...] | None:
        """Picture, mask and parameters, where there is such a camera."""
        if not (self.root / subject / CAMERAS).is_file() or view not in self._subject_cameras(subject):
            return None
        return (*self._pictures(subject, pose, view), self._parameter_file(subject, pose))

    def stored(self, subject: str, pose: int, view: int) -> Stored:
        """A frame as it lies on disk."""
        cameras = self._subject_cameras(subject)
        if view not in cameras:
            raise self.unknown(self.root / subject / CAMERAS, f"kinect_color_{view:03d}")
        image, mask = self._pictures(subject, pose, view)
        return Stored(image, mask, cameras[view], self.body(subject, pose))

    def body(self, subject: str, pose: int) -> BodyPose:
        """The SMPL parameters of one frame, with the turn in R."""
        if (subject, pose) not in self._bodies:
            path = self._parameter_file(subject, pose)
            expected = "betas (10,), body_pose (69,), global_orient (3,), transl (3,)"
            with dataset_errors(path, "does not hold SMPL parameters as expected", expected, self.code):
                self._bodies[subject, pose] = self._read_body(path)
        return self._bodies[subject, pose]

    def _read_body(self, path: Path) -> BodyPose:
        values = read_numpy(path)
        shapes = field(values, "betas", shapes_of)
        turn = field(values, "global_orient", rotation_of)
        joint = self._root_joint + self._root_shapes @ shapes
        transl = field(values, "transl", lambda value: numbers(value, (3,)))
        pose = field(values, "body_pose", lambda value: numbers(value, (69,)))
        return BodyPose(
            poses=np.concatenate([np.zeros(3, np.float32), pose]),
            shapes=shapes,
            R=turn,
            Th=(transl + joint - turn.astype(np.float64) @ joint).astype(np.float32),
        )

    def _parameter_file(self, subject: str, pose: int) -> Path:
        return self.root / subject / PARAMETERS / f"{pose:06d}.npz"

    def _pictures(self, subject: str, pose: int, view: int) -> tuple[Path, Path]:
        place = Path(f"kinect_{view:03d}") / f"{pose:06d}.png"
        return self.root / subject / "kinect_color" / place, self.root / subject / "kinect_mask" / place

    def _subject_cameras(self, subject: str) -> dict[int, Camera]:
        if subject not in self._cameras:
            self._cameras[subject] = read_cameras(self.root / subject / CAMERAS, "kinect_color_", self.code)
        return self._cameras[subject]

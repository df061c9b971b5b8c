"""HuMMan's layout: ten Kinects, one file of parameters for each pose."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.facts.datasets.body import joints_for, numbers
from checks.facts.datasets.cameras import read_cameras
from checks.facts.datasets.layout import Layout, Listing, Look, Picture
from sherf_core.errors import SherfError
from sherf_core.io.safe_pickle import load_numpy

PARAMETERS = "smpl_params"


class HuMManLayout(Layout):
    """Frames are numbered as they were recorded; a sequence is as long as its last parameters."""

    parts = ("cameras.json", "kinect_color", "kinect_mask", PARAMETERS)

    def _look(self, look: Look, listing: Listing, deep: bool) -> None:
        name, folder = look.subject.name, self.root / look.subject.name
        cameras = read_cameras(folder / "cameras.json", "kinect_color_")
        wanted = range(self.split.views)
        problems = [f"{name}/cameras.json: no kinect_color_{view:03d}" for view in wanted if view not in cameras]
        folders = [f"{kind}/kinect_{view:03d}" for view in wanted for kind in ("kinect_color", "kinect_mask")]
        problems += [f"{name}/{place}" for place in folders if not listing.names(place)]
        frames = [int(stem) for file in listing.names(PARAMETERS) if (stem := file.partition(".")[0]).isdecimal()]
        problems += [] if frames else [f"{name}/{PARAMETERS}/000000.npz"]
        if problems:
            look.incomplete(problems)
            return
        poses = self.poses_of(look.subject, max(frames) + 1)
        fitted = [pose for pose in poses if pose in frames]
        missing = [f"{name}/{PARAMETERS}/{pose:06d}.npz" for pose in poses if pose not in frames]
        for pose in fitted if deep else fitted[:1]:
            try:
                self._parameters(look, pose)
            except (SherfError, KeyError, ValueError, TypeError) as error:
                missing.append(f"{name}/{PARAMETERS}/{pose:06d}.npz: {str(error).splitlines()[0]}")
        look.add("frames_missing", missing, of=len(poses))
        joints = joints_for(folder)
        if joints is not None:
            look.body_points = lambda pose: joints.posed(*self._parameters(look, pose))
        pictures = [
            [
                Picture(
                    pose,
                    f"kinect_color/kinect_{view:03d}/{pose:06d}.png",
                    f"kinect_mask/kinect_{view:03d}/{pose:06d}.png",
                )
                for pose in fitted
            ]
            for view in wanted
        ]
        self.note_pictures(look, listing, [cameras[view] for view in wanted], pictures)

    def _parameters(self, look: Look, pose: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """betas (10,), pose (72,) and translation (3,) of a frame."""
        values: Any = load_numpy(self.root / look.subject.name / PARAMETERS / f"{pose:06d}.npz")
        turns = np.concatenate([numbers(values, "global_orient", (3,)), numbers(values, "body_pose", (69,))])
        return numbers(values, "betas", (-1,))[:10], turns, numbers(values, "transl", (3,))

"""RenderPeople's layout: cameras.json, img/, mask/, outputs_re_fitting/refit_smpl_2nd.npz."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.facts.datasets.body import joints_for, numbers
from checks.facts.datasets.cameras import read_cameras
from checks.facts.datasets.layout import Layout, Listing, Look, Picture
from sherf_core.io.safe_pickle import load_numpy

FITS = "outputs_re_fitting/refit_smpl_2nd.npz"


class RenderPeopleLayout(Layout):
    """36 cameras, one file of fits for all poses."""

    parts = ("cameras.json", "img", "mask", "outputs_re_fitting")

    def _look(self, look: Look, listing: Listing, deep: bool) -> None:
        name, folder = look.subject.name, self.root / look.subject.name
        if not listing.has(FITS):
            look.incomplete([f"{name}/{FITS}"])
            return
        cameras = read_cameras(folder / "cameras.json", "camera")
        wanted = range(self.split.views)
        problems = [f"{name}/cameras.json: no camera{view:04d}" for view in wanted if view not in cameras]
        folders = [f"{kind}/camera{view:04d}" for view in wanted for kind in ("img", "mask")]
        problems += [f"{name}/{place}" for place in folders if not listing.names(place)]
        if problems:
            look.incomplete(problems)
            return
        length = self._fits(look, load_numpy(folder / FITS)["smpl"])
        pictures = [
            [
                Picture(pose, f"img/camera{view:04d}/{pose:04d}.jpg", f"mask/camera{view:04d}/{pose:04d}.png")
                for pose in self.poses_of(look.subject, length)
            ]
            for view in wanted
        ]
        self.note_pictures(look, listing, [cameras[view] for view in wanted], pictures)

    def _fits(self, look: Look, stored: Any) -> int:
        """How many poses are fitted; also how a pose's joints are found."""
        smpl = stored.item() if isinstance(stored, np.ndarray) and stored.ndim == 0 else stored
        length = len(smpl["body_pose"])
        turns = np.concatenate(
            [numbers(smpl, "global_orient", (length, 3)), numbers(smpl, "body_pose", (length, 69))], axis=1
        )
        moves = numbers(smpl, "transl", (length, 3))
        shapes = np.asarray(smpl["betas"], dtype=np.float64)
        shapes = np.broadcast_to(shapes.reshape(-1, shapes.shape[-1])[:, :10], (length, 10))
        joints = joints_for(self.root / look.subject.name)
        if joints is not None:
            look.body_points = lambda pose: joints.posed(shapes[pose], turns[pose], moves[pose])
        return length

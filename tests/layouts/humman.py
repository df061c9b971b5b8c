"""Writes a data set in HuMMan's layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.layouts.person import Person, make_person
from tests.layouts.photographs import cameras_around, save, silhouette


def write_humman(
    root: Path,
    names: Sequence[str],
    *,
    listed: Sequence[str] | None = None,
    size: tuple[int, int] = (64, 36),
    poses: Sequence[int] = (0, 6),
    views: int = 10,
    shape_components: int = 10,
) -> list[Person]:
    """Subjects whose frames have the numbers `poses`, seen by `views` Kinects; pictures of `size` (width, height)."""
    people = []
    root.mkdir(parents=True, exist_ok=True)
    (root / "human_list.txt").write_text("\n".join(names if listed is None else listed) + "\n")
    for seed, name in enumerate(names):
        person = make_person(seed, len(poses))
        _write_subject(root / name, person, size, poses, views, shape_components)
        people.append(person)
    return people


def _write_subject(
    folder: Path, person: Person, size: tuple[int, int], poses: Sequence[int], views: int, shape_components: int
) -> None:
    vertices = [person.vertices(index) for index in range(len(poses))]
    cameras = cameras_around(vertices, views, size)
    for view, camera in enumerate(cameras):
        for pose, points in zip(poses, vertices, strict=True):
            place = Path(f"kinect_{view:03d}") / f"{pose:06d}.png"
            save(folder / "kinect_color" / place, folder / "kinect_mask" / place, silhouette(points, camera, size))
    stored = {
        f"kinect_color_{view:03d}": {"K": camera.K.tolist(), "R": camera.R.tolist(), "T": camera.T.tolist()}
        for view, camera in enumerate(cameras)
    }
    (folder / "cameras.json").write_text(json.dumps(stored))
    (folder / "smpl_params").mkdir()
    for index, pose in enumerate(poses):
        np.savez(
            folder / "smpl_params" / f"{pose:06d}.npz",
            betas=person.stored_shapes(shape_components).astype(np.float32),
            body_pose=person.poses[index, 3:].astype(np.float32),
            global_orient=person.global_orient()[index].astype(np.float32),
            transl=person.transl()[index].astype(np.float32),
        )

"""Writes a data set in RenderPeople's layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.layouts.person import Person, make_person
from tests.layouts.photographs import cameras_around, save, silhouette


def write_renderpeople(
    root: Path,
    names: Sequence[str],
    *,
    listed: Sequence[str] | None = None,
    size: int = 32,
    frames: int = 1,
    views: int = 36,
    shape_components: int = 10,
) -> list[Person]:
    """Subjects with `frames` poses seen by `views` cameras; `listed` is what human_list.txt names, by default them."""
    people = []
    root.mkdir(parents=True, exist_ok=True)
    (root / "human_list.txt").write_text("\n".join(names if listed is None else listed) + "\n")
    for seed, name in enumerate(names):
        person = make_person(seed, frames)
        _write_subject(root / name, person, size, views, shape_components)
        people.append(person)
    return people


def _write_subject(folder: Path, person: Person, size: int, views: int, shape_components: int) -> None:
    vertices = [person.vertices(pose) for pose in range(len(person.poses))]
    cameras = cameras_around(vertices, views, (size, size))
    for view, camera in enumerate(cameras):
        for pose, points in enumerate(vertices):
            place = Path(f"camera{view:04d}") / f"{pose:04d}.jpg"
            mask = folder / "mask" / place.with_suffix(".png")
            save(folder / "img" / place, mask, silhouette(points, camera, (size, size)))
    stored = {
        f"camera{view:04d}": {"K": camera.K.tolist(), "R": camera.R.tolist(), "T": camera.T.tolist()}
        for view, camera in enumerate(cameras)
    }
    (folder / "cameras.json").write_text(json.dumps(stored))
    (folder / "outputs_re_fitting").mkdir()
    fits = {
        "betas": person.stored_shapes(shape_components)[None].astype(np.float32),
        "global_orient": person.global_orient().astype(np.float32),
        "body_pose": person.poses[:, 3:].astype(np.float32),
        "transl": person.transl().astype(np.float32),
    }
    np.savez(folder / "outputs_re_fitting" / "refit_smpl_2nd.npz", smpl=fits)  # type: ignore[arg-type]

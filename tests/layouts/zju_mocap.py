"""Writes a data set in ZJU-MoCap's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.layouts.annotated import write_annotations, write_bodies, write_photographs
from tests.layouts.person import Person, make_person
from tests.layouts.photographs import cameras_around

ODD_SUBJECTS = ("CoreView_313", "CoreView_315")
MILLIMETRES = 1000.0


def write_zju_mocap(
    root: Path,
    names: Sequence[str],
    *,
    size: int = 32,
    frames: int = 1,
    views: int = 21,
    refine: bool = False,
    short_names: bool = True,
    shape_components: int = 10,
) -> list[Person]:
    """Subjects with `frames` poses seen by `views` cameras.

    Args:
        root: the data set's folder.
        names: subjects to write, such as CoreView_377.
        size: side of the pictures.
        frames: poses of each subject.
        views: cameras.
        refine: write the annotations of the 'refine' release, which list no picture.
        short_names: name the pictures of 313 and 315 by the fifth field of their annotated names, as most copies do.
        shape_components: of the bodies; the first ten count.
    """
    people = []
    for seed, name in enumerate(names):
        person, folder, odd = make_person(seed, frames), root / name, name in ODD_SUBJECTS
        vertices = [person.vertices(pose) for pose in range(frames)]
        cameras = cameras_around(vertices, views, (size, size))
        annotated = [[_annotated(name, view, pose, odd) for view in range(views)] for pose in range(frames)]
        stored = [[_short(path) for path in pose] for pose in annotated] if odd and short_names else annotated
        write_photographs(folder, vertices, cameras, stored, size)
        write_annotations(folder, cameras, [[] for _ in annotated] if refine else annotated, metre=MILLIMETRES)
        first = 1 if odd else 0
        write_bodies(
            folder,
            "new_params",
            person,
            range(first, first + frames),
            {"Rh": person.global_orient()[:, None]},
            shape_components,
        )
        people.append(person)
    return people


def _annotated(name: str, view: int, pose: int, odd: bool) -> str:
    if odd:
        return f"Camera ({view + 1})/{name}_Camera_({view + 1})_{pose + 1:04d}_2019-08-23_16-08-50.592.jpg"
    return f"Camera_B{view + 1}/{pose:06d}.jpg"


def _short(path: str) -> str:
    folder, name = path.split("/")
    return f"{folder}/{name.split('_')[4]}.jpg"

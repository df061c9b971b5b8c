"""Writes a data set in THuman's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.layouts.annotated import write_annotations, write_bodies, write_photographs
from tests.layouts.person import Person, make_person
from tests.layouts.photographs import NO_LENS, Lens, cameras_around


def write_thuman(
    root: Path,
    names: Sequence[str],
    *,
    listed: Sequence[str] | None = None,
    size: int = 32,
    frames: int = 1,
    views: int = 24,
    backslashes: bool = False,
    lens: Lens = NO_LENS,
    shape_components: int = 10,
) -> list[Person]:
    """Subjects with `frames` poses seen by `views` cameras through a lens.

    Args:
        root: the data set's folder.
        names: subjects to write.
        listed: what human_list.txt names, by default them.
        size: side of the pictures.
        frames: poses of each subject.
        views: cameras.
        backslashes: write the annotations' paths as Windows does.
        lens: bends the pictures; its coefficients are in the annotations.
        shape_components: of the bodies; the first ten count.
    """
    people = []
    root.mkdir(parents=True, exist_ok=True)
    (root / "human_list.txt").write_text("\n".join(names if listed is None else listed) + "\n")
    for seed, name in enumerate(names):
        person, folder = make_person(seed, frames), root / name
        vertices = [person.vertices(pose) for pose in range(frames)]
        cameras = cameras_around(vertices, views, (size, size))
        paths = [[f"images/{view:02d}/{pose:04d}.jpg" for view in range(views)] for pose in range(frames)]
        write_photographs(folder, vertices, cameras, paths, size, lens)
        written = [[path.replace("/", "\\") for path in pose] for pose in paths] if backslashes else paths
        write_annotations(folder, cameras, written, lens=lens)
        write_bodies(folder, "new_params_neutral", person, range(frames), {"R": person.R}, shape_components)
        people.append(person)
    return people

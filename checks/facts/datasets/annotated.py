"""The two layouts with an annots.npy: THuman and ZJU-MoCap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from checks.facts.datasets.annotations import NAME, Annotations, read_annotations
from checks.facts.datasets.layout import Layout, Listing, Look, Picture, Subject
from sherf_core.errors import SherfError
from sherf_core.io.safe_pickle import load_numpy

VERTICES = "new_vertices"
MASKS = "mask_cihp"
# So many points tell as much as all 6,890.
POINTS = 700
Frame = Callable[[Listing, Picture], str]
"""The file of vertices that belongs to a picture."""


class AnnotatedLayout(Layout):
    """A subject whose pictures and cameras are named in its annotations."""

    def survey(self, subject: Subject) -> Look:
        """Also tells whether the annotations are there."""
        look = super().survey(subject)
        there = NAME in Listing(self.root / subject.name).names("")
        look.add("annotations_missing", [] if there else [f"{subject.name}/{NAME}"], of=1)
        return look

    def read(self, look: Look, *, unit: float = 1.0, lenses: bool = False) -> Annotations | None:
        """The annotations, None where they cannot be read, which is noted."""
        try:
            annotations = read_annotations(self.root / look.subject.name / NAME, unit=unit, lenses=lenses)
        except (SherfError, ValueError) as error:
            found = error.found if isinstance(error, SherfError) else f"{look.subject.name}/{NAME}: {error}"
            self._unusable(look, found)
            return None
        look.add("backslashes", [f"{look.subject.name}/{NAME}"] if annotations.has_backslashes else [], of=1)
        return annotations

    @staticmethod
    def _unusable(look: Look, problem: str) -> None:
        look.add("annotations_missing", [problem], of=0)

    def wanted(
        self, annotations: Annotations, poses: list[int], name_of: Callable[[str], str | None]
    ) -> list[list[Picture]]:
        """The split's pictures, by view; a path that leads out of the folder stands as it is and is never there."""
        views = []
        for view in range(self.split.views):
            paths = [(pose, annotations.pictures[pose][view]) for pose in poses]
            pictures = [(pose, name_of(path) or f"outside/{path}") for pose, path in paths]
            views.append([Picture(pose, path, _mask_of(path)) for pose, path in pictures])
        return views

    def follow_bodies(
        self,
        look: Look,
        listing: Listing,
        pictures: list[list[Picture]],
        frame: Frame,
        *,
        deep: bool,
        parameters: str = "",
    ) -> None:
        """Note poses without a body, and how vertices are found.

        Args:
            look: of the subject.
            listing: of its folder.
            pictures: by view.
            frame: names a pose's file of vertices.
            deep: read the files of every pose, not of the first alone.
            parameters: folder of the parameters, whose files are called like those of the vertices; "" asks for none.
        """
        files = {picture.pose: frame(listing, picture) for picture in pictures[0]}
        problems = []
        for number, path in enumerate(files.values()):
            try:
                self._body_file(look, listing, path, read=deep or number == 0, parameters=parameters)
            except (SherfError, ValueError, TypeError) as error:
                problems.append(str(error).splitlines()[0])
        look.add("frames_missing", problems, of=len(files))
        look.body_points = lambda pose: self._vertices(look.subject.name, files[pose])

    def _body_file(self, look: Look, listing: Listing, path: str, *, read: bool, parameters: str) -> None:
        others = [path.replace(VERTICES, parameters, 1)] if parameters else []
        for wanted in (path, *others):
            if not listing.has(wanted):
                raise ValueError(f"{look.subject.name}/{wanted}")
        if read:
            self._vertices(look.subject.name, path)
            for wanted in others:
                load_numpy(self.root / look.subject.name / wanted)

    def _vertices(self, name: str, path: str) -> np.ndarray:
        vertices = np.asarray(load_numpy(self.root / name / path), dtype=np.float64)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.isfinite(vertices).all():
            raise ValueError(f"{name}/{path}: an array of shape {vertices.shape}, or not all of it finite")
        return vertices[:: max(1, len(vertices) // POINTS)]


def _mask_of(image: str) -> str:
    return str(PurePosixPath(MASKS) / PurePosixPath(image).with_suffix(".png"))

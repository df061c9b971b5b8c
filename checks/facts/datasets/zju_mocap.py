"""ZJU-MoCap's layout: twenty and more cameras, annotations, and two subjects with other names."""

from __future__ import annotations

from pathlib import PurePosixPath

from checks.facts.datasets.annotated import MASKS, VERTICES, AnnotatedLayout
from checks.facts.datasets.annotations import NAME, Annotations, inside
from checks.facts.datasets.layout import Listing, Look, Picture, Subject

PARAMETERS = "new_params"
ODD_SUBJECTS = ("CoreView_313", "CoreView_315")
ODD_FIELD = 4
"""The field, counted from 0, of an annotated name that the picture may be called after."""


class ZjuMocapLayout(AnnotatedLayout):
    """Twenty and more cameras; translations in millimetres; two subjects whose pictures have other names."""

    parts = (MASKS, VERTICES, PARAMETERS)

    def survey(self, subject: Subject) -> Look:
        """A folder without annotations is not asked for more."""
        if NAME not in Listing(self.root / subject.name).names(""):
            look = Look(subject)
            look.add("annotations_missing", [f"{subject.name}/{NAME}"], of=1)
            return look
        return super().survey(subject)

    def _look(self, look: Look, listing: Listing, deep: bool) -> None:
        name = look.subject.name
        annotations = self.read(look, unit=0.001)
        if annotations is None:
            return
        empty = not annotations.pictures or not any(annotations.pictures)
        look.add("empty_annotations", [f"{name}/{NAME}"] if empty else [], of=1)
        if empty:
            return
        few = annotations.views < self.split.views
        found = f"{name}: {annotations.views} cameras, {self.split.views} are used"
        look.add("few_cameras", [found] if few else [], of=1)
        if few:
            return
        poses = self.poses_of(look.subject, len(annotations.pictures))
        odd = name in ODD_SUBJECTS
        pictures = self.wanted(annotations, poses, (lambda path: _odd_name(listing, path)) if odd else inside)
        if odd and not self._note_odd_names(look, listing, annotations, poses, pictures):
            return
        self.follow_bodies(look, listing, pictures, _vertex_file, deep=deep, parameters=PARAMETERS)
        self.note_pictures(look, listing, annotations.cameras[: self.split.views], pictures)

    def _note_odd_names(
        self, look: Look, listing: Listing, annotations: Annotations, poses: list[int], pictures: list[list[Picture]]
    ) -> bool:
        """Tally the first picture of each camera by the name that it has; False where most are there under neither."""
        first = [(annotations.pictures[poses[0]][view], pictures[view][0].image) for view in range(self.split.views)]
        other = [f"{look.subject.name}/{path}" for named, path in first if path != inside(named) and listing.has(path)]
        neither = [f"{look.subject.name}/{path}" for named, path in first if not listing.has(path)]
        look.add("odd_names", other, of=len(first))
        # A camera or two may be incomplete; names that do not fit are those of nearly all.
        lost = 2 * len(neither) > len(first)
        look.add("names_unfound", neither if lost else [], of=len(first))
        return not lost


def _odd_name(listing: Listing, path: str) -> str | None:
    """The picture as it is named on disk: as annotated, or after the fifth field of that name."""
    plain = inside(path)
    if plain is None or listing.has(plain):
        return plain
    fields = PurePosixPath(plain).name.split("_")
    if len(fields) <= ODD_FIELD:
        return plain
    return str(PurePosixPath(plain).with_name(f"{PurePosixPath(fields[ODD_FIELD]).stem}.jpg"))


def _vertex_file(listing: Listing, picture: Picture) -> str:
    """Numbered as the picture is where there is such a file (313 and 315 count from 1), else by the pose."""
    stem = PurePosixPath(picture.image).stem
    fields = stem.split("_")
    number = fields[ODD_FIELD] if len(fields) > ODD_FIELD else stem
    named = f"{VERTICES}/{int(number)}.npy" if number.isdecimal() else ""
    return named if named and listing.has(named) else f"{VERTICES}/{picture.pose}.npy"

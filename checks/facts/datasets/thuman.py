"""THuman's layout: a multi-view rendering of scans, with annotations."""

from __future__ import annotations

from checks.facts.datasets.annotated import MASKS, VERTICES, AnnotatedLayout
from checks.facts.datasets.annotations import NAME, inside
from checks.facts.datasets.layout import Listing, Look, Picture, Subject
from sherf_core.errors import SherfError
from sherf_core.io.safe_pickle import load_numpy


class THumanLayout(AnnotatedLayout):
    """24 rendered views of each pose; parameters are a download of their own."""

    parts = (MASKS, VERTICES)
    parameters = "new_params_neutral"

    def survey(self, subject: Subject) -> Look:
        """A folder without parameters lacks those of every pose; one without annotations is no rendering at all."""
        names = Listing(self.root / subject.name).names("")
        look = super().survey(subject) if NAME in names else Look(subject)
        if NAME not in names:
            look.add("annotations_missing", [f"{subject.name}/{NAME}"], of=1)
        elif self.parameters not in names:
            poses = self.poses_of(subject, max(self.split.train_poses) + 1)
            look.add(
                "parameters_missing",
                [f"{subject.name}/{self.parameters}/{pose}.npy" for pose in poses],
                of=len(poses),
            )
        return look

    def _look(self, look: Look, listing: Listing, deep: bool) -> None:
        annotations = self.read(look, lenses=True)
        if annotations is None:
            return
        if not annotations.pictures or annotations.views < self.split.views:
            found = f"{annotations.views} views of {len(annotations.pictures)} poses, {self.split.views} views wanted"
            self._unusable(look, f"{look.subject.name}/{NAME}: {found}")
            return
        poses = self.poses_of(look.subject, len(annotations.pictures))
        if self.parameters in listing.names(""):
            self._note_parameters(look, listing, poses, deep)
        pictures = self.wanted(annotations, poses, inside)
        self.follow_bodies(look, listing, pictures, _vertex_file, deep=deep)
        self.note_pictures(look, listing, annotations.cameras[: self.split.views], pictures)

    def _note_parameters(self, look: Look, listing: Listing, poses: list[int], deep: bool) -> None:
        files = [f"{self.parameters}/{pose}.npy" for pose in poses]
        missing = [f"{look.subject.name}/{path}" for path in files if not listing.has(path)]
        there = [path for path in files if listing.has(path)]
        for path in there if deep else there[:1]:
            try:
                load_numpy(self.root / look.subject.name / path)
            except SherfError as error:
                missing.append(error.found)
        look.add("parameters_missing", missing, of=len(files))


def _vertex_file(_listing: Listing, picture: Picture) -> str:
    return f"{VERTICES}/{picture.pose}.npy"

"""Looks through own data before anything runs on it: data.json, pictures and masks, and whether the bodies fit them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body
from sherf_core.data.images import picture_size, read_mask
from sherf_core.data.locations import find_body
from sherf_core.data.own.layout import EMBEDDED_BODY, OwnFrame, OwnPeople, OwnPerson, parse_own
from sherf_core.data.own.problems import Problem
from sherf_core.data.people.skeleton import joint_transforms, pose_feature, skin
from sherf_core.data.records import BodyPose
from sherf_core.errors import DatasetError, SherfError

LEAST_WIDTH = 64
# Hands and feet of a good fit may lie outside of a mask; half a body outside is another body, unit or camera.
LEAST_INSIDE = 0.7
FARTHEST_METRES = 100.0


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        problems: everything to mend, errors and warnings, in the file's order.
        people: how many could be read.
        frames: theirs.
        inside: the share of each frame's projected vertices that lie in its mask, by field; empty where the body model
            was not there.
        notes: what was not looked at.
    """

    problems: tuple[Problem, ...]
    people: int
    frames: int
    inside: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many problems would stop or spoil a run."""
        return sum(problem.severity == "error" for problem in self.problems)


def check_own(folder: Path, body_file: Path | None = None) -> Checked:
    """Check a folder with a data.json, whatever is wrong with it.

    Args:
        folder: with a data.json.
        body_file: the SMPL model; None looks in the usual places. Data on the embedded body needs none.
    """
    found, problems = parse_own(folder)
    if found is None:
        return Checked(tuple(problems), 0, 0, {})
    arrays, notes = _body_of(found, body_file)
    inside: dict[str, float] = {}
    for person in found.people:
        for frame in person.frames:
            problems += _check_frame(found.file, frame, arrays, inside)
    if not any(person.use != "train" for person in found.people) and found.people:
        problems.append(
            Problem(
                found.file,
                "people",
                'has "use": "train" for everybody',
                "somebody to evaluate",
                'write "use": "test" or "both" for one person, or leave it away',
                "warning",
            )
        )
    notes += [f"{name} has one picture: an evaluation renders its own view" for name in _alone(found.people)]
    return Checked(
        tuple(problems), len(found.people), sum(len(person.frames) for person in found.people), inside, tuple(notes)
    )


def _alone(people: tuple[OwnPerson, ...]) -> list[str]:
    return [person.name for person in people if len(person.frames) == 1]


def _body_of(found: OwnPeople, body_file: Path | None) -> tuple[BodyArrays | None, list[str]]:
    path = None if found.body == EMBEDDED_BODY else body_file or find_body()
    if path is None and found.body != EMBEDDED_BODY:
        return None, ["whether bodies and masks fit was not checked: it needs SMPL_NEUTRAL.pkl (or --body FILE)"]
    try:
        return load_body(path), []
    except SherfError as error:
        return None, [f"whether bodies and masks fit was not checked: {error.found}"]


def _check_frame(file: Path, frame: OwnFrame, arrays: BodyArrays | None, inside: dict[str, float]) -> list[Problem]:
    problems = []
    sizes = []
    for name, path in (("image", frame.image), ("mask", frame.mask)):
        try:
            sizes.append(picture_size(path))
        except DatasetError as error:
            there = path.is_file()
            fix = "save the picture again, as PNG or JPEG" if there else "put the file there, or mend the path"
            problems.append(Problem(file, f"{frame.field}.{name}", error.found, "a picture file", fix))
    if problems:
        return problems
    (width, height), mask_size = sizes
    if (width, height) != mask_size:
        found = f"is {mask_size[0]}x{mask_size[1]} pixels, its image {width}x{height}"
        fix = "save the mask in the image's size, without turning it"
        return [Problem(file, f"{frame.field}.mask", found, "the size of its image", fix)]
    if width < LEAST_WIDTH:
        found, fix = f"is {width} pixels wide", "take a larger picture"
        problems.append(Problem(file, f"{frame.field}.image", found, f"{LEAST_WIDTH} pixels or more", fix))
    try:
        mask = read_mask(frame.mask)
    except DatasetError as error:
        return [Problem(file, f"{frame.field}.mask", error.found, "a picture file", "save it again, as PNG")]
    if not mask.any() or mask.all():
        found = "covers the whole picture" if mask.any() else "is empty"
        fix = "write a picture that is black, 0, everywhere but on the person"
        return [*problems, Problem(file, f"{frame.field}.mask", found, "non-zero on the person, 0 elsewhere", fix)]
    if arrays is not None:
        problems += _check_fit(file, frame, arrays, mask, inside)
    return problems


def _check_fit(
    file: Path,
    frame: OwnFrame,
    arrays: BodyArrays,
    mask: Bool[np.ndarray, "H W"],
    inside: dict[str, float],
) -> list[Problem]:
    vertices = body_vertices(arrays, frame.body)
    camera = frame.camera
    seen = vertices @ camera.R.T.astype(np.float64) + camera.T
    depth = float(np.median(seen[:, 2]))
    if (seen[:, 2] <= 0).any():
        inside[frame.field] = 0.0
        near, far = seen[:, 2].min(), seen[:, 2].max()
        found = f"puts the body behind the camera or through it (depth {near:.3g} to {far:.3g} m)"
        expected = "x_cam = R x + T with z forward, the body in front"
        fix = "many programs write the camera's own position or the inverse: T is -R times the position; check units"
        return [Problem(file, f"{frame.field}.T", found, expected, fix)]
    pixels = np.rint(seen[:, :2] / seen[:, 2:] @ camera.K[:2, :2].T + camera.K[:2, 2]).astype(np.int64)
    height, width = mask.shape
    within = (pixels >= 0).all(axis=1) & (pixels < [width, height]).all(axis=1)
    share = float(mask[pixels[within, 1], pixels[within, 0]].sum()) / len(pixels)
    inside[frame.field] = round(share, 4)
    if share >= LEAST_INSIDE:
        return []
    found = f"{share:.0%} of the projected body lies in the mask, {within.mean():.0%} in the picture"
    fix = "check K (of the stored size?), R and T (x_cam = R x + T), units, and that the fit belongs to this picture"
    if depth > FARTHEST_METRES:
        fix = f'the body is {depth:.0f} m away: are lengths in millimetres? write "units": "millimetres"'
    return [Problem(file, frame.field, found, f"{LEAST_INSIDE:.0%} or more", fix, "warning")]


def body_vertices(arrays: BodyArrays, body: BodyPose) -> Float[np.ndarray, "V 3"]:
    """The body in the world, by numpy alone."""
    rotations = Rotation.from_rotvec(body.poses.reshape(24, 3).astype(np.float64)).as_matrix()
    shaped = arrays.v_template + arrays.shapedirs.astype(np.float64) @ body.shapes
    rest = shaped + arrays.posedirs.astype(np.float64) @ pose_feature(rotations)
    posed = skin(rest, arrays.weights, joint_transforms(rotations, arrays.J_regressor @ shaped))
    return posed @ body.R.T.astype(np.float64) + body.Th

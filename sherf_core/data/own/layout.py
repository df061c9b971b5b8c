"""`data.json`: the user's own people in one file; docs/own-data.md describes it.

    {"format": 1, "units": "metres", "body": "SMPL",
     "people": {"ann": {"observe": 0, "use": "test",
                        "frames": [{"image": "ann/front.jpg", "mask": "ann/front.png", "pose": 0, "view": 0,
                                    "K": 3x3, "R": 3x3, "T": 3 numbers, "smpl": {...}}, ...]}}}

`smpl` is either {poses 72, shapes 10, R 3x3, Th 3} or SMPL's own {global_orient 3, body_pose 69, betas 10, transl 3}.
Reading goes through the whole file and collects every problem, so that all of them can be mended at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.data.images import picture_size
from sherf_core.data.own.problems import Place, Problem
from sherf_core.data.parameters import numbers, shapes_of
from sherf_core.data.records import BodyPose, Camera
from sherf_core.data.splits import Split
from sherf_core.errors import DatasetError

OWN = "own"
"""The data set's name on the command line."""
FILE = "data.json"
FORMAT = 1
UNITS = {"metres": 1.0, "millimetres": 1000.0}
SMPL_BODY, EMBEDDED_BODY = "SMPL", "embedded"
USES = ("test", "train", "both")
USUAL_WIDTH = 512
# Rounded to four digits, as people write matrices, rows are off by a few thousandths.
ROTATION_TOLERANCE = 5e-3

_FILE_KEYS = ("format", "units", "body", "people")
_PERSON_KEYS = ("frames", "observe", "use")
_FRAME_KEYS = ("image", "mask", "pose", "view", "K", "R", "T", "smpl")
_PLAIN_KEYS = ("poses", "shapes", "R", "Th")
_SMPL_KEYS = ("global_orient", "body_pose", "betas", "transl")


@dataclass(frozen=True)
class OwnFrame:
    """One picture of a person; `field` is where data.json tells of it."""

    pose: int
    view: int
    image: Path
    mask: Path
    camera: Camera
    body: BodyPose
    field: str


@dataclass(frozen=True)
class OwnPerson:
    """A person's frames, and which of them is observed."""

    name: str
    frames: tuple[OwnFrame, ...]
    observed: int
    use: str


@dataclass(frozen=True)
class OwnPeople:
    """What a data.json tells.

    Attributes:
        file: the data.json.
        body: "SMPL" or "embedded": the model that the parameters belong to.
        people: in the file's order.
    """

    file: Path
    body: str
    people: tuple[OwnPerson, ...]

    @property
    def split(self) -> Split:
        """Which frame of each person is observed and which are rendered; a lone frame is rendered from its own view."""
        test = tuple(person.name for person in self.people if person.use != "train")
        return Split(
            dataset=OWN,
            resolution=self._width(),
            train_subjects=tuple(person.name for person in self.people if person.use != "test"),
            train_poses=(),
            test_subjects=test,
            observation_views=(),
            novel_view_poses=(),
            novel_view_targets=(),
            novel_pose_observation=0,
            novel_pose_poses=(),
            novel_pose_targets=(),
            short_code="",
            pairs={person.name: _pairs(person) for person in self.people},
            frames={person.name: [(frame.pose, frame.view) for frame in person.frames] for person in self.people},
        )

    def _width(self) -> int:
        widths = [USUAL_WIDTH]
        for person in self.people:
            for frame in person.frames:
                try:
                    widths.append(picture_size(frame.image)[0])
                except DatasetError:
                    continue  # a missing or broken picture is told of when it is read
        return min(widths)


def read_own(folder: Path) -> OwnPeople:
    """The people of a folder with a data.json.

    Raises:
        DatasetError: there is none, or it has problems; the message counts them and shows the first.
    """
    found, problems = parse_own(folder)
    if found is None or problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DatasetError(
            f"{first.file}: {first.field + ': ' if first.field else ''}{first.found}{more}",
            expected=first.expected,
            fix=f"sherfctl data check {folder}",
            code="DATA.MISSING" if not (folder / FILE).is_file() else "",
            path=first.file,
        )
    return found


def parse_own(folder: Path) -> tuple[OwnPeople | None, list[Problem]]:
    """Read a data.json to its end: what it holds, None where nothing of use, and every problem."""
    path = Path(folder) / FILE
    problems: list[Problem] = []
    root = Place(path, "", problems)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        root.note("is missing", "a file that lists your people", "`sherfctl data example DIR` writes one to imitate")
        return None, problems
    except (OSError, ValueError, RecursionError) as error:
        root.note(f"cannot be read: {error}", "a JSON file", "mend what the message names; commas are easily missed")
        return None, problems
    if not root.is_table(content, _FILE_KEYS):
        return None, problems
    if content.get("format") != FORMAT:
        root.at("format").note(f"is {content.get('format')!r}", str(FORMAT), 'write "format": 1')
    metre = UNITS[root.at("units").choice(content.get("units", "metres"), tuple(UNITS))]
    body = root.at("body").choice(content.get("body", SMPL_BODY), (SMPL_BODY, EMBEDDED_BODY))
    place, people = root.at("people"), []
    if place.is_table(content.get("people"), None):
        if not content["people"]:
            place.note("names nobody", "one person or more", "add a person with frames")
        people = [_person(place.at(name), name, value, metre) for name, value in content["people"].items()]
    return OwnPeople(path, body, tuple(person for person in people if person is not None)), problems


def _person(place: Place, name: str, value: Any, metre: float) -> OwnPerson | None:
    if not place.is_table(value, _PERSON_KEYS):
        return None
    listed = value.get("frames")
    if not isinstance(listed, list) or not listed:
        place.at("frames").note("is no list of frames", "one frame or more", "add a picture of this person")
        return None
    frames, taken = [], set()
    for index, entry in enumerate(listed):
        at = place.at("frames", index)
        frame = _frame(at, entry, index, metre)
        if frame is None:
            continue
        if (frame.pose, frame.view) in taken:
            at.note(
                f"is pose {frame.pose}, view {frame.view}, as another frame is",
                "a pose number for each moment and a view number for each camera",
                "give pictures of one moment the same pose and different views",
            )
        taken.add((frame.pose, frame.view))
        frames.append(frame)
    observed = place.at("observe").whole(value.get("observe", 0))
    if observed >= len(listed):
        place.at("observe").note(
            f"is {observed}, and there are {len(listed)} frames",
            f"0 to {len(listed) - 1}: the frame that the model sees",
            "count frames from 0",
        )
    use = place.at("use").choice(value.get("use", USES[0]), USES)
    complete = len(frames) == len(listed) and observed < len(frames)
    return OwnPerson(name, tuple(frames), observed, use) if complete else None


def _frame(place: Place, value: Any, index: int, metre: float) -> OwnFrame | None:
    if not place.is_table(value, _FRAME_KEYS):
        return None
    before = len(place.problems)
    pose, view = place.at("pose").whole(value.get("pose", index)), place.at("view").whole(value.get("view", 0))
    image, mask = place.at("image").file_named(value.get("image")), place.at("mask").file_named(value.get("mask"))
    K = _intrinsics(place.at("K"), value.get("K"))
    R = _rotation(place.at("R"), value.get("R"))
    T = place.at("T").numbers(value.get("T"), (3,))
    body = _body(place.at("smpl"), value.get("smpl"), metre)
    if len(place.problems) > before or image is None or mask is None or body is None:
        return None
    return OwnFrame(pose, view, image, mask, Camera(K, R, T / np.float32(metre)), body, place.field)


def _intrinsics(place: Place, value: Any) -> np.ndarray:
    K = place.numbers(value, (3, 3))
    if K[0, 0] <= 0 or K[1, 1] <= 0 or not np.allclose(K[2], [0, 0, 1]) or abs(K[1, 0]) > 0:
        place.note(
            f"is {K.tolist()}",
            "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels of the stored picture, fx and fy positive",
            "write K by rows; a camera that looks along -z or has y upwards needs its R and T turned, not K",
        )
    return K


def _rotation(place: Place, value: Any) -> np.ndarray:
    R = place.numbers(value, (3, 3))
    error = float(np.abs(R @ R.T - np.eye(3)).max())
    if error > ROTATION_TOLERANCE:
        place.note(
            f"is no rotation: R R^T differs from the identity by {error:.3g}",
            "three orthogonal rows of length 1",
            "write the matrix by rows with five digits or more; an axis-angle vector is not meant here",
        )
    elif np.linalg.det(R) < 0:
        place.note(
            "mirrors: its determinant is -1",
            "a rotation, determinant +1",
            "negate the row (or column) that turns the camera's axes to x right, y down, z forward",
        )
    return R


def _body(place: Place, value: Any, metre: float) -> BodyPose | None:
    if not isinstance(value, Mapping):
        place.note("is no table", f"{{{', '.join(_PLAIN_KEYS)}}} or {{{', '.join(_SMPL_KEYS)}}}", "add the SMPL fit")
        return None
    plain = "poses" in value
    keys = _PLAIN_KEYS if plain else _SMPL_KEYS
    place.is_table(value, keys)
    shapes = place.at(keys[1 if plain else 2]).converted(
        value.get("shapes" if plain else "betas"), shapes_of, "10 numbers or more", np.zeros(10, np.float32)
    )
    if plain:
        return BodyPose(
            poses=place.at("poses").numbers(value.get("poses"), (72,)),
            shapes=shapes,
            R=_rotation(place.at("R"), value.get("R")),
            Th=place.at("Th").numbers(value.get("Th"), (3,)) / np.float32(metre),
        )
    root = place.at("global_orient").numbers(value.get("global_orient"), (3,))
    joints = place.at("body_pose").numbers(value.get("body_pose"), (69,))
    return BodyPose(
        poses=np.concatenate([root, joints]),
        shapes=shapes,
        R=numbers(np.eye(3), (3, 3)),
        Th=place.at("transl").numbers(value.get("transl"), (3,)) / np.float32(metre),
    )


def _pairs(person: OwnPerson) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    names = [(frame.pose, frame.view) for frame in person.frames]
    seen = names[person.observed]
    return [(seen, name) for name in names if name != seen] or [(seen, seen)]

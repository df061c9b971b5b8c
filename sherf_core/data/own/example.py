"""Writes an example of own data: two of the demo's people, to imitate."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.data.own.layout import EMBEDDED_BODY, FILE, FORMAT
from sherf_core.data.reader import Stored
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.errors import DatasetError
from sherf_core.io.atomic import write_json

DEMO_ROOT = Path(__file__).parents[1] / "demo"
# A person seen from several sides in two poses, and one with a single picture: (subject, frames as pose and view).
PEOPLE = {"dora": ("person_0002", ((0, 0), (0, 10), (0, 26), (1, 33))), "paul": ("person_0001", ((0, 0),))}


def write_example(folder: Path) -> Path:
    """Write the folder, whole or not at all, and return its data.json.

    Raises:
        DatasetError: something lies there already.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(
            f"{folder} is there already and not empty",
            expected="a new folder",
            fix="name another one: sherfctl data example DIR",
            path=folder,
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        made = Path(temporary) / folder.name
        made.mkdir()
        reader = RenderPeople(DEMO_ROOT)
        people = {
            name: {"observe": 0, "use": "test", "frames": _frames(made, name, reader, subject, numbers)}
            for name, (subject, numbers) in PEOPLE.items()
        }
        content = {"format": FORMAT, "units": "metres", "body": EMBEDDED_BODY, "people": people}
        write_json(made / FILE, content)
        if folder.is_dir():
            folder.rmdir()
        os.replace(made, folder)
    return folder / FILE


def _frames(
    folder: Path, name: str, reader: RenderPeople, subject: str, numbers: tuple[tuple[int, int], ...]
) -> list[dict[str, Any]]:
    (folder / name).mkdir()
    frames = []
    for index, (pose, view) in enumerate(numbers):
        stored = reader.stored(subject, pose, view)
        image, mask = f"{name}/pose{pose}-view{view}.jpg", f"{name}/pose{pose}-view{view}-mask.png"
        shutil.copyfile(stored.image, folder / image)
        shutil.copyfile(stored.mask, folder / mask)
        frames.append(
            {
                "image": image,
                "mask": mask,
                "pose": pose,
                "view": view,
                "K": _plain(stored.camera.K),
                "R": _plain(stored.camera.R),
                "T": _plain(stored.camera.T),
                "smpl": _smpl(stored) if index % 2 == 0 else _turned(stored),
            }
        )
    return frames


def _smpl(stored: Stored) -> dict[str, Any]:
    """SMPL's own names: the turn of the whole body is the first rotation."""
    body = stored.body
    return {
        "global_orient": _plain(body.poses[:3]),
        "body_pose": _plain(body.poses[3:]),
        "betas": _plain(body.shapes),
        "transl": _plain(body.Th),
    }


def _turned(stored: Stored) -> dict[str, Any]:
    """The other spelling, with all 24 rotations in one list and a turn about the origin, which is none here."""
    body = stored.body
    return {"poses": _plain(body.poses), "shapes": _plain(body.shapes), "R": _plain(body.R), "Th": _plain(body.Th)}


def _plain(values: np.ndarray) -> Any:
    """Lists of numbers as short as float32 allows."""
    if values.ndim > 1:
        return [_plain(row) for row in values]
    return [float(str(value)) for value in values]

"""Where a body's joints are: enough of the body model to see whether it lies on the person, without torch."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.body.files import load_body
from sherf_core.data.locations import find_body
from sherf_core.errors import SherfError

MADE_HERE = "people.json"
"""In the folder of a person that `sherfctl make-people` made, who is made on the embedded body."""
_LOADING = threading.Lock()


class Joints:
    """The joints of a body model in any shape and pose.

    Args:
        path: the body's file, None for the embedded one.

    Raises:
        BodyFileError: the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        body = load_body(path)
        self._rest = body.J_regressor @ body.v_template
        self._shapes = np.einsum("jv,vak->jak", body.J_regressor, body.shapedirs, optimize=True)
        self._parents = [int(parent) for parent in body.parents]

    def posed(self, betas: np.ndarray, poses: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Joints (24, 3) of shapes (10,) and axis-angles (72,), the root's rotation among them, moved by (3,)."""
        rest = self._rest + self._shapes @ betas
        rotations = [_rotation(vector) for vector in poses.reshape(24, 3)]
        turned, placed = [rotations[0]], [rest[0]]
        for joint in range(1, 24):
            parent = self._parents[joint]
            turned.append(turned[parent] @ rotations[joint])
            placed.append(placed[parent] + turned[parent] @ (rest[joint] - rest[parent]))
        return np.stack(placed) + translation


def joints_for(subject: Path) -> Joints | None:
    """The joints of the body that a subject was fitted with, None where that body is not here or is broken."""
    if (subject / MADE_HERE).is_file():
        return _joints(None)
    path = find_body()
    return None if path is None else _joints(path)


def _joints(path: Path | None) -> Joints | None:
    with _LOADING:
        return _joints_once(path)


@lru_cache(maxsize=2)
def _joints_once(path: Path | None) -> Joints | None:
    try:
        return Joints(path)
    except (SherfError, OSError):
        return None  # what is wrong with the body is a finding of its own


def numbers(values: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Finite numbers of that shape.

    Raises:
        KeyError, TypeError, ValueError: they are not there, or something else is.
    """
    array = np.asarray(values[key], dtype=np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{key} holds a value that is NaN or infinite")
    return array


def _rotation(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross

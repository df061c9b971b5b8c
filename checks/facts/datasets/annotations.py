"""`annots.npy` of THuman and ZJU-MoCap: cameras, and the picture of each pose and view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from checks.facts.datasets.cameras import Camera, camera
from sherf_core.io.safe_pickle import load_numpy

NAME = "annots.npy"


@dataclass(frozen=True)
class Annotations:
    """Cameras by view, and the pictures' paths, as written, by pose and view."""

    cameras: tuple[Camera, ...]
    pictures: tuple[tuple[str, ...], ...]

    @property
    def views(self) -> int:
        """How many views each pose has, at least."""
        return min([len(self.cameras), *map(len, self.pictures)])

    @property
    def has_backslashes(self) -> bool:
        """Whether it was written on Windows."""
        return any("\\" in path for paths in self.pictures for path in paths)


def read_annotations(path: Path, *, unit: float = 1.0, lenses: bool = False) -> Annotations:
    """The annotations of a subject; nothing in the file is run.

    Args:
        path: an annots.npy.
        unit: of the cameras' T, in metres.
        lenses: whether the pictures have the distortion that the file states.

    Raises:
        SherfError: the file is broken, or names what no such file needs.
        ValueError: it holds something else; says what.
    """
    content = load_numpy(path)
    if isinstance(content, np.ndarray) and content.size == 1:
        content = content.item()
    try:
        cams, poses = content["cams"], content["ims"]
        lens = cams["D"] if lenses else [None] * len(cams["K"])
        cameras = tuple(
            camera(K, R, T, unit=unit, distortion=D)
            for K, R, T, D in zip(cams["K"], cams["R"], cams["T"], lens, strict=True)
        )
        return Annotations(cameras, tuple(_paths(pose) for pose in poses))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"not annotations: {type(error).__name__}: {str(error)[:100]}") from error


def _paths(pose: Mapping[str, Any] | Sequence[Any]) -> tuple[str, ...]:
    names = pose["ims"] if isinstance(pose, Mapping) else pose
    return tuple(str(name) for name in np.asarray(names).ravel())


def inside(path: str) -> str | None:
    """The path with slashes, None where it leads out of the subject's folder."""
    plain = PurePosixPath(path.replace("\\", "/"))
    leads_out = plain.is_absolute() or ".." in plain.parts or "\0" in path
    return None if leads_out or not plain.parts else str(plain)

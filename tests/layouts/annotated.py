"""What THuman's and ZJU-MoCap's layouts have in common when they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.data.records import Camera
from tests.layouts.person import Person
from tests.layouts.photographs import NO_LENS, Lens, save, silhouette


def write_annotations(
    folder: Path,
    cameras: Sequence[Camera],
    pictures: Sequence[Sequence[str]],
    *,
    metre: float = 1.0,
    lens: Lens = NO_LENS,
) -> None:
    """annots.npy: `pictures` are paths by pose and view, T is written in units of which `metre` make one metre."""
    cams = {
        "K": [camera.K.tolist() for camera in cameras],
        "D": [[[value] for value in lens.coefficients] for _ in cameras],
        "R": [camera.R.tolist() for camera in cameras],
        "T": [(metre * camera.T[:, None]).tolist() for camera in cameras],
    }
    poses = [{"ims": list(paths)} for paths in pictures]
    save_object(folder / "annots.npy", {"cams": cams, "ims": poses})


def write_photographs(
    folder: Path,
    vertices: Sequence[np.ndarray],
    cameras: Sequence[Camera],
    paths: Sequence[Sequence[str]],
    size: int,
    lens: Lens = NO_LENS,
) -> None:
    """Pictures at `paths` (by pose and view) with their masks under mask_cihp/."""
    for points, names in zip(vertices, paths, strict=True):
        for camera, name in zip(cameras, names, strict=True):
            person = silhouette(points, camera, (size, size), lens)
            save(folder / name, (folder / "mask_cihp" / name).with_suffix(".png"), person)


def write_bodies(
    folder: Path,
    kind: str,
    person: Person,
    numbers: Sequence[int],
    turn: dict[str, np.ndarray],
    shape_components: int = 10,
) -> None:
    """new_vertices/{i}.npy and {kind}/{i}.npy; `turn` is how this data set writes the turn of each pose."""
    for place in ("new_vertices", kind):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for pose, number in enumerate(numbers):
        np.save(folder / "new_vertices" / f"{number}.npy", person.vertices(pose).astype(np.float32))
        parameters = {
            "poses": person.poses[pose][None].astype(np.float32),
            "shapes": person.stored_shapes(shape_components)[None].astype(np.float32),
            "Th": person.Th[pose][None].astype(np.float32),
            **{name: values[pose].astype(np.float32) for name, values in turn.items()},
        }
        save_object(folder / kind / f"{number}.npy", parameters)


def save_object(path: Path, value: Any) -> None:
    """A Python object in a .npy file, as both data sets keep theirs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array(value, dtype=object), allow_pickle=True)

"""Where the files of a data set's archive belong, whatever folders its publisher wrapped around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sherf_core.data.subjects import LIST_NAME

CAMERAS = "cameras.json"
PARAMETERS = "new_params_neutral"
PlaceOf = Callable[[PurePosixPath], Path | None]


@dataclass(frozen=True)
class Place:
    """A data set's folder, and how to find the place of each file in it: `of` is told all paths of an archive."""

    folder: str
    of: Callable[[Iterable[PurePosixPath]], PlaceOf]


def renderpeople(paths: Iterable[PurePosixPath]) -> PlaceOf:
    """Subjects are the folders that hold cameras.json; they go side by side, with human_list.txt beside them."""
    subjects = {path.parent for path in paths if path.name == CAMERAS and path.parent.name}

    def place(path: PurePosixPath) -> Path | None:
        for parent in path.parents:
            if parent in subjects:
                return Path(parent.name, *path.relative_to(parent).parts)
        # A list alone makes no data set.
        return Path(LIST_NAME) if path.name == LIST_NAME and subjects else None

    return place


def thuman_parameters(paths: Iterable[PurePosixPath]) -> PlaceOf:
    """`SUBJECT/new_params_neutral/0.npy`, or `new_params_neutral/SUBJECT/0.npy`: both go to the first form."""
    del paths  # each path says enough

    def place(path: PurePosixPath) -> Path | None:
        parts = path.parts
        if PARAMETERS not in parts or path.suffix != ".npy":
            return None
        index = parts.index(PARAMETERS)
        rest = parts[index + 1 :]
        if len(rest) == 2:
            return Path(rest[0], PARAMETERS, rest[1])
        return Path(parts[index - 1], PARAMETERS, rest[0]) if len(rest) == 1 and index else None

    return place


PLACES = {
    "renderpeople": Place("data/RenderPeople_recon/20230228", renderpeople),
    "thuman-params": Place("data/THuman/nerf_data_", thuman_parameters),
}
"""By asset."""

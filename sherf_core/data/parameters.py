"""Cameras and SMPL parameters out of JSON and numpy files, checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from scipy.spatial.transform import Rotation

from sherf_core.data.reader import AGAIN
from sherf_core.data.records import Camera
from sherf_core.errors import BrokenFileError, DatasetError, UnsafePickleError
from sherf_core.io.safe_pickle import load_numpy

SHAPES = 10


def numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The values as finite float32 of this shape (size-1 axes may differ); ValueError or TypeError if they are not."""
    array = np.asarray(values, dtype=np.float32).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("a value is NaN or infinite")
    return np.ascontiguousarray(array)


def shapes_of(values: Any) -> Float32[np.ndarray, "10"]:
    """The first ten shape components of a body that may have been fitted with 300."""
    array = np.asarray(values, dtype=np.float32).reshape(-1)
    if len(array) < SHAPES:
        raise ValueError(f"{len(array)} shape components, {SHAPES} or more are needed")
    return numbers(array[:SHAPES], (SHAPES,))


def rotation_of(vector: Any) -> Float32[np.ndarray, "3 3"]:
    """The rotation matrix of an axis-angle vector."""
    return Rotation.from_rotvec(numbers(vector, (3,)).astype(np.float64)).as_matrix().astype(np.float32)


def camera_of(K: Any, R: Any, T: Any, *, metre: float = 1.0) -> Camera:
    """A camera of lists or arrays; `metre` is one metre in T's unit."""
    translation = np.asarray(T, dtype=np.float64) / metre
    return Camera(K=numbers(K, (3, 3)), R=numbers(R, (3, 3)), T=numbers(translation, (3,)))


def unwrap(value: Any) -> Any:
    """The object in an array of one object, which is how numpy stores a dictionary."""
    return value.item() if isinstance(value, np.ndarray) and value.dtype.hasobject and value.size == 1 else value


@contextmanager
def dataset_errors(path: Path, what: str, expected: str, code: str) -> Iterator[None]:
    """Whatever goes wrong with the content of a file becomes a DatasetError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} is missing", fix=f"check the data folder (--data DIR), or {AGAIN}", code=code, path=path
        ) from error
    except (BrokenFileError, UnsafePickleError) as error:
        raise DatasetError(
            error.found, expected=error.expected, fix=error.fix or AGAIN, code=code, path=path
        ) from error
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise DatasetError(f"{path} {what}: {error}", expected=expected, fix=AGAIN, code=code, path=path) from error


def read_numpy(path: Path) -> Any:
    """The dictionary or array of a .npy or .npz file; FileNotFoundError where it is not there."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return unwrap(load_numpy(path))


def read_cameras(path: Path, prefix: str, code: str) -> dict[int, Camera]:
    """The cameras of a `cameras.json` by the number after `prefix`; entries of other names are left out.

    Raises:
        DatasetError: it is missing, or holds no cameras.
    """
    expected = f'{{"{prefix}0000": {{"K": 3x3, "R": 3x3, "T": 3 numbers}}, ...}}'
    with dataset_errors(path, "is not a list of cameras", expected, code):
        entries: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        wanted = {name: entry for name, entry in entries.items() if name.startswith(prefix)}
        if not wanted:
            raise ValueError(f"no entry is called {prefix}0000 or so")
        return {
            int(name.removeprefix(prefix)): camera_of(entry["K"], entry["R"], entry["T"])
            for name, entry in wanted.items()
        }


def field(values: Any, key: str, convert: Callable[[Any], np.ndarray]) -> np.ndarray:
    """One converted value of a dictionary; errors name the key."""
    try:
        return convert(values[key])
    except KeyError as error:
        raise ValueError(f"{key} is missing") from error
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{key}: {error}") from error

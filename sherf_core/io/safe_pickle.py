"""Read files that others pickled (.pkl, .npy, .npz) without running anything of theirs."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.errors import SherfError, UnsafePickleError
from sherf_core.io.pickle_arrays import ARRAY_CONSTRUCTORS
from sherf_core.io.pickle_machine import Machine
from sherf_core.io.pickle_opcodes import MalformedPickle, TruncatedPickle
from sherf_core.io.pickle_values import Constructors, Resolver, UnlistedGlobal
from sherf_core.io.sniff import FileKind, broken, require_kind

_MAXIMUM_UNPACKED_BYTES = 4 << 30
# A zip archive can hold a thousand times its size. Arrays of numbers shrink to a half, masks to some hundredth.
_MAXIMUM_RATIO, _UNPACKED_BYTES_ALWAYS_READ = 100, 64 << 20
_LONGEST_REASON = 500
_HEADER_READERS: dict[tuple[int, int], Callable[..., tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_pickle(path: str | os.PathLike[str], *, constructors: Constructors = ARRAY_CONSTRUCTORS) -> Any:
    """The content of a pickle of protocol 0 to 5, Python 2's too (their strings read as latin-1).

    Arrays come as numpy arrays, csc matrices as `SparseColumns`, ordered dictionaries as dict; classes that are named
    but never called come as `Named`.

    Args:
        path: the file.
        constructors: what each global may stand for; the default knows arrays, `BODY_CONSTRUCTORS` chumpy as well.

    Raises:
        UnsafePickleError: it names another global; nothing was run.
        BrokenFileError: it is no pickle, cut short or damaged; see `require_kind` for its code.
    """
    path = Path(path)
    facts = require_kind(path, FileKind.PICKLE)
    with typed_errors(path), path.open("rb") as file:
        return _unpickle(file, facts.size, constructors)


def load_numpy(path: str | os.PathLike[str]) -> Any:
    """The array of a .npy file, or a dict of the arrays of a .npz file; objects in them are read with care.

    Raises:
        UnsafePickleError: an object array names a global that is not listed; nothing was run.
        BrokenFileError: it is neither .npy nor .npz, cut short or damaged; see `require_kind` for its code.
    """
    path = Path(path)
    facts = require_kind(path, FileKind.NPY, FileKind.ZIP)
    with typed_errors(path):
        if facts.kind is FileKind.NPY:
            with path.open("rb") as file:
                return _read_npy(file, facts.size)
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive, facts.size)


@contextmanager
def typed_errors(path: Path) -> Iterator[None]:
    """Whatever fails while a pickle is read becomes an UnsafePickleError or a BrokenFileError that names the file."""
    try:
        yield
    except SherfError:
        raise
    except UnlistedGlobal as error:
        raise UnsafePickleError(
            f"{path} names {error.global_name}, which no file of this kind needs; nothing of it was run",
            expected="arrays, lists, dictionaries, texts and numbers only",
            fix="do not open this file with other programs; get the original from its publisher",
            code="UNSAFE",
            path=path,
        ) from None
    except (TruncatedPickle, EOFError) as error:
        raise broken(path, "TRUNC", f"{path} is cut short: {_short(error)}") from error
    except MalformedPickle as error:
        found = f"{path} is damaged or not of a kind that is read here: {_short(error)}"
        raise broken(path, "STRUCT", found) from error
    except Exception as error:  # damaged bytes can fail in any decoder, and none of that is ours to leak
        found = f"{path} is damaged: {type(error).__name__}: {_short(error)}"
        raise broken(path, "STRUCT", found) from error


def _short(error: Exception) -> str:
    # A file can put anything into its complaint, of any length.
    return ascii(str(error)[:_LONGEST_REASON])[1:-1]


def _unpickle(file: io.BufferedIOBase, size: int, constructors: Constructors) -> Any:
    machine = Machine(file, size, constructors)
    value = machine.run()
    return Resolver(machine.budget).resolve(value)


def _read_archive(archive: zipfile.ZipFile, size: int) -> dict[str, np.ndarray]:
    members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(max(_MAXIMUM_RATIO * size, _UNPACKED_BYTES_ALWAYS_READ), _MAXIMUM_UNPACKED_BYTES):
        raise MalformedPickle(f"it unpacks to {unpacked:,} bytes")
    arrays = {}
    for member in members:
        content = archive.read(member)
        arrays[member.filename.removesuffix(".npy")] = _read_npy(io.BytesIO(content), len(content))
    return arrays


def _read_npy(file: io.BufferedIOBase, size: int) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise MalformedPickle(f"version {version} of the .npy format")
    shape, fortran, dtype = _HEADER_READERS[version](file)
    if any(extent < 0 for extent in shape):
        raise MalformedPickle(f"an array of shape {shape}")
    if dtype.hasobject:
        return _read_objects(file, size, shape, dtype)
    declared, left = math.prod(shape) * dtype.itemsize, size - file.tell()
    if declared > left:
        raise TruncatedPickle(f"an array of shape {shape} and type {dtype} needs {declared} bytes, {left} are there")
    array = np.frombuffer(file.read(declared), dtype=dtype)
    return array.reshape(shape, order="F" if fortran else "C").copy(order="K")


def _read_objects(file: io.BufferedIOBase, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind != "O":
        raise MalformedPickle("an array of structures that hold objects")
    array = _unpickle(file, size, ARRAY_CONSTRUCTORS)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise MalformedPickle(f"an object array of shape {shape} whose pickle holds something else")
    return array

"""Arrays out of pickles: numpy arrays and scalars, scipy's csc matrices, and harmless builtins.

None of these classes is numpy's: a dtype is rebuilt from a short list of plain kinds, an array from bytes whose number
has been checked, so nothing of a hostile file reaches `ndarray.__setstate__`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from sherf_core.io.pickle_opcodes import MalformedPickle
from sherf_core.io.pickle_values import Budget, Inert, Named, Resolver
from sherf_core.io.sparse import SparseColumns

_PLAIN_DTYPE = re.compile(r"[|<>=]?(b1|[iu][1248]|f[248]|c(?:8|16)|[SU][1-9]\d{0,5}|O[48]?)")
_MAXIMUM_DIMENSIONS = 32
_LARGEST_CODE_POINT = 0x10FFFF
# In a dictionary or set that is made by a call, which can be repeated with the same keys.
_MAXIMUM_ODD_KEYS = 64


class PickledDtype(Inert):
    """`numpy.dtype('f8', ...)`, with the byte order that its state tells."""

    def __init__(self, code: object, *_options: object) -> None:
        if not isinstance(code, str):
            raise MalformedPickle("an array type without a name")
        match = _PLAIN_DTYPE.fullmatch(code)
        if match is None:
            raise MalformedPickle(f"arrays of type {code[:40]!r} are not read")
        self._kind, self._order = match[1], "="

    def build(self, state: Any) -> None:
        """Take the byte order; structures are refused."""
        # (version, byte order, subdtype, names, fields, item size, alignment, flags)
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise MalformedPickle("arrays of structures are not read")
        if state[1] not in ("<", ">", "|", "="):
            raise MalformedPickle("an unknown byte order")
        self._order = state[1]

    def dtype(self) -> np.dtype[Any]:
        """The real dtype."""
        return np.dtype(object) if self._kind[0] == "O" else np.dtype(self._order + self._kind)


class PickledArray(Inert):
    """`numpy.ndarray` as `_reconstruct` leaves it, until its state comes."""

    def __init__(self, *_placeholder: object) -> None:
        self._state: tuple[Any, ...] | None = None

    def build(self, state: Any) -> None:
        """Take shape, type and content, unchecked until `finish`."""
        # (version, shape, dtype, is Fortran order, bytes or list); version 0 lacks its number
        if isinstance(state, tuple) and len(state) == 4:
            state = (0, *state)
        if not isinstance(state, tuple) or len(state) != 5:
            raise MalformedPickle("the state of an array is not the usual one")
        self._state = state

    def finish(self, resolver: Resolver) -> np.ndarray:
        """The array."""
        if self._state is None:
            raise MalformedPickle("an array without content")
        _, shape, dtype, fortran, content = self._state
        return make_array(content, dtype, shape, "F" if fortran else "C", resolver)


class PickledBuffer(Inert):
    """`_frombuffer(bytes, dtype, shape, order[, axes])`, the arrays of protocol 5."""

    def __init__(self, content: object, dtype: object, shape: object, order: object, axes: object = None) -> None:
        self._content, self._dtype, self._shape, self._order, self._axes = content, dtype, shape, order, axes

    def finish(self, resolver: Resolver) -> np.ndarray:
        """The array."""
        by_axes = self._order == "K" and self._axes is not None
        array = make_array(self._content, self._dtype, self._shape, "C" if by_axes else self._order, resolver)
        if not by_axes:
            return array
        axes = self._axes if isinstance(self._axes, tuple) else ()
        if not all(isinstance(axis, int) for axis in axes) or sorted(axes) != list(range(array.ndim)):
            raise MalformedPickle("an order of axes that does not fit the array")
        return array.transpose(axes)


class PickledScalar(Inert):
    """`numpy.core.multiarray.scalar(dtype, bytes)`."""

    def __init__(self, dtype: object, content: object = None) -> None:
        self._dtype, self._content = dtype, content

    def finish(self, resolver: Resolver) -> object:
        """The numpy scalar."""
        array = make_array(self._content, self._dtype, (), "C", resolver)
        if array.dtype.kind == "O":
            raise MalformedPickle("a scalar that holds an object")
        return array[()]


class PickledColumns(Inert):
    """`scipy.sparse.csc_matrix`, whose state is its attributes."""

    def __init__(self, *_arguments: object) -> None:
        self._state: dict[Any, Any] = {}

    def build(self, state: Any) -> None:
        """Take the attributes."""
        if not isinstance(state, dict):
            raise MalformedPickle("the state of a sparse matrix is not a dictionary")
        self._state = state

    def finish(self, resolver: Resolver) -> SparseColumns:
        """The matrix, still sparse."""
        parts = [resolver.resolve(self._state.get(name)) for name in ("data", "indices", "indptr")]
        shape = resolver.resolve(self._state.get("_shape", self._state.get("shape")))
        if not all(isinstance(part, np.ndarray) for part in parts):
            raise MalformedPickle("a sparse matrix without data, indices or indptr")
        shape = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else ()
        if len(shape) != 2 or not all(isinstance(extent, (int, np.integer)) and extent >= 0 for extent in shape):
            raise MalformedPickle("a sparse matrix without a shape")
        data, indices, indptr = parts
        return SparseColumns(data, indices, indptr, (int(shape[0]), int(shape[1])))


def make_array(content: Any, dtype: object, shape: Any, order: Any, resolver: Resolver) -> np.ndarray:
    """An array of exactly the declared shape, or MalformedPickle where the content does not fill it."""
    if not isinstance(dtype, PickledDtype) or order not in ("C", "F"):
        raise MalformedPickle("an array without a type or an order")
    shape = (shape,) if type(shape) is int else shape
    if not isinstance(shape, tuple) or len(shape) > _MAXIMUM_DIMENSIONS:
        raise MalformedPickle("an array without a shape")
    if not all(type(extent) is int and extent >= 0 for extent in shape):
        raise MalformedPickle("an array whose shape is not made of counts")
    real, count = dtype.dtype(), math.prod(shape)
    if real.kind == "O":
        if not isinstance(content, list) or len(content) != count:
            raise MalformedPickle(f"an array of {count} objects holds another number of them")
        array = np.empty(count, dtype=object)
        for index, entry in enumerate(content):
            array[index] = resolver.resolve(entry)
        return array.reshape(shape, order=order)
    raw = content.encode("latin-1") if isinstance(content, str) else content
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != count * real.itemsize:
        found = len(raw) if isinstance(raw, (bytes, bytearray)) else "no"
        raise MalformedPickle(f"an array of shape {shape} and type {real} holds {found} bytes")
    resolver.budget.spend(len(raw))
    if real.kind == "U" and count:
        # numpy checks no characters until they are read, far from here.
        points = np.frombuffer(raw, dtype=np.dtype(np.uint32).newbyteorder(real.byteorder))
        if points.max() > _LARGEST_CODE_POINT:
            raise MalformedPickle("a text with impossible characters")
    return np.frombuffer(raw, dtype=real).reshape(shape, order=order).copy(order="K")


def _encode(text: object, encoding: object = "utf-8") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise MalformedPickle("_codecs.encode of something unusual")
    return text.encode(str(encoding))


def _reconstructor(kind: object, *_base_and_state: object) -> object:
    if not isinstance(kind, Named):
        raise MalformedPickle("_reconstructor without a class")
    return kind.constructor()


def _ordered_dictionary(pairs: Any = ()) -> dict[Any, Any]:
    result, budget = {}, Budget(0, odd_keys=_MAXIMUM_ODD_KEYS)
    for pair in pairs if isinstance(pairs, (list, tuple)) else ((None,),):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise MalformedPickle("a dictionary made of something else than pairs")
        budget.require_key(pair[0])
        result[pair[0]] = pair[1]
    return result


def _set_of(kind: type) -> Callable[..., object]:
    def build(items: Any = ()) -> object:
        """The set of these items."""
        if not isinstance(items, (list, tuple, set, frozenset)):
            raise MalformedPickle("a set made of something else than a list")
        budget = Budget(0, odd_keys=_MAXIMUM_ODD_KEYS)
        for item in items:
            budget.require_key(item)
        return kind(items)

    return build


def _bytes_of(kind: type) -> Callable[..., object]:
    def build(content: object = b"", encoding: object = None) -> object:
        """The bytes of a text, or of numbers in a list."""
        if encoding is not None:
            return kind(_encode(content, encoding))
        # bytes(n) would make n bytes out of nothing.
        if not isinstance(content, (bytes, bytearray)):
            raise MalformedPickle("bytes made of something else than bytes")
        return kind(content)

    return build


def _complex(real: object = 0.0, imaginary: object = 0.0) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imaginary, (int, float)):
        raise MalformedPickle("a complex number made of something else than numbers")
    return complex(real, imaginary)


def _table() -> dict[tuple[str, str], Callable[..., object]]:
    table: dict[tuple[str, str], Callable[..., object]] = {
        ("numpy", "ndarray"): PickledArray,
        ("numpy", "dtype"): PickledDtype,
        ("_codecs", "encode"): _encode,
        ("collections", "OrderedDict"): _ordered_dictionary,
        ("scipy.sparse.csc", "csc_matrix"): PickledColumns,
        ("scipy.sparse._csc", "csc_matrix"): PickledColumns,
    }
    for core in ("numpy.core", "numpy._core"):
        table[core + ".multiarray", "_reconstruct"] = PickledArray
        table[core + ".multiarray", "scalar"] = PickledScalar
        table[core + ".numeric", "_frombuffer"] = PickledBuffer
    for builtins in ("builtins", "__builtin__"):
        table[builtins, "object"] = Inert
        table[builtins, "set"] = _set_of(set)
        table[builtins, "frozenset"] = _set_of(frozenset)
        table[builtins, "bytes"] = _bytes_of(bytes)
        table[builtins, "bytearray"] = _bytes_of(bytearray)
        table[builtins, "complex"] = _complex
    for registry in ("copyreg", "copy_reg"):
        table[registry, "_reconstructor"] = _reconstructor
    return table


ARRAY_CONSTRUCTORS = _table()
"""The globals of pickled arrays: all that data files and body models need, but chumpy."""

"""Arrays that chumpy wrapped, as the body models of 2015 hold them; chumpy itself is not needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from sherf_core.io.pickle_arrays import ARRAY_CONSTRUCTORS
from sherf_core.io.pickle_opcodes import MalformedPickle
from sherf_core.io.pickle_values import Inert, Resolver


class PickledChumpy(Inert):
    """`chumpy.ch.Ch`: its array is the attribute `x`."""

    def __init__(self, *_arguments: object) -> None:
        self._attributes: dict[Any, Any] = {}

    def build(self, state: Any) -> None:
        """Take the attributes."""
        if not isinstance(state, dict):
            raise MalformedPickle("the state of a chumpy array is not a dictionary")
        self._attributes = state

    def finish(self, resolver: Resolver) -> np.ndarray:
        """The array that was wrapped."""
        return self._array(resolver, "x")

    def _attribute(self, resolver: Resolver, name: str) -> Any:
        if name not in self._attributes:
            raise MalformedPickle(f"a chumpy array without its {name!r}")
        return resolver.resolve(self._attributes[name])

    def _array(self, resolver: Resolver, name: str) -> np.ndarray:
        value = self._attribute(resolver, name)
        if not isinstance(value, (np.ndarray, np.generic, int, float)):
            raise MalformedPickle(f"a chumpy array whose {name!r} is no array")
        return np.asarray(value)


class PickledView(PickledChumpy, ABC):
    """`chumpy.reordering.*`: a view of another chumpy array, `a`, evaluated here."""

    def finish(self, resolver: Resolver) -> np.ndarray:
        """The view, evaluated."""
        array = self._array(resolver, "a")
        try:
            return np.ascontiguousarray(self._view(resolver, array))
        except MalformedPickle:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise MalformedPickle(f"a chumpy view that does not fit its array: {error}") from error

    @abstractmethod
    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        """What the view shows of the array."""


class PickledSelection(PickledView):
    """`Select`: entries of the flattened array, in the shape that was asked for."""

    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        indices = self._array(resolver, "idxs")
        # A selection can repeat entries, so it may be larger than the array that the file holds.
        # And flattening copies an array that is not in C order.
        resolver.budget.spend(indices.size * array.itemsize + array.nbytes)
        selected = array.ravel()[indices]
        if "preferred_shape" in self._attributes:
            return selected.reshape(self._attribute(resolver, "preferred_shape"))
        return selected


class PickledTranspose(PickledView):
    """`transpose`: all axes turned around, or in the order of `axes`."""

    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        resolver.budget.spend(array.nbytes)
        return np.transpose(array, resolver.resolve(self._attributes.get("axes")))


class PickledSwap(PickledView):
    """`swapaxes`."""

    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        resolver.budget.spend(array.nbytes)
        return np.swapaxes(array, self._attribute(resolver, "axis1"), self._attribute(resolver, "axis2"))


class PickledRoll(PickledView):
    """`rollaxis`."""

    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        resolver.budget.spend(array.nbytes)
        start = resolver.resolve(self._attributes.get("start", 0))
        return np.rollaxis(array, self._attribute(resolver, "axis"), start)


class PickledReshape(PickledView):
    """`Reshape`."""

    def _view(self, resolver: Resolver, array: np.ndarray) -> np.ndarray:
        resolver.budget.spend(array.nbytes)
        return array.reshape(self._attribute(resolver, "newshape"))


BODY_CONSTRUCTORS = {
    **ARRAY_CONSTRUCTORS,
    ("chumpy.ch", "Ch"): PickledChumpy,
    ("chumpy", "Ch"): PickledChumpy,
    ("chumpy.reordering", "Select"): PickledSelection,
    ("chumpy.reordering", "transpose"): PickledTranspose,
    ("chumpy.reordering", "swapaxes"): PickledSwap,
    ("chumpy.reordering", "rollaxis"): PickledRoll,
    ("chumpy.reordering", "Reshape"): PickledReshape,
}
"""The globals of body models: arrays, plain or wrapped by chumpy."""

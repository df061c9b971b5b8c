"""The values that a pickle may build here: plain ones, and inert objects that become plain ones at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sherf_core.io.pickle_opcodes import MalformedPickle

Constructors = Mapping[tuple[str, str], Callable[..., object]]
"""What each (module, name) of a file stands for. Everything else is refused."""

MAXIMUM_DEPTH = 64
"""Deepest nesting of lists, dicts and objects that is followed."""
MAXIMUM_KEY_PARTS = 64
"""Most scalars in a dictionary key: hashing a tuple that shares its parts takes time exponential in its depth."""
MAXIMUM_STEPS = 1_000_000
"""Most instructions and entries of containers, each of up to 200 bytes; a checkpoint of 0.6 GB has 0.1 million."""
OBJECT_BYTES = 200
"""What an object that a call makes takes, about: a few bytes of a file can ask for one."""
MAXIMUM_ODD_KEYS = 2_000
"""Most keys that are neither texts nor usual integers: a file can choose theirs so that all of them collide."""
_USUAL_INTEGERS = 1 << 60
_LONGEST_NAME = 200


def printable_global(module: str, name: str) -> str:
    """The global's name for a message: a file may put anything in it, of any length."""
    return ascii(f"{module[:_LONGEST_NAME]}.{name[:_LONGEST_NAME]}")[1:-1]


class UnlistedGlobal(Exception):
    """The pickle names a global that is not in the table of constructors."""

    def __init__(self, module: str, name: str) -> None:
        self.global_name = printable_global(module, name)
        super().__init__(self.global_name)


class Budget:
    """Bounds what a file makes us do: a small file must not grow into a large memory or a long time."""

    def __init__(self, limit: int, *, odd_keys: int = MAXIMUM_ODD_KEYS) -> None:
        self.left = limit
        self._steps_left = MAXIMUM_STEPS
        self._odd_keys_left = odd_keys

    def spend(self, amount: int) -> None:
        """Take `amount` bytes from the budget."""
        self.left -= amount
        if self.left < 0:
            raise MalformedPickle("it asks for far more memory than a file of its size can need")

    def step(self, count: int = 1) -> None:
        """Count instructions, or entries of a container that are looked at one by one."""
        self._steps_left -= count
        if self._steps_left < 0:
            raise MalformedPickle(f"it has more than {MAXIMUM_STEPS:,} parts")

    def require_key(self, key: object) -> None:
        """Refuse dictionary keys that are costly to hash, and too many that can be made to collide."""
        if isinstance(key, (str, bytes)) or (type(key) is int and abs(key) < _USUAL_INTEGERS):
            return
        self._odd_keys_left -= 1
        if self._odd_keys_left < 0:
            raise MalformedPickle("it has too many dictionary keys that are neither texts nor usual integers")
        require_key(key)


class Inert:
    """Base of everything that a global may build: it holds what the file says until `finish` gives the plain value."""

    def build(self, state: object) -> None:
        """Take the state that the file gives to this object."""
        raise MalformedPickle(f"{type(self).__name__} takes no state")

    def extend(self, items: list[Any]) -> None:
        """Take the entries that the file adds to this object: values, or keys and values in turn."""
        raise MalformedPickle(f"{type(self).__name__} takes no entries")

    def call(self, arguments: tuple[Any, ...]) -> object:
        """What comes of the file's calling this object."""
        raise MalformedPickle("it calls something that is not a global")

    def finish(self, resolver: Resolver) -> object:
        """The plain value; nested values go through `resolver.resolve`."""
        return self


@dataclass(frozen=True)
class Named:
    """A global on the stack: a name and what it stands for here."""

    module: str
    name: str
    constructor: Callable[..., object]


def require_key(key: object) -> None:
    """Refuse dictionary keys that are costly to hash or that hash by code of their own."""
    waiting, parts = [key], 0
    while waiting:
        part = waiting.pop()
        parts += 1
        if parts > MAXIMUM_KEY_PARTS:
            raise MalformedPickle("a dictionary key with too many parts")
        if isinstance(part, tuple):
            waiting.extend(part[: MAXIMUM_KEY_PARTS + 1])
        elif part is not None and not isinstance(part, (str, bytes, int, float, complex, Inert, Named)):
            raise MalformedPickle(f"a dictionary key of type {type(part).__name__}")


class Resolver:
    """Turns what a machine left into plain values: every `Inert` object is asked for its value once."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._done: dict[int, object] = {}
        # The memo goes by identity, so every key must stay alive as long as it does.
        self._alive: list[object] = []
        self._within: set[int] = set()

    def resolve(self, value: object) -> Any:
        """`value` with every `Inert` object in it replaced; containers are copied."""
        if not isinstance(value, (list, tuple, dict, set, frozenset, Inert)):
            return value
        identity = id(value)
        if identity in self._done:
            return self._done[identity]
        if identity in self._within:
            raise MalformedPickle("an object that contains itself")
        if len(self._within) >= MAXIMUM_DEPTH:
            raise MalformedPickle(f"objects nested more than {MAXIMUM_DEPTH} deep")
        self._within.add(identity)
        result = self._resolve_new(value)
        self._within.discard(identity)
        self._done[identity] = result
        self._alive.append(value)
        return result

    def _resolve_new(self, value: Any) -> object:
        if isinstance(value, Inert):
            return value.finish(self)
        if isinstance(value, dict):
            return {self.resolve(key): self.resolve(entry) for key, entry in value.items()}
        return type(value)([self.resolve(entry) for entry in value])

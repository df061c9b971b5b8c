"""A pickle interpreter that imports nothing and calls only what its caller lists.

Python's own unpickler looks names up in the running program, calls them, and sets the state of the result. This one
knows no program: a global is looked up in a table of *constructors* handed in by the caller, REDUCE and its relatives
call nothing but those, and BUILD reaches nothing but our own `Inert` objects.
"""

from __future__ import annotations

import codecs
import io
import struct
from collections.abc import Callable
from typing import Any

from sherf_core.io.pickle_opcodes import MalformedPickle, instructions
from sherf_core.io.pickle_values import OBJECT_BYTES, Budget, Constructors, Inert, Named, UnlistedGlobal

MAXIMUM_DIGITS = 1000
MAXIMUM_PROTOCOL = 5


def _integer_line(argument: bytes) -> int | bool:
    if argument in (b"00", b"01"):
        return argument == b"01"
    if len(argument) > MAXIMUM_DIGITS:
        raise MalformedPickle(f"an integer of {len(argument)} digits")
    return int(argument.rstrip(b"L"))


def _quoted_line(argument: bytes) -> str:
    if len(argument) < 2 or argument[:1] != argument[-1:] or argument[:1] not in (b"'", b'"'):
        raise MalformedPickle("a text without quotes")
    return codecs.escape_decode(argument[1:-1])[0].decode("latin-1")


def _long(argument: bytes) -> int:
    if len(argument) > MAXIMUM_DIGITS:
        raise MalformedPickle(f"an integer of {len(argument)} bytes")
    return int.from_bytes(argument, "little", signed=True)


def _latin1(argument: bytes) -> str:
    # What Python 2 calls str may be text or raw array data; latin-1 keeps both, byte for byte.
    return argument.decode("latin-1")


def _bytes(argument: bytes) -> bytes:
    # As it is: it may be an argument that was left in the file.
    return argument


def _utf8(argument: bytes) -> str:
    return argument.decode("utf-8", "surrogatepass")


_LITERALS: dict[str, Callable[[bytes], object]] = {
    "NONE": lambda argument: None,
    "NEWTRUE": lambda argument: True,
    "NEWFALSE": lambda argument: False,
    "INT": _integer_line,
    "LONG": _integer_line,
    "BININT": _long,
    "BININT1": lambda argument: argument[0],
    "BININT2": lambda argument: int.from_bytes(argument, "little"),
    "LONG1": _long,
    "LONG4": _long,
    "FLOAT": float,
    "BINFLOAT": lambda argument: struct.unpack(">d", argument)[0],
    "STRING": _quoted_line,
    "BINSTRING": _latin1,
    "SHORT_BINSTRING": _latin1,
    "UNICODE": lambda argument: argument.decode("raw-unicode-escape"),
    "SHORT_BINUNICODE": _utf8,
    "BINUNICODE": _utf8,
    "BINUNICODE8": _utf8,
    "BINBYTES": _bytes,
    "SHORT_BINBYTES": _bytes,
    "BINBYTES8": _bytes,
    "BYTEARRAY8": bytearray,
    "EMPTY_LIST": lambda argument: [],
    "EMPTY_TUPLE": lambda argument: (),
    "EMPTY_DICT": lambda argument: {},
    "EMPTY_SET": lambda argument: set(),
}
# What an empty one takes in memory: one byte of a file asks for it.
_CONTAINER_BYTES = {"EMPTY_LIST": 56, "EMPTY_DICT": 64, "EMPTY_SET": 216, "LIST": 56, "DICT": 64, "FROZENSET": 216}
_IGNORED = frozenset({"FRAME"})
_REFUSED = {
    "PERSID": "objects kept outside the file (is it a torch file?)",
    "EXT1": "the extension registry",
    "EXT2": "the extension registry",
    "EXT4": "the extension registry",
    "NEXT_BUFFER": "buffers kept outside the file",
    "READONLY_BUFFER": "buffers kept outside the file",
}


class Machine:
    """Runs one pickle on a stack of plain values, `Named` globals and `Inert` objects."""

    def __init__(
        self,
        file: io.BufferedIOBase,
        size: int,
        constructors: Constructors,
        *,
        skip_longer_than: int | None = None,
        persistent: Callable[[object], object] | None = None,
    ) -> None:
        """Ready to run the pickle at the file's position.

        Args:
            file: a seekable binary file.
            size: position at which the file ends.
            constructors: what each global may stand for.
            skip_longer_than: arguments longer than this stay in the file and come as `LongArgument`.
            persistent: what an object kept outside the pickle is, by its id; None refuses such objects.
        """
        self._instructions = instructions(file, size, skip_longer_than=skip_longer_than)
        self._constructors = constructors
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._persistent = persistent
        self.budget = Budget(8 * size + (1 << 20))

    def run(self) -> object:
        """The value that the pickle leaves on the stack; may hold `Inert` objects: see `Resolver`."""
        for opcode, argument, position in self._instructions:
            self.budget.step()
            self.budget.spend(_CONTAINER_BYTES.get(opcode, 0))
            literal = _LITERALS.get(opcode)
            if literal is not None:
                self._stack.append(literal(argument))
            elif opcode == "STOP":
                return self._take()
            elif opcode in _REFUSED:
                raise MalformedPickle(f"byte {position} ({opcode}) asks for {_REFUSED[opcode]}")
            elif opcode not in _IGNORED:
                getattr(self, "_" + opcode.lower())(argument)
        raise MalformedPickle("it has no end")

    # stack and memo

    def _take(self) -> Any:
        if not self._stack:
            raise MalformedPickle("it takes a value from an empty stack")
        return self._stack.pop()

    def _top(self, kind: type | tuple[type, ...]) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise MalformedPickle("it fills an object of the wrong kind")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        if not self._outer:
            raise MalformedPickle("it looks for a mark that was never set")
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _proto(self, argument: bytes) -> None:
        if argument[0] > MAXIMUM_PROTOCOL:
            raise MalformedPickle(f"pickle protocol {argument[0]} is unknown")

    def _mark(self, argument: bytes) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _pop(self, argument: bytes) -> None:
        # On an empty stack POP takes the mark below it, as Python's own unpickler has it.
        if self._stack:
            self._stack.pop()
        else:
            self._pop_to_mark()

    def _pop_mark(self, argument: bytes) -> None:
        self._pop_to_mark()

    def _dup(self, argument: bytes) -> None:
        self._stack.append(self._top(object))

    def _remember(self, key: int) -> None:
        self._memo[key] = self._top(object)

    def _recall(self, key: int) -> None:
        if key not in self._memo:
            raise MalformedPickle(f"it recalls entry {key}, which was never remembered")
        self._stack.append(self._memo[key])

    def _memoize(self, argument: bytes) -> None:
        self._remember(len(self._memo))

    def _put(self, argument: bytes) -> None:
        self._remember(_integer_line(argument))

    def _binput(self, argument: bytes) -> None:
        self._remember(int.from_bytes(argument, "little"))

    _long_binput = _binput

    def _get(self, argument: bytes) -> None:
        self._recall(_integer_line(argument))

    def _binget(self, argument: bytes) -> None:
        self._recall(int.from_bytes(argument, "little"))

    _long_binget = _binget

    # containers

    def _tuple(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        self._stack.append(tuple(items))

    def _tuple1(self, argument: bytes) -> None:
        self._stack.append((self._take(),))

    def _tuple2(self, argument: bytes) -> None:
        second, first = self._take(), self._take()
        self._stack.append((first, second))

    def _tuple3(self, argument: bytes) -> None:
        third, second, first = self._take(), self._take(), self._take()
        self._stack.append((first, second, third))

    def _list(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        self._stack.append(items)

    def _append(self, argument: bytes) -> None:
        value = self._take()
        self._top((list, Inert)).extend([value])

    def _appends(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        self._top((list, Inert)).extend(items)

    def _dict(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        self._stack.append({})
        self._set_items(items)

    def _setitem(self, argument: bytes) -> None:
        value, key = self._take(), self._take()
        self._set_items([key, value])

    def _setitems(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        self._set_items(items)

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise MalformedPickle("a dictionary key without a value")
        target = self._top((dict, Inert))
        if isinstance(target, Inert):
            target.extend(items)
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.budget.require_key(key)
            target[key] = value

    def _additems(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        for item in items:
            self.budget.require_key(item)
        target = self._top((set, Inert))
        if isinstance(target, Inert):
            target.extend(items)
        else:
            target.update(items)

    def _frozenset(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        for item in items:
            self.budget.require_key(item)
        self._stack.append(frozenset(items))

    # globals and objects

    def _push_global(self, module: str, name: str) -> None:
        try:
            constructor = self._constructors[module, name]
        except KeyError:
            raise UnlistedGlobal(module, name) from None
        self._stack.append(Named(module, name, constructor))

    def _global(self, argument: bytes) -> None:
        module, _, name = argument.decode("utf-8").partition("\n")
        self._push_global(module, name)

    def _stack_global(self, argument: bytes) -> None:
        name, module = self._take(), self._take()
        if not isinstance(name, str) or not isinstance(module, str):
            raise MalformedPickle("a global whose name is not a text")
        self._push_global(module, name)

    def _call(self, target: object, arguments: object) -> None:
        if not isinstance(target, (Named, Inert)) or not isinstance(arguments, tuple):
            raise MalformedPickle("it calls something that is not a global")
        self._spend_on(arguments)
        self.budget.spend(OBJECT_BYTES)
        self._stack.append(target.constructor(*arguments) if isinstance(target, Named) else target.call(arguments))

    def _spend_on(self, parts: tuple[Any, ...]) -> None:
        """Pay for arguments before they are used: a file can hand over the same ones again and again."""
        self.budget.spend(sum(len(part) for part in parts if isinstance(part, (str, bytes, bytearray))))
        containers = (list, tuple, dict, set, frozenset)
        self.budget.step(len(parts) + sum(len(part) for part in parts if isinstance(part, containers)))

    def _binpersid(self, argument: bytes) -> None:
        if self._persistent is None:
            raise MalformedPickle("it asks for objects kept outside the file (is it a torch file?)")
        self._stack.append(self._persistent(self._take()))

    def _reduce(self, argument: bytes) -> None:
        arguments, target = self._take(), self._take()
        self._call(target, arguments)

    _newobj = _reduce

    def _newobj_ex(self, argument: bytes) -> None:
        keywords, arguments, target = self._take(), self._take(), self._take()
        if keywords != {}:
            raise MalformedPickle("a call with keywords")
        self._call(target, arguments)

    def _inst(self, argument: bytes) -> None:
        arguments = tuple(self._pop_to_mark())
        self._global(argument)
        self._call(self._take(), arguments)

    def _obj(self, argument: bytes) -> None:
        items = self._pop_to_mark()
        if not items:
            raise MalformedPickle("it calls nothing")
        self._call(items[0], tuple(items[1:]))

    def _build(self, argument: bytes) -> None:
        state = self._take()
        target = self._top(Inert)
        self._spend_on(state if isinstance(state, tuple) else (state,))
        target.build(state)

"""Cut a pickle into its instructions without executing any of them."""

from __future__ import annotations

import io
import pickletools
from collections.abc import Iterator


class MalformedPickle(ValueError):
    """The bytes are not a pickle, or ask for something that no honest pickle asks for."""


class TruncatedPickle(MalformedPickle):
    """The bytes end before the pickle's last instruction."""


class LongArgument(bytes):
    """An argument that was jumped over: empty, but it says where in the file it lies and how long it is."""

    position: int
    length: int

    @classmethod
    def at(cls, position: int, length: int) -> LongArgument:
        """The argument of `length` bytes that starts at byte `position`."""
        argument = cls()
        argument.position, argument.length = position, length
        return argument


Instruction = tuple[str, bytes, int]
"""Name of the opcode, its argument as raw bytes, and the position of the opcode in the file."""

_OPCODES = {info.code.encode("latin-1"): info for info in pickletools.opcodes}
_LENGTH_PREFIX_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_TWO_LINES = ("GLOBAL", "INST")


def instructions(file: io.BufferedIOBase, size: int, *, skip_longer_than: int | None = None) -> Iterator[Instruction]:
    """Yield the instructions of the pickle at the file's position, up to and with STOP.

    Args:
        file: a seekable binary file.
        size: position at which the file ends; no declared length may reach beyond it.
        skip_longer_than: arguments longer than this many bytes are jumped over and come as `LongArgument`.

    Raises:
        TruncatedPickle: the file ends before STOP.
        MalformedPickle: a byte is no opcode.
    """
    while True:
        position = file.tell()
        # The pickle may end before the file does, where it is part of another one.
        code = file.read(1) if position < size else b""
        if not code:
            raise TruncatedPickle(f"it ends at byte {position} without the instruction that ends a pickle")
        info = _OPCODES.get(code)
        if info is None:
            raise MalformedPickle(f"byte {position} is {code!r}, which is no pickle instruction")
        yield info.name, _argument(file, size, info, skip_longer_than), position
        if info.name == "STOP":
            return


def _argument(file: io.BufferedIOBase, size: int, info: pickletools.OpcodeInfo, skip_longer_than: int | None) -> bytes:
    if info.arg is None:
        return b""
    length = info.arg.n
    if length == pickletools.UP_TO_NEWLINE:
        if info.name in _TWO_LINES:
            return _line(file, size) + b"\n" + _line(file, size)
        return _line(file, size)
    prefix = _LENGTH_PREFIX_BYTES.get(length)
    if prefix is not None:
        length = int.from_bytes(_exactly(file, size, prefix), "little", signed=info.name in ("BINSTRING", "LONG4"))
        if length < 0:
            raise MalformedPickle(f"{info.name} declares a length of {length}")
    if skip_longer_than is not None and length > skip_longer_than:
        _require_left(file, size, length)
        skipped = LongArgument.at(file.tell(), length)
        file.seek(length, 1)
        return skipped
    return _exactly(file, size, length)


def _require_left(file: io.BufferedIOBase, size: int, length: int) -> None:
    left = size - file.tell()
    if length > left:
        raise TruncatedPickle(f"it ends at byte {size}, but {length - left} more bytes are declared")


def _exactly(file: io.BufferedIOBase, size: int, length: int) -> bytes:
    # Checked before reading: a forged length must not make us ask for that much memory.
    _require_left(file, size, length)
    data = file.read(length)
    if len(data) != length:
        raise TruncatedPickle(f"it ends at byte {file.tell()} within an argument of {length} bytes")
    return data


def _line(file: io.BufferedIOBase, size: int) -> bytes:
    line = file.readline(max(size - file.tell(), 0))
    if not line.endswith(b"\n"):
        raise TruncatedPickle(f"it ends at byte {size} within a line of text")
    return line[:-1]

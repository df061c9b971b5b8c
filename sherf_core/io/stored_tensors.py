"""Tensors as torch's own pickles describe them, without torch: where in the file their numbers lie.

A storage is a small file in torch's first format, embedded as bytes in the pickle; a tensor is a view of one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from sherf_core.io.pickle_machine import Machine
from sherf_core.io.pickle_opcodes import LongArgument, MalformedPickle
from sherf_core.io.pickle_values import Inert, Named

# The header of a storage takes some 400 bytes.
_LONGEST_HEADER = 4096
_MOST_DIMENSIONS = 32
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_COUNT_BYTES = 8
# torch's storage classes: what safetensors calls their elements, and the bytes of one.
_STORAGES = {
    "FloatStorage": ("F32", 4),
    "DoubleStorage": ("F64", 8),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that is still in its file.

    Args:
        dtype: its elements as safetensors calls them: F32, I64, …
        shape: its shape.
        stride: elements from one entry of each dimension to the next.
        position: the byte of the file where its first element lies.
        width: bytes of an element.
    """

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    position: int
    width: int

    def read(self, file: io.BufferedIOBase) -> np.ndarray:
        """Its elements, in C order, as unsigned integers of their width (numpy knows no bfloat16).

        Raises:
            EOFError: the file has become shorter since it was looked at.
        """
        kind = np.dtype(f"<u{self.width}")
        if 0 in self.shape:
            return np.empty(self.shape, kind)
        file.seek(self.position)
        reach = _reach(self.shape, self.stride)
        content = file.read(reach * self.width)
        if len(content) != reach * self.width:
            raise EOFError(f"{len(content)} of {reach * self.width} bytes are there")
        flat = np.frombuffer(content, kind)
        # A dimension of one entry has no step, and a file may declare any.
        steps = tuple(
            step * self.width if extent > 1 else 0 for extent, step in zip(self.shape, self.stride, strict=True)
        )
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False).copy(order="C")


@dataclass(frozen=True)
class Storage(Inert):
    """`count` elements of `width` bytes, from byte `position` of the file on."""

    dtype: str
    width: int
    position: int
    count: int


class Storages:
    """`torch.storage._load_from_bytes` for one file. It reads each embedded header once, however often it is asked."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self._known: dict[int, Storage] = {}

    def load(self, content: object = None, *_: object) -> Storage:
        """The storage that these bytes, which stayed in the file, are."""
        if not isinstance(content, LongArgument):
            raise MalformedPickle("a tensor without numbers")
        if content.position not in self._known:
            self._known[content.position] = _storage(self._file, content)
        return self._known[content.position]


def _storage(file: io.BufferedIOBase, content: LongArgument) -> Storage:
    """Read the header of a storage that is embedded in `file`; the file's position is left as it was."""
    before, end = file.tell(), content.position + content.length
    header_end = min(end, content.position + _LONGEST_HEADER)
    file.seek(content.position)
    storages = {("torch", name): Inert for name in _STORAGES}

    def next_value() -> Any:
        return Machine(file, header_end, storages, persistent=lambda value: value).run()

    if next_value() != _MAGIC or next_value() != _PROTOCOL:
        raise MalformedPickle("a tensor that is not in torch's first format")
    system, description, _keys = next_value(), next_value(), next_value()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise MalformedPickle("a tensor of a big-endian machine")
    kind, count = _storage_parts(description)
    dtype, width = _STORAGES[kind]
    stored = int.from_bytes(file.read(_COUNT_BYTES), "little")
    position = file.tell()
    if stored != count or position + count * width > end:
        raise MalformedPickle(f"a tensor of {count} numbers that holds another number of them")
    file.seek(before)
    return Storage(dtype, width, position, count)


def _storage_parts(description: Any) -> tuple[str, int]:
    if isinstance(description, tuple) and len(description) >= 5 and description[0] == "storage":
        _, kind, _key, _location, count = description[:5]
        if isinstance(kind, Named) and type(count) is int and count >= 0:
            return kind.name, count
    raise MalformedPickle("a tensor whose storage is not described")


def tensor_of(storage: Any = None, offset: Any = 0, shape: Any = None, stride: Any = None, *_: object) -> StoredTensor:
    """`torch._utils._rebuild_tensor_v2`: a view of a storage, within its bounds."""
    sizes = (shape, stride)
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise MalformedPickle("a tensor without a storage")
    if not all(isinstance(part, tuple) and all(type(n) is int and n >= 0 for n in part) for part in sizes):
        raise MalformedPickle("a tensor whose shape is not made of counts")
    if len(shape) != len(stride) or len(shape) > _MOST_DIMENSIONS:
        raise MalformedPickle(f"a tensor of {len(shape)} dimensions with {len(stride)} strides")
    if 0 not in shape and offset + _reach(shape, stride) > storage.count:
        raise MalformedPickle(f"a tensor of shape {shape} that reaches beyond its {storage.count} numbers")
    return StoredTensor(storage.dtype, shape, stride, storage.position + offset * storage.width, storage.width)


def _reach(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """From the first element to behind the last one."""
    return 1 + sum((extent - 1) * step for extent, step in zip(shape, stride, strict=True))

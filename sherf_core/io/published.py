"""Read checkpoints of the published code, which are pickles of whole modules that carry their own source text.

Only names and numbers are taken out of them: no text is run, nothing that they name is imported, and no tensor is read
before it is asked for. Such a file is a dict of networks (`G`, `D`, `G_ema`). A network is a tree of modules, each a
class name with a dict of attributes; its parameters are tensors over storages, and a storage is a small file in torch's
first format, embedded as bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sherf_core.errors import BrokenFileError, CheckpointError, UnsafePickleError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.pickle_machine import Machine
from sherf_core.io.pickle_opcodes import LongArgument, MalformedPickle
from sherf_core.io.pickle_values import Budget, Inert, Named
from sherf_core.io.safe_pickle import typed_errors
from sherf_core.io.sniff import FileKind, require_kind

NETWORKS = ("G", "G_ema")
"""The networks that can be asked for: the raw weights, which the published evaluation uses, and their average."""

# Longer arguments stay in the file: source texts, body arrays, and every storage (its header alone is longer).
_KEPT_IN_FILE = 200
_DEEPEST_MODULE = 64
# Parts and entries that are looked at: a file whose parts share parts could otherwise be walked for ever.
_MOST_PARTS = 100_000
# A network's classes come from these packages. Each of them becomes a `Module`, whatever it is called.
_PACKAGES = frozenset({"training", "torch_utils", "dnnlib", "torch", "torchvision", "spconv", "cumm"})
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
        """Its elements, in C order, as unsigned integers of their width (numpy knows no bfloat16)."""
        kind = np.dtype(f"<u{self.width}")
        if 0 in self.shape:
            return np.empty(self.shape, kind)
        file.seek(self.position)
        flat = np.frombuffer(file.read(_reach(self.shape, self.stride) * self.width), kind)
        steps = tuple(step * self.width for step in self.stride)
        # Within `flat`: the reach was held against the storage when the tensor was made.
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False).copy(order="C")


@dataclass(frozen=True)
class PublishedNetwork:
    """One network of a file.

    Args:
        tensors: its parameters and buffers by their names in the state dict.
        settings: the plain arguments that it was made with, for the record.
    """

    tensors: Mapping[str, StoredTensor]
    settings: Mapping[str, Any]


def read_published(path: str | os.PathLike[str], which: str = "G") -> PublishedNetwork:
    """Find a network's tensors in a checkpoint of the published code; their numbers stay in the file.

    Args:
        path: the file.
        which: `G` or `G_ema`.

    Raises:
        CheckpointError: CKPT.MISSING, CKPT.FILE (not a whole pickle, or not of such modules) or CKPT.KEYS (no such
            network in it).
        UnsafePickleError: it names something that no checkpoint needs; nothing of it was run.
    """
    path = Path(path)
    with _checkpoint_errors(path):
        size = require_kind(path, FileKind.PICKLE).size
        with typed_errors(path), path.open("rb") as file:
            names = _Names(file)
            content = Machine(file, size, names, skip_longer_than=_KEPT_IN_FILE).run()
            if not isinstance(content, dict):
                raise MalformedPickle("it holds no dictionary of networks")
            network = content.get(which)
            if isinstance(network, Module):
                return PublishedNetwork(dict(network.tensors(Budget(_MOST_PARTS))), network.settings())
    found = ", ".join(str(name) for name, value in content.items() if isinstance(value, Module)) or "none"
    raise CheckpointError(
        f"{path} holds no network {which} (networks in it: {found})",
        expected="a checkpoint of the published code, with G and G_ema",
        fix="take the file as it was published, or another network that is in it (`sherfctl convert --which`)",
        code="CKPT.KEYS",
        path=path,
    )


@contextmanager
def _checkpoint_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except UnsafePickleError as error:
        raise UnsafePickleError(
            error.found, expected="what a network is made of", fix=error.fix, code="CKPT.FILE", path=path
        ) from error
    except BrokenFileError as error:
        code = "CKPT.MISSING" if error.code == "MISSING" else "CKPT.FILE"
        raise CheckpointError(
            error.found, expected="a whole SHERF_*.pkl of the published code", fix=error.fix, code=code, path=path
        ) from error


class Module(Inert):
    """Anything with attributes: a network, a layer, a settings object. It keeps what the file gives it."""

    def __init__(self, *_arguments: object) -> None:
        self.attributes: dict[Any, Any] = {}

    def build(self, state: Any) -> None:
        """Take attributes: a dict, or dicts in a tuple (where a class has slots)."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.attributes.update(part)

    def extend(self, items: list[Any]) -> None:
        """Take the entries of a settings object, which is a dict."""
        if len(items) % 2 == 0:
            pairs = zip(items[::2], items[1::2], strict=True)
            self.attributes.update((key, value) for key, value in pairs if isinstance(key, str))

    def call(self, arguments: tuple[Any, ...]) -> object:
        """What the file thinks to get by calling it: one more inert thing."""
        return Module()

    def tensors(self, budget: Budget, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, StoredTensor]]:
        """Names and tensors of the state dict: parameters, buffers that are saved, then those of the parts."""
        budget.spend(1)
        if depth > _DEEPEST_MODULE:
            raise MalformedPickle(f"modules nested more than {_DEEPEST_MODULE} deep")
        unsaved = self.attributes.get("_non_persistent_buffers_set", ())
        for kind in ("_parameters", "_buffers"):
            for name, tensor in _entries(self.attributes.get(kind)):
                if isinstance(tensor, StoredTensor) and not (kind == "_buffers" and name in unsaved):
                    yield prefix + name, tensor
        for name, part in _entries(self.attributes.get("_modules")):
            if isinstance(part, Module):
                yield from part.tensors(budget, f"{prefix}{name}.", depth + 1)

    def settings(self) -> dict[str, Any]:
        """The arguments by name that the network was made with, as far as they are plain values."""
        plain = _plain(self.attributes.get("_init_kwargs"), Budget(_MOST_PARTS))
        return plain if isinstance(plain, dict) else {}


def _entries(table: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(table, Module):
        table = table.attributes
    if isinstance(table, dict):
        yield from ((name, value) for name, value in table.items() if isinstance(name, str))


def _plain(value: Any, budget: Budget, depth: int = 0) -> Any:
    """The value in JSON's own types; None stands for what has none there."""
    budget.spend(1)
    if isinstance(value, Module):
        value = value.attributes
    if depth > _DEEPEST_MODULE:
        raise MalformedPickle(f"settings nested more than {_DEEPEST_MODULE} deep")
    if isinstance(value, dict):
        return {key: _plain(entry, budget, depth + 1) for key, entry in value.items() if isinstance(key, str)}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, budget, depth + 1) for entry in value]
    return value if isinstance(value, (str, int, float, bool)) else None


class _Names(Mapping[tuple[str, str], Callable[..., object]]):
    """What the globals of a checkpoint stand for: pure functions of ours, and `Module` for every class of a network."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._pure: dict[tuple[str, str], Callable[..., object]] = {
            **BODY_CONSTRUCTORS,
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch.storage", "_load_from_bytes"): lambda content=None, *_: _storage(file, content),
            # A hook of the sparse library asks for it. Here it is a thing like any other, and nothing is looked up.
            ("builtins", "getattr"): Module,
        }

    def __getitem__(self, key: tuple[str, str]) -> Callable[..., object]:
        if key not in self._pure and key[0].partition(".")[0] in _PACKAGES:
            return Module
        return self._pure[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pure)

    def __len__(self) -> int:
        return len(self._pure)


def _persistent(description: object = None, *_: object) -> Module:
    if not isinstance(description, dict):
        raise MalformedPickle("a module of the published code without its description")
    module = Module()
    module.build(description.get("state"))
    return module


@dataclass(frozen=True)
class _Storage(Inert):
    """`count` elements of `width` bytes, from byte `position` of the file on."""

    dtype: str
    width: int
    position: int
    count: int


def _storage(file: io.BufferedIOBase, content: object) -> _Storage:
    """Read the header of a storage that is embedded in `file`; the file's position is left as it was."""
    if not isinstance(content, LongArgument):
        raise MalformedPickle("a tensor without numbers")
    before, end = file.tell(), content.position + content.length
    file.seek(content.position)
    storages = {("torch", name): Module for name in _STORAGES}

    def next_value() -> Any:
        return Machine(file, end, storages, persistent=lambda value: value).run()

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
    return _Storage(dtype, width, position, count)


def _storage_parts(description: Any) -> tuple[str, int]:
    if isinstance(description, tuple) and len(description) >= 5 and description[0] == "storage":
        _, kind, _key, _location, count = description[:5]
        if isinstance(kind, Named) and type(count) is int and count >= 0:
            return kind.name, count
    raise MalformedPickle("a tensor whose storage is not described")


def _tensor(storage: Any = None, offset: Any = 0, shape: Any = None, stride: Any = None, *_: object) -> StoredTensor:
    sizes = (shape, stride)
    if not isinstance(storage, _Storage) or type(offset) is not int or offset < 0:
        raise MalformedPickle("a tensor without a storage")
    if not all(isinstance(part, tuple) and all(type(n) is int and n >= 0 for n in part) for part in sizes):
        raise MalformedPickle("a tensor whose shape is not made of counts")
    if len(shape) != len(stride) or len(shape) > 32:
        raise MalformedPickle(f"a tensor of {len(shape)} dimensions with {len(stride)} strides")
    if 0 not in shape and offset + _reach(shape, stride) > storage.count:
        raise MalformedPickle(f"a tensor of shape {shape} that reaches beyond its {storage.count} numbers")
    return StoredTensor(storage.dtype, shape, stride, storage.position + offset * storage.width, storage.width)


def _reach(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """From the first element to behind the last one."""
    return 1 + sum((extent - 1) * step for extent, step in zip(shape, stride, strict=True))


def _parameter(tensor: object = None, *_: object) -> object:
    return tensor

"""Read checkpoints of the published code, which are pickles of whole modules that carry their own source text.

Only names and numbers are taken out of them: no text is run, nothing that they name is imported, and no tensor is read
before it is asked for. Such a file is a dict of networks (`G`, `D`, `G_ema`). A network is a tree of modules, each a
class name with a dict of attributes; its parameters are tensors over storages, and a storage is a small file in torch's
first format, embedded as bytes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sherf_core.errors import BrokenFileError, CheckpointError, UnsafePickleError
from sherf_core.io.pickle_chumpy import BODY_CONSTRUCTORS
from sherf_core.io.pickle_machine import Machine
from sherf_core.io.pickle_opcodes import MalformedPickle
from sherf_core.io.pickle_values import Budget, Inert
from sherf_core.io.safe_pickle import typed_errors
from sherf_core.io.sniff import FileKind, require_kind
from sherf_core.io.stored_tensors import Storages, StoredTensor, tensor_of

NETWORKS = ("G", "G_ema")
"""The networks that can be asked for: the raw weights, which the published evaluation uses, and their average."""

# Longer arguments stay in the file: source texts, body arrays, and every storage (its header alone is longer).
_KEPT_IN_FILE = 200
_DEEPEST_MODULE = 64
# Parts, entries and characters of names that are looked at (a network of the published size takes 0.2 million). A file
# whose parts share parts could otherwise be walked for ever.
_MOST_WORK = 10_000_000
# The dicts of an object: its attributes and its slots, or its entries.
_MOST_STATES = 8
_SHOWN_NAMES, _SHOWN_CHARACTERS = 5, 40
# A network's classes come from these packages. Each of them becomes a `Module`, whatever it is called.
_PACKAGES = frozenset({"training", "torch_utils", "dnnlib", "torch", "torchvision", "spconv", "cumm"})


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
                return PublishedNetwork(dict(network.tensors(Budget(_MOST_WORK))), network.settings())
    present = [name for name, value in content.items() if isinstance(value, Module) and isinstance(name, str)]
    found = ", ".join(ascii(name[:_SHOWN_CHARACTERS])[1:-1] for name in present[:_SHOWN_NAMES]) or "none"
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
    """Anything with attributes: a network, a layer, a settings object. It refers to the dicts that the file gives it.

    They are not copied: any number of objects can share one of any size.
    """

    def __init__(self, *_arguments: object) -> None:
        self._states: list[dict[Any, Any]] = []
        self._entries: dict[str, Any] = {}

    def build(self, state: Any) -> None:
        """Take attributes: a dict, or dicts in a tuple (where a class has slots)."""
        parts = state if isinstance(state, tuple) else (state,)
        if len(self._states) + len(parts) > _MOST_STATES:
            raise MalformedPickle(f"an object with the attributes of more than {_MOST_STATES}")
        self._states.extend(part for part in parts if isinstance(part, dict))

    def extend(self, items: list[Any]) -> None:
        """Take the entries of a settings object, which is a dict."""
        if len(items) % 2 == 0:
            pairs = zip(items[::2], items[1::2], strict=True)
            self._entries.update((key, value) for key, value in pairs if isinstance(key, str))

    def call(self, arguments: tuple[Any, ...]) -> object:
        """What the file thinks to get by calling it: one more inert thing."""
        return Module()

    def attribute(self, name: str) -> Any:
        """What the file set last under this name, None if nothing."""
        return next((state[name] for state in reversed(self._states) if name in state), None)

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """All keys and values: attributes, then entries."""
        for table in (*self._states, self._entries):
            yield from table.items()

    def tensors(self, budget: Budget, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, StoredTensor]]:
        """Names and tensors of the state dict: parameters, buffers that are saved, then those of the parts."""
        budget.spend(1)
        if depth > _DEEPEST_MODULE:
            raise MalformedPickle(f"modules nested more than {_DEEPEST_MODULE} deep")
        unsaved = self.attribute("_non_persistent_buffers_set")
        if not isinstance(unsaved, (set, frozenset, type(None))):
            raise MalformedPickle("a module whose unsaved buffers are no set")
        for kind in ("_parameters", "_buffers"):
            for name, tensor in _entries(self.attribute(kind), budget, prefix):
                if isinstance(tensor, StoredTensor) and not (kind == "_buffers" and unsaved and name in unsaved):
                    yield prefix + name, tensor
        for name, part in _entries(self.attribute("_modules"), budget, prefix):
            if isinstance(part, Module):
                yield from part.tensors(budget, f"{prefix}{name}.", depth + 1)

    def settings(self) -> dict[str, Any]:
        """The arguments by name that the network was made with, as far as they are plain values."""
        plain = _plain(self.attribute("_init_kwargs"), Budget(_MOST_WORK))
        return plain if isinstance(plain, dict) else {}


def _entries(table: Any, budget: Budget, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The entries under texts of a dict, or of an object that is one; `prefix` is what the caller puts before them."""
    if isinstance(table, (dict, Module)):
        for name, value in table.entries() if isinstance(table, Module) else table.items():
            budget.spend(1)
            if isinstance(name, str):
                budget.spend(len(prefix) + len(name))
                yield name, value


def _plain(value: Any, budget: Budget, depth: int = 0) -> Any:
    """The value in JSON's own types; None stands for what has none there."""
    if depth > _DEEPEST_MODULE:
        raise MalformedPickle(f"settings nested more than {_DEEPEST_MODULE} deep")
    if isinstance(value, (dict, Module)):
        return {key: _plain(entry, budget, depth + 1) for key, entry in _entries(value, budget)}
    if isinstance(value, (list, tuple)):
        budget.spend(len(value))
        return [_plain(entry, budget, depth + 1) for entry in value]
    if isinstance(value, (str, int)):
        budget.spend(len(value) if isinstance(value, str) else value.bit_length())
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


class _Names(Mapping[tuple[str, str], Callable[..., object]]):
    """What the globals of a checkpoint stand for: pure functions of ours, and `Module` for every class of a network."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._pure: dict[tuple[str, str], Callable[..., object]] = {
            **BODY_CONSTRUCTORS,
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
            ("torch._utils", "_rebuild_parameter"): lambda tensor=None, *_: tensor,
            ("torch._utils", "_rebuild_tensor_v2"): tensor_of,
            ("torch.storage", "_load_from_bytes"): Storages(file).load,
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

"""Collectors for the user's body model and checkpoint: what the files hold, whatever their names say."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from checks.facts.records import FileFacts
from sherf_core.errors import SherfError
from sherf_core.io.manifest import TensorShape, require_fit
from sherf_core.io.sniff import FileKind, inspect_pickle, require_kind

LARGEST_HEADER = 64 * 1024 * 1024


def body_facts(path: Path) -> FileFacts:
    """Read a body file with the restricted reader and say what is wrong with it, if anything is."""
    from sherf_core.body.files import load_body

    try:
        body = load_body(path)
    except SherfError as error:
        return _problem(path, error, "SMPL", default="STRUCT")
    return FileFacts(
        path=str(path),
        bytes=_size(path),
        vertices=len(body.v_template),
        shape_components=body.shape_components,
    )


def checkpoint_facts(path: Path, expected: Mapping[str, TensorShape]) -> FileFacts:
    """Look at a checkpoint's kind, and at the names and shapes in a safetensors header; no weights are read.

    Args:
        path: the file.
        expected: the model's tensors by name.
    """
    try:
        facts = require_kind(path, FileKind.SAFETENSORS, FileKind.PICKLE)
    except SherfError as error:
        return _problem(path, error, "CKPT", default="FILE", only_default=True)
    if facts.kind is FileKind.PICKLE:
        return _published(path)
    try:
        shapes, complete = safetensors_shapes(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        return _broken(path, f"its header cannot be read: {error}")
    if not complete:
        return _broken(path, "it is shorter than its header says: the download was cut")
    try:
        require_fit(path, shapes, expected)
    except SherfError as error:
        return _problem(path, error, "CKPT", default="KEYS")
    return FileFacts(path=str(path), bytes=_size(path))


def safetensors_shapes(path: Path) -> tuple[dict[str, tuple[int, ...]], bool]:
    """Names and shapes out of a safetensors header, and whether the file is as long as the header says."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LARGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    return {name: tuple(entry["shape"]) for name, entry in tensors.items()}, path.stat().st_size >= 8 + length + end


def _published(path: Path) -> FileFacts:
    pickle = inspect_pickle(path)
    if pickle.problem:
        return _broken(path, pickle.problem)
    return FileFacts(
        path=str(path),
        bytes=_size(path),
        problem="CKPT.PERSISTENCE",
        found=f"{path} is a pickle of the published code ({len(pickle.globals)} kinds of objects)",
    )


def _broken(path: Path, why: str) -> FileFacts:
    return FileFacts(path=str(path), bytes=_size(path), problem="CKPT.FILE", found=f"{path}: {why}")


def _problem(path: Path, error: SherfError, prefix: str, *, default: str, only_default: bool = False) -> FileFacts:
    code = default if only_default or not error.code else error.code.rpartition(".")[2]
    return FileFacts(
        path=str(path),
        bytes=_size(path),
        problem=f"{prefix}.{code}",
        found=error.found,
        expected=error.expected,
        fix=error.fix,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None

"""Collector for the user's checkpoint: names and shapes in its header; no weights are read."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from checks.facts.opened import opened, problem_of
from checks.facts.records import FileFacts
from sherf_core.errors import BrokenFileError, SherfError
from sherf_core.io.manifest import UNUSED_PREFIX, TensorShape, require_fit
from sherf_core.io.sniff import FileKind, require_kind

LARGEST_HEADER = 64 * 1024 * 1024
# Which part of the model makes which of the three features, as the authors call them, and what joins them.
PARTS = {
    "backbone.": "the global (1D) feature",
    "encoder_2d_feature.": "the pixel-aligned (2D) feature",
    "renderer.encoder_3d.": "the point-based (3D) feature",
    "renderer.transformer.": "the fusion of the features",
}
OLD_LAYOUT = "its sparse convolutions have the layout of spconv 1.x, which is turned when they are read"


def checkpoint_facts(path: Path, expected: Mapping[str, TensorShape], quick: bool = False) -> FileFacts:
    """Look at a checkpoint's kind, and at the names and shapes of what it holds; no numbers are read.

    No fingerprint is taken: there is none to compare it with.

    Args:
        path: the file.
        expected: the model's tensors by name.
        quick: whether to look at its first bytes only.
    """
    facts = opened(path, "CKPT.MISSING")
    if facts.problem or not facts.readable:
        return facts
    return facts.model_copy(update=_look(path, expected, quick))


def _look(path: Path, expected: Mapping[str, TensorShape], quick: bool) -> dict[str, object]:
    try:
        kind = require_kind(path, FileKind.SAFETENSORS, FileKind.PICKLE).kind
    except BrokenFileError as error:
        if error.code == "ZIP" and _is_torch_save(path):
            return _broken(path, "it is a file of torch.save, which is neither .safetensors nor the published form")
        return problem_of(error, "CKPT.FILE")
    if kind is FileKind.PICKLE:
        return _published(path, expected, quick)
    if quick:
        return {}
    try:
        shapes, complete = safetensors_shapes(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        return _broken(path, f"its header cannot be read: {error}")
    if not complete:
        return _broken(path, "it is shorter than its header says: the download was cut")
    notes = tuple(what_names_tell(shapes, expected))
    try:
        require_fit(path, shapes, expected)
    except SherfError as error:
        return {**problem_of(error, "CKPT.KEYS"), "notes": notes}
    return {"notes": notes}


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


def what_names_tell(shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, TensorShape]) -> Iterable[str]:
    """How a model was made that has these names and shapes, where they tell."""
    if any(name in shapes and shapes[name] == tensor.first_layout for name, tensor in expected.items()):
        yield OLD_LAYOUT
    prefix = _common_prefix(shapes, expected)
    if prefix:
        yield f"every name begins with {prefix!r}: without that, they are the model's"
        return
    for start, words in PARTS.items():
        wanted = [name for name in expected if name.startswith(start)]
        if wanted and not any(name.startswith(start) for name in shapes):
            yield f"nothing is named {start}*: it was trained without {words}"
    known = {name.partition(".")[0] for name in (*expected, UNUSED_PREFIX)}
    strange = sorted({name.partition(".")[0] for name in shapes} - known)
    if strange:
        yield f"parts that the published model does not have: {', '.join(strange[:5])}"


def _common_prefix(shapes: Mapping[str, object], expected: Mapping[str, object]) -> str:
    """What stands before every name of a model that was wrapped or nested when it was saved, such as `module.`."""
    if not expected:
        return ""
    last = max(expected, key=len)
    nested = next((name for name in shapes if name.endswith("." + last)), "")
    prefix = nested.removesuffix(last)
    return prefix if prefix and all(name.startswith(prefix) for name in shapes) else ""


def _is_torch_save(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _published(path: Path, expected: Mapping[str, TensorShape], quick: bool) -> dict[str, object]:
    """A pickle of the published code: the names and shapes of its network, no numbers."""
    readable: dict[str, object] = {"problem": "CKPT.PERSISTENCE", "found": f"{path} is a pickle of the published code"}
    if quick:
        return readable
    from sherf_core.io.published import read_published

    try:
        network = read_published(path)
        shapes = {name: tensor.shape for name, tensor in network.tensors.items()}
        notes = tuple(what_names_tell(shapes, expected))
    except SherfError as error:
        return problem_of(error, error.code)
    try:
        require_fit(path, shapes, expected)
    except SherfError as error:
        return {**problem_of(error, "CKPT.KEYS"), "notes": notes}
    return {**readable, "notes": notes}


def _broken(path: Path, why: str) -> dict[str, object]:
    return {"problem": "CKPT.FILE", "found": f"{path}: {why}"}

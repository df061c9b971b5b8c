"""The files of one checkpoint: how they are written, and what is compared when they are read.

FOLDER/weights.safetensors     the model, with the published names: `run eval --checkpoint` reads it
FOLDER/state.safetensors       everything else that is a tensor: average, optimiser, scaler
FOLDER/state.json              the rest, and the sha256 of all three
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sherf_core.errors import CheckpointError
from sherf_core.io.digest import sha256

FORMAT = 1
WEIGHTS, STATE, DOCUMENT = "weights.safetensors", "state.safetensors", "state.json"
WEIGHTS_PREFIX = "weights."

TensorWriter = Callable[[dict[str, Tensor], Path], None]


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read and found whole.

    Attributes:
        tensors: everything that was saved, under the names it was saved by, on the CPU.
        plain: the JSON values that were saved with it.
        metric: the measurement by which the best one is kept, if it was given.
    """

    path: Path
    step: int
    tensors: dict[str, Tensor]
    plain: dict[str, Any]
    metric: float | None


def write_checkpoint(
    folder: Path,
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, Any],
    *,
    step: int,
    metric: float | None,
    write: TensorWriter = save_file,
) -> None:
    """Write the files into an empty folder, and wait until they are on the disk."""
    groups: dict[str, dict[str, Tensor]] = {WEIGHTS: {}, STATE: {}}
    for name, tensor in tensors.items():
        is_weight = name.startswith(WEIGHTS_PREFIX)
        # Each with memory of its own: safetensors refuses tensors that share it.
        copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        groups[WEIGHTS if is_weight else STATE][name.removeprefix(WEIGHTS_PREFIX) if is_weight else name] = copy
    files = {}
    for name, group in groups.items():
        write(group, folder / name)
        flush(folder / name)
        files[name] = {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
    finite = metric if metric is not None and math.isfinite(metric) else None
    content = {"format": FORMAT, "step": step, "metric": finite, "files": files, "state": dict(plain)}
    # The digest is of what a reader will see: JSON has neither tuples nor keys that are numbers.
    document = json.loads(json.dumps(content, allow_nan=False))
    document["sha256"] = _digest(document)
    (folder / DOCUMENT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    flush(folder / DOCUMENT)
    flush(folder)


def read_checkpoint(folder: Path) -> Saved:
    """Read a checkpoint, and compare its files with their digests.

    Raises:
        CheckpointError: CKPT.MISSING or CKPT.FILE; `found` says what is wrong.
    """
    if not folder.is_dir():
        fix = f"name a folder that holds {DOCUMENT}, such as RUN/checkpoints/checkpoint-00001234"
        raise CheckpointError(f"{folder} is no checkpoint's folder", fix=fix, code="CKPT.MISSING", path=folder)
    document = read_document(folder)
    for name in (WEIGHTS, STATE):
        _require_digest(folder / name, document["files"].get(name, {}))
    try:
        weights, rest = load_file(folder / WEIGHTS), load_file(folder / STATE)
    except (SafetensorError, OSError) as error:
        raise _broken(folder, f"it cannot be read: {error}") from error
    tensors = {**{WEIGHTS_PREFIX + name: tensor for name, tensor in weights.items()}, **rest}
    return Saved(folder, document["step"], tensors, document["state"], document["metric"])


def read_document(folder: Path) -> dict[str, Any]:
    """The description alone, which has a digest of its own.

    Raises:
        CheckpointError: CKPT.FILE.
    """
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _broken(folder, f"{DOCUMENT} is missing") from error
    except (OSError, ValueError) as error:
        raise _broken(folder, f"{DOCUMENT} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("sha256") != _digest(document):
        raise _broken(folder, f"{DOCUMENT} does not have the digest that was written with it")
    if document["format"] != FORMAT:
        raise _broken(folder, f"its format is {document['format']}, and this version reads {FORMAT}")
    return document


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such thing for folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(document: Mapping[str, Any]) -> str:
    """Of everything in the description but this digest itself."""
    content = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_digest(path: Path, expected: Mapping[str, Any]) -> None:
    try:
        size = path.stat().st_size
        if size != expected.get("bytes"):
            raise _broken(path.parent, f"{path.name} has {size} bytes instead of {expected.get('bytes')}")
        if sha256(path) != expected.get("sha256"):
            raise _broken(path.parent, f"{path.name} does not have the digest that was written with it")
    except FileNotFoundError as error:
        raise _broken(path.parent, f"{path.name} is missing") from error
    except OSError as error:
        raise _broken(path.parent, f"{path.name} cannot be read: {error}") from error


def _broken(folder: Path, why: str) -> CheckpointError:
    found = f"{folder} cannot be used: {why}"
    return CheckpointError(found, fix="resume from another checkpoint", code="CKPT.FILE", path=folder)

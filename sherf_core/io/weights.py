"""Weights of the model: `.safetensors` files with the published parameter names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sherf_core.errors import BrokenFileError, CheckpointError
from sherf_core.io.atomic import atomic_write
from sherf_core.io.digest import sha256
from sherf_core.io.sniff import FileKind, require_kind

__all__ = ["TensorShape", "check_header", "load_weights", "manifest", "read_metadata", "save_weights", "sha256"]

IGNORED_PREFIX = "superresolution."
"""Published files carry an upsampler that the published model never runs; its names are known and left out."""
_NAMES_SHOWN = 5
_FIX = "use weights of the published configuration; a file of another version or other feature flags does not fit"


@dataclass(frozen=True)
class TensorShape:
    """What the model expects under one name."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def first_layout(self) -> tuple[int, ...] | None:
        """The shape (kz, ky, kx, in, out) that spconv 1.x gave a sparse convolution, which is (out, kz, ky, kx, in)."""
        if len(self.shape) != 5:
            return None
        return (*self.shape[1:], self.shape[0])


@lru_cache(maxsize=1)
def manifest() -> dict[str, TensorShape]:
    """Every parameter and buffer of the model, in the published order, without the unused upsampler."""
    entries = json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))
    return {name: TensorShape(tuple(shape), getattr(torch, dtype)) for name, (dtype, shape) in entries.items()}


def check_header(path: str | os.PathLike[str]) -> None:
    """See from a weights file's header alone whether its names and shapes are the model's.

    Raises:
        CheckpointError: as `load_weights`, but for the tensors' types.
    """
    path = Path(path)
    _require_safetensors(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _require_header(path, file)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The model's state, on the CPU, complete and with the manifest's shapes and types.

    Sparse convolutions in the layout of spconv 1.x are turned into today's; half precision becomes float32.

    Raises:
        CheckpointError: CKPT.MISSING, CKPT.FILE (not a whole safetensors file), CKPT.PERSISTENCE (a pickle) or
            CKPT.KEYS (names, shapes or types that are not the model's).
    """
    path = Path(path)
    _require_safetensors(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _require_header(path, file)  # from the header: nothing is read of a file that does not fit
            tensors = {name: file.get_tensor(name) for name in manifest()}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    _require_types(path, tensors)
    return {name: _fitted(tensor, manifest()[name]) for name, tensor in tensors.items()}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a weights file: configuration, source hash and what else its writer said."""
    path = Path(path)
    _require_safetensors(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def save_weights(
    path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a state whole and atomically, with its metadata.

    Raises:
        CheckpointError: CKPT.KEYS, if the state is not the model's; nothing is written then.
    """
    path = Path(path)
    state = {name: tensor for name, tensor in state.items() if not name.startswith(IGNORED_PREFIX)}
    _require_names(path, state)
    _require_shapes(path, {name: tuple(tensor.shape) for name, tensor in state.items()})
    _require_types(path, state)
    # safetensors refuses tensors that share memory, as buffers of a module may: each gets its own.
    plain = {
        name: _fitted(state[name].detach().cpu(), expected).clone(memory_format=torch.contiguous_format)
        for name, expected in manifest().items()
    }
    with atomic_write(path) as temporary:
        save_file(plain, temporary, metadata=dict(metadata or {}))


def _require_header(path: Path, file: safe_open) -> None:
    """Compare the names and shapes in an open file's header with the manifest."""
    names = [name for name in file.keys() if not name.startswith(IGNORED_PREFIX)]  # noqa: SIM118
    _require_names(path, names)
    _require_shapes(path, {name: tuple(file.get_slice(name).get_shape()) for name in names})


def _require_safetensors(path: Path) -> None:
    try:
        require_kind(path, FileKind.SAFETENSORS)
    except BrokenFileError as error:
        if error.code == "STRUCT" and path.suffix.lower() in (".pkl", ".pickle"):
            raise CheckpointError(
                f"{path} is a pickle, the form in which the original weights were published",
                expected="a .safetensors file",
                fix="a command `sherfctl convert` is to turn published pickles into .safetensors; this version does "
                "not have it yet, so there is no way to use this file here for now",
                code="CKPT.PERSISTENCE",
                path=path,
            ) from error
        code = "CKPT.MISSING" if error.code == "MISSING" else "CKPT.FILE"
        raise CheckpointError(
            error.found, expected="a .safetensors file", fix=error.fix, code=code, path=path
        ) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    fix = "download it again or resume the download"
    return CheckpointError(f"{path} is cut short or damaged: {error}", fix=fix, code="CKPT.FILE", path=path)


def _require_names(path: Path, names: Iterable[str]) -> None:
    present, expected = set(names), manifest()
    missing = [name for name in expected if name not in present]
    unexpected = sorted(present - expected.keys())
    complaints = [_listed("missing", missing)] if missing else []
    complaints += [_listed("unexpected", unexpected)] if unexpected else []
    _complain(path, complaints)


def _require_shapes(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    wrong = []
    for name, expected in manifest().items():
        if shapes[name] not in (expected.shape, expected.first_layout):
            wrong.append(f"{name} {shapes[name]} instead of {expected.shape}")
    _complain(path, [_listed("of the wrong shape", wrong)] if wrong else [])


def _require_types(path: Path, tensors: Mapping[str, Tensor]) -> None:
    wrong = []
    for name, expected in manifest().items():
        if tensors[name].is_floating_point() != expected.dtype.is_floating_point or tensors[name].is_complex():
            wrong.append(f"{name} {tensors[name].dtype} instead of {expected.dtype}")
    _complain(path, [_listed("of the wrong type", wrong)] if wrong else [])


def _complain(path: Path, complaints: list[str]) -> None:
    if complaints:
        raise CheckpointError(
            f"{path} does not fit the model: {'; '.join(complaints)}",
            expected=f"the {len(manifest())} names, shapes and types of the published model",
            fix=_FIX,
            code="CKPT.KEYS",
            path=path,
        )


def _listed(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    rest = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} {what} ({shown}{rest})"


def _fitted(tensor: Tensor, expected: TensorShape) -> Tensor:
    """The tensor in the manifest's layout and type."""
    if tuple(tensor.shape) != expected.shape:
        # Only the first layout gets here. Kernels have 3 taps and channels are 32 or more: it cannot be mistaken.
        tensor = tensor.permute(4, 0, 1, 2, 3).contiguous()
    return tensor.to(expected.dtype)

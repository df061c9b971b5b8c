"""Weights of the model: `.safetensors` files with the published parameter names, or the published pickles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sherf_core.errors import BrokenFileError, CheckpointError
from sherf_core.io.atomic import atomic_write
from sherf_core.io.convert import cached_conversion, check_published
from sherf_core.io.manifest import TensorShape, manifest, misfit, require_fit
from sherf_core.io.sniff import FileKind, require_kind, sniff


def check_header(path: str | os.PathLike[str]) -> None:
    """See from a weights file's header, or a published pickle's structure, whether its tensors are the model's.

    Raises:
        CheckpointError, UnsafePickleError: as `load_weights`, but for the types of tensors in a safetensors file.
    """
    path = Path(path)
    if sniff(path).kind is FileKind.PICKLE:
        check_published(path)
        return
    _require_safetensors(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _require_header(path, file)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The model's state, on the CPU, complete and with the manifest's shapes and types.

    Sparse convolutions in the layout of spconv 1.x are turned into today's; half precision becomes float32. A pickle of
    the published code is converted at the first call (its network G), and the conversion kept; see `cached_conversion`.

    Raises:
        CheckpointError: CKPT.MISSING, CKPT.FILE (not a whole file of either kind) or CKPT.KEYS (names, shapes or types
            that are not the model's).
        UnsafePickleError: a pickle that names something else than such a checkpoint needs; nothing of it was run.
    """
    path = Path(path)
    if sniff(path).kind is FileKind.PICKLE:
        path = cached_conversion(path)
    _require_safetensors(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _require_header(path, file)  # from the header: nothing is read of a file that does not fit
            tensors = {name: file.get_tensor(name) for name in manifest()}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    _require_types(path, tensors)
    return {name: _fitted(tensor, manifest()[name]) for name, tensor in tensors.items()}


def save_weights(
    path: str | os.PathLike[str], state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a state whole and atomically, with its metadata.

    Raises:
        CheckpointError: CKPT.KEYS, if the state is not the model's; nothing is written then.
    """
    path = Path(path)
    require_fit(path, {name: tuple(tensor.shape) for name, tensor in state.items()}, manifest())
    _require_types(path, state)
    # safetensors refuses tensors that share memory, as buffers of a module may: each gets its own.
    plain = {
        name: _fitted(state[name].detach().cpu(), expected).clone(memory_format=torch.contiguous_format)
        for name, expected in manifest().items()
    }
    with atomic_write(path) as temporary:
        save_file(plain, temporary, metadata=dict(metadata or {}))


def _require_header(path: Path, file: safe_open) -> None:
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    require_fit(path, shapes, manifest())


def _require_safetensors(path: Path) -> None:
    try:
        require_kind(path, FileKind.SAFETENSORS)
    except BrokenFileError as error:
        code = "CKPT.MISSING" if error.code == "MISSING" else "CKPT.FILE"
        raise CheckpointError(
            error.found,
            expected="a .safetensors file, or a SHERF_*.pkl of the published code",
            fix=error.fix,
            code=code,
            path=path,
        ) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    fix = "download it again or resume the download"
    return CheckpointError(f"{path} is cut short or damaged: {error}", fix=fix, code="CKPT.FILE", path=path)


def _require_types(path: Path, tensors: Mapping[str, Tensor]) -> None:
    wrong = []
    for name, expected in manifest().items():
        floating = getattr(torch, expected.dtype).is_floating_point
        if tensors[name].is_floating_point() != floating or tensors[name].is_complex():
            wrong.append(f"{name} {tensors[name].dtype} instead of torch.{expected.dtype}")
    if wrong:
        raise misfit(path, {"of the wrong type": wrong}, manifest())


def _fitted(tensor: Tensor, expected: TensorShape) -> Tensor:
    """The tensor in the manifest's layout and type."""
    if tuple(tensor.shape) != expected.shape:
        # Only the first layout gets here. Kernels have 3 taps and channels are 32 or more: it cannot be mistaken.
        tensor = tensor.permute(4, 0, 1, 2, 3).contiguous()
    return tensor.to(getattr(torch, expected.dtype))

"""What the model's tensors are called, and their shapes. Imports no torch: the doctor compares files with it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sherf_core.errors import CheckpointError

UNUSED_PREFIX = "superresolution."
"""Published files carry an upsampler that the published model never runs; its names are known and left out."""
_SHOWN, _SHOWN_CHARACTERS = 5, 100


@dataclass(frozen=True)
class TensorShape:
    """What the model expects under one name; the type is torch's name for it, such as float32."""

    shape: tuple[int, ...]
    dtype: str

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
    return {name: TensorShape(tuple(shape), dtype) for name, (dtype, shape) in entries.items()}


def require_fit(path: Path, shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, TensorShape]) -> None:
    """Compare the names and shapes of a weights file with the model's; the unused upsampler may be there.

    Args:
        path: the file, for the message.
        shapes: what it holds.
        expected: what the model has.

    Raises:
        CheckpointError: CKPT.KEYS.
    """
    missing = [name for name in expected if name not in shapes]
    unexpected = sorted(name for name in shapes.keys() - expected.keys() if not name.startswith(UNUSED_PREFIX))
    wrong = [
        f"{name} {shapes[name]} instead of {tensor.shape}"
        for name, tensor in expected.items()
        if name in shapes and shapes[name] not in (tensor.shape, tensor.first_layout)
    ]
    complaints = {"missing": missing, "unexpected": unexpected, "of the wrong shape": wrong}
    if any(complaints.values()):
        raise misfit(path, complaints, expected)


def misfit(path: Path, complaints: Mapping[str, list[str]], expected: Mapping[str, TensorShape]) -> CheckpointError:
    """The error for a file of another model; each complaint names the tensors that it is about."""
    found = "; ".join(_listed(what, names) for what, names in complaints.items() if names)
    return CheckpointError(
        f"{path} does not fit the model: {found}",
        expected=f"the {len(expected)} names, shapes and types of the published model",
        fix="use weights of the published configuration; a file of another version or other feature flags does not fit",
        code="CKPT.KEYS",
        path=path,
    )


def _listed(what: str, names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    # Names come from files: they can be of any length, and hold what terminals take for commands.
    shown = ", ".join(ascii(name[:_SHOWN_CHARACTERS])[1:-1] for name in names[:_SHOWN])
    return f"{len(names)} {what} ({shown}{rest})"

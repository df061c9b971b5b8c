"""The published checkpoint's real structure: names, shapes and numbers, and weights that go the whole way."""

from __future__ import annotations

import io
import json
import lzma
import pickle
import shutil
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sherf_core.io.convert import convert_checkpoint
from sherf_core.io.published import read_published
from sherf_core.io.weights import load_weights

CONSTANTS = ("resample_filter", "_freqs", "_phases", "num_batches_tracked")
"""Buffers whose numbers the structure files have kept."""
FILES = {"torch1": ("G", "G_ema"), "torch2": ("G",)}


@pytest.fixture(scope="module", params=FILES)
def unpacked(request: pytest.FixtureRequest, golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("checkpoint")
    path = folder / f"{request.param}.pkl"
    with lzma.open(golden / f"checkpoint_structure_{request.param}.pkl.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    yield path
    shutil.rmtree(folder)  # up to 0.6 GB


class _Stub:
    """Stands for any class of the file in Python's own unpickler."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class _PythonsOwn(pickle.Unpickler):
    """An independent reader of the same file, which is known and harmless: real torch tensors, stubs for the rest."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils":
            return getattr(torch._utils, name)
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda content: torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
        if (module, name) == ("torch_utils.persistence", "_reconstruct_persistent_obj"):
            return _stub_with_state
        if module == "collections":
            return dict
        return type("Stub", (_Stub,), {})


def _stub_with_state(description: dict[str, Any]) -> _Stub:
    stub = _Stub()
    stub.__setstate__(description["state"])
    return stub


def _state_dict(module: Any, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for table in (module._parameters, module._buffers):
        for name, tensor in table.items():
            if tensor is not None and name not in module._non_persistent_buffers_set:
                yield prefix + name, tensor.detach()
    for name, part in module._modules.items():
        if part is not None:
            yield from _state_dict(part, f"{prefix}{name}.")


def test_every_number_is_what_python_and_torch_read(unpacked: Path, golden: Path) -> None:
    manifest = json.loads((golden / "state_dict_manifest.json").read_text())
    shapes = {entry["name"]: tuple(entry["shape"]) for entry in manifest}
    with unpacked.open("rb") as file:
        networks = _PythonsOwn(file).load()
    for which in FILES[unpacked.stem]:
        tensors = read_published(unpacked, which).tensors
        truth = dict(_state_dict(networks[which]))
        assert {name: tensor.shape for name, tensor in tensors.items()} == shapes
        assert truth.keys() == shapes.keys()
        with unpacked.open("rb") as file:
            for name, tensor in tensors.items():
                expected = truth[name].cpu().contiguous().numpy()
                assert tensor.shape == expected.shape
                assert tensor.read(file).tobytes() == expected.tobytes(), name


def _filling(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Another number for each place of each tensor (where there are fewer than 16 million places); quick to make."""
    return (np.arange(prod(shape), dtype=np.float32) + np.float32(zlib.crc32(name.encode()) % 1009)).reshape(shape)


# One file is enough: the test above holds both against torch's reading, and converting does not ask who wrote them.
@pytest.mark.parametrize("unpacked", ["torch2"], indirect=True)
def test_filled_weights_arrive(unpacked: Path, tmp_path: Path) -> None:
    network = read_published(unpacked)
    with unpacked.open("rb+") as file:
        for name, tensor in network.tensors.items():
            if not name.endswith(CONSTANTS) and not name.startswith("superresolution."):
                file.seek(tensor.position)
                file.write(_filling(name, tensor.shape).tobytes())
    convert_checkpoint(unpacked, tmp_path / "G.safetensors")
    weights = load_weights(tmp_path / "G.safetensors")
    assert len(weights) > 500
    for name, tensor in weights.items():
        if not name.endswith(CONSTANTS):
            assert np.array_equal(tensor.numpy(), _filling(name, tuple(tensor.shape))), name

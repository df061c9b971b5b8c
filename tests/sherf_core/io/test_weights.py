from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from sherf_core.errors import CheckpointError
from sherf_core.io import weights
from sherf_core.io.manifest import TensorShape, manifest
from sherf_core.io.weights import check_header, load_weights, save_weights

SMALL = {
    "renderer.encoder_3d.conv0.0.weight": TensorShape((32, 3, 3, 3, 16), "float32"),
    "renderer.encoder_3d.conv0.1.num_batches_tracked": TensorShape((), "int64"),
    "backbone.mapping.w_avg": TensorShape((8,), "float32"),
    "decoder.alpha_linear.bias": TensorShape((1,), "float32"),
}
CONVOLUTION = "renderer.encoder_3d.conv0.0.weight"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """A state of a model with four tensors, which stands in for the 525 of the real one."""
    monkeypatch.setattr(weights, "manifest", lambda: SMALL)
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(expected.shape, generator=generator) if expected.dtype == "float32" else torch.tensor(7)
        for name, expected in SMALL.items()
    }


def _assert_same(loaded: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(loaded) == list(SMALL)
    for name, tensor in expected.items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0)


def test_the_whole_model_saves_and_loads(tmp_path: Path) -> None:
    state = {
        name: torch.full(expected.shape, 0.5) if expected.dtype == "float32" else torch.tensor(3)
        for name, expected in manifest().items()
    }
    save_weights(tmp_path / "model.safetensors", state)
    loaded = load_weights(tmp_path / "model.safetensors")
    assert list(loaded) == list(manifest())
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_states_and_metadata_come_back(small: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "model.safetensors"
    save_weights(path, small, {"steps": "100", "source_sha256": "ab"})
    _assert_same(load_weights(path), small)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"steps": "100", "source_sha256": "ab"}
    assert [entry.name for entry in path.parent.iterdir()] == ["model.safetensors"]


def test_parameters_views_and_shared_memory_are_saved(small: dict[str, Tensor], tmp_path: Path) -> None:
    both = torch.arange(9.0)
    state = {
        **small,
        CONVOLUTION: torch.nn.Parameter(small[CONVOLUTION].transpose(0, 4).contiguous().transpose(0, 4)),
        "backbone.mapping.w_avg": both[1:],
        "decoder.alpha_linear.bias": both[:1],
    }
    save_weights(tmp_path / "model.safetensors", state)
    _assert_same(
        load_weights(tmp_path / "model.safetensors"), {name: tensor.detach() for name, tensor in state.items()}
    )


def test_the_first_sparse_layout_is_turned(small: dict[str, Tensor], tmp_path: Path) -> None:
    # (kz, ky, kx, in, out): entry by entry, so that no axis can be mixed up with another.
    old = torch.zeros(3, 3, 3, 16, 32)
    old[0, 1, 2, 5, 30] = 4.0
    save_file({**small, CONVOLUTION: old}, tmp_path / "old.safetensors")
    turned = load_weights(tmp_path / "old.safetensors")[CONVOLUTION]
    assert turned.shape == (32, 3, 3, 3, 16)
    assert turned[30, 0, 1, 2, 5] == 4.0
    assert turned.abs().sum() == 4.0


def test_the_upsampler_is_left_out(small: dict[str, Tensor], tmp_path: Path) -> None:
    extra = {**small, "superresolution.block0.conv0.weight": torch.zeros(2)}
    save_file(extra, tmp_path / "with.safetensors")
    _assert_same(load_weights(tmp_path / "with.safetensors"), small)
    save_weights(tmp_path / "without.safetensors", extra)
    _assert_same(load_weights(tmp_path / "without.safetensors"), small)


def test_half_precision_becomes_float32(small: dict[str, Tensor], tmp_path: Path) -> None:
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in small.items()}
    save_file(halves, tmp_path / "half.safetensors")
    loaded = load_weights(tmp_path / "half.safetensors")
    assert loaded["backbone.mapping.w_avg"].dtype == torch.float32
    torch.testing.assert_close(loaded["backbone.mapping.w_avg"], small["backbone.mapping.w_avg"].half().float())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone.mapping.w_avg": None}, ["1 missing (backbone.mapping.w_avg)"]),
        ({f"other.{index}": torch.zeros(1) for index in range(8)}, ["8 unexpected (other.0, ", " and 3 more)"]),
        ({"backbone.mapping.w_avg": None, "x": torch.zeros(1)}, ["1 missing", "1 unexpected (x)"]),
        ({"backbone.mapping.w_avg": torch.zeros(9)}, ["backbone.mapping.w_avg (9,) instead of (8,)"]),
        ({CONVOLUTION: torch.zeros(16, 3, 3, 3, 32)}, [f"{CONVOLUTION} (16, 3, 3, 3, 32) instead of"]),
        ({"backbone.mapping.w_avg": torch.zeros(8, dtype=torch.int64)}, ["torch.int64 instead of torch.float32"]),
    ],
)
def test_states_that_do_not_fit(
    change: dict[str, Tensor | None], words: list[str], small: dict[str, Tensor], tmp_path: Path
) -> None:
    state = {name: tensor for name, tensor in {**small, **change}.items() if tensor is not None}
    path = tmp_path / "other.safetensors"
    save_file(state, path)
    with pytest.raises(CheckpointError) as caught:
        load_weights(path)
    assert caught.value.code == "CKPT.KEYS"
    for word in (*words, str(path)):
        assert word in caught.value.found
    path.unlink()
    with pytest.raises(CheckpointError):
        save_weights(path, state)
    assert not list(tmp_path.iterdir())


def test_missing_pickled_and_broken_files(small: dict[str, Tensor], tmp_path: Path) -> None:
    def code_of(name: str, content: bytes | None = None) -> str:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        for load in (load_weights, check_header):
            with pytest.raises(CheckpointError) as caught:
                load(tmp_path / name)
            assert caught.value.fix
        return caught.value.code

    assert code_of("nothing.safetensors") == "CKPT.MISSING"
    assert code_of("SHERF_RenderPeople.pkl", b"<html>expired") == "CKPT.FILE"
    assert code_of("SHERF_RenderPeople.pkl", b"version https://git-lfs.github.com/spec/v1\nsize 9\n") == "CKPT.FILE"
    assert code_of("SHERF_RenderPeople.pkl", b"PK\x03\x04") == "CKPT.FILE"
    assert code_of("empty.safetensors", b"") == "CKPT.FILE"
    save_weights(tmp_path / "whole.safetensors", small)
    content = (tmp_path / "whole.safetensors").read_bytes()
    assert code_of("cut.safetensors", content[:100]) == "CKPT.FILE"
    assert code_of("cut.safetensors", content[:-1]) == "CKPT.FILE"
    assert code_of("SHERF_RenderPeople.pkl", pickle.dumps({"G_ema": 1})) == "CKPT.KEYS"
    assert code_of("SHERF_RenderPeople.pkl", pickle.dumps({"G_ema": 1})[:-1]) == "CKPT.FILE"

"""Published checkpoints become safetensors: whole, in the manifest's order, once."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from sherf_core.errors import CheckpointError
from sherf_core.io import convert, weights
from sherf_core.io.convert import cache_folder, cached_conversion, check_published, convert_checkpoint
from sherf_core.io.manifest import TensorShape
from sherf_core.io.weights import check_header, load_weights
from tests.sherf_core.io import published_files as files

Source = Callable[..., Path]
SPARSE = "renderer.encoder_3d.conv0.0.weight"


@pytest.fixture(autouse=True)
def _small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (convert, weights):
        monkeypatch.setattr(module, "manifest", lambda: files.EXPECTED)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    def make(changed: Mapping[str, Any] | None = None, **networks: Any) -> Path:
        path = tmp_path / "SHERF_small.pkl"
        path.write_bytes(files.checkpoint(changed, **networks))
        return path

    return make


def _refused(path: Path, target: Path, **options: Any) -> CheckpointError:
    """The error of a conversion, which must leave nothing."""
    before = _files_of(path.parent)
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoint(path, target, **options)
    assert _files_of(path.parent) == before
    return caught.value


def _files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _float32(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint16:  # bfloat16
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def test_numbers_order_and_metadata(source: Source, tmp_path: Path) -> None:
    path, target = source(), tmp_path / "new" / "G.safetensors"
    converted = convert_checkpoint(path, target)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (converted.path, converted.source_sha256, converted.tensors, converted.left_out) == (target, digest, 11, 1)
    (length,) = struct.unpack("<Q", target.read_bytes()[:8])
    header = json.loads(target.read_bytes()[8 : 8 + length])
    assert [name for name in header if name != "__metadata__"] == list(files.EXPECTED)
    assert length % 8 == 0
    with safe_open(target, framework="pt") as file:
        metadata = file.metadata()
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert metadata["source"] == "SHERF_small.pkl"
    assert metadata["source_sha256"] == digest
    assert metadata["network"] == "G"
    assert json.loads(metadata["settings"])["z_dim"] == 512
    kinds = {name: tensor.dtype for name, tensor in found.items() if tensor.dtype != torch.float32}
    assert kinds == {
        "backbone.double": torch.float64,
        "backbone.half": torch.float16,
        "backbone.brain": torch.bfloat16,
        "renderer.encoder_3d.conv0.1.num_batches_tracked": torch.int64,
    }
    for name, array in files.ARRAYS.items():
        assert found[name].shape == array.shape
        wanted = array if array.dtype == np.float64 else _float32(array)
        np.testing.assert_array_equal(found[name].to(torch.float64).numpy(), wanted, err_msg=name)


def test_the_weights_can_be_loaded(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHERFCTL_CACHE", str(tmp_path / "cache"))
    path = source()
    check_header(path)
    loaded = load_weights(path)
    for name, array in files.ARRAYS.items():
        assert str(loaded[name].dtype) == f"torch.{files.EXPECTED[name].dtype}"
        np.testing.assert_array_equal(loaded[name].numpy(), _float32(array))
    assert len(list((tmp_path / "cache" / "checkpoints").glob("*.safetensors"))) == 1


def test_the_layout_of_spconv_1_is_turned(source: Source, tmp_path: Path) -> None:
    first = np.ascontiguousarray(files.ARRAYS[SPARSE].transpose(1, 2, 3, 4, 0))
    convert_checkpoint(source({SPARSE: first}), tmp_path / "old.safetensors")
    convert_checkpoint(source(), tmp_path / "new.safetensors")
    with safe_open(tmp_path / "old.safetensors", "np") as old, safe_open(tmp_path / "new.safetensors", "pt") as new:
        np.testing.assert_array_equal(old.get_tensor(SPARSE), files.ARRAYS[SPARSE])
        assert new.get_tensor(SPARSE).shape == (8, 3, 3, 3, 5)


def test_half_precision(source: Source, tmp_path: Path) -> None:
    convert_checkpoint(source(), tmp_path / "half.safetensors", half=True)
    with safe_open(tmp_path / "half.safetensors", framework="pt") as file:
        for name, array in files.ARRAYS.items():
            found = file.get_tensor(name)
            if array.dtype == np.int64:
                assert found.item() == 1234
                continue
            assert found.dtype == torch.float16
            np.testing.assert_array_equal(found.numpy(), _float32(array).astype(np.float16), err_msg=name)


@pytest.mark.parametrize("name", ["backbone.mapping.fc0.bias", "backbone.double", "backbone.brain"])
@pytest.mark.parametrize("others", [0.0, np.inf])
def test_numbers_beyond_half_precision_are_refused(name: str, others: float, source: Source, tmp_path: Path) -> None:
    array = files.ARRAYS[name].copy()
    large, infinite = (files.bfloat16(np.float32([70000, others]))) if name.endswith("brain") else (70000, others)
    array.flat[0], array.flat[1] = large, infinite
    path = source({name: array})
    error = _refused(path, tmp_path / "half" / "x.safetensors", half=True)
    assert name in error.found
    assert "e+04" in error.found
    convert_checkpoint(path, tmp_path / "whole.safetensors")


def test_infinities_stay_what_they_are(source: Source, tmp_path: Path) -> None:
    array = np.float32([np.inf, -np.inf, np.nan, 1, 2])
    convert_checkpoint(source({"backbone.mapping.fc0.bias": array}), tmp_path / "x.safetensors", half=True)
    with safe_open(tmp_path / "x.safetensors", framework="np") as file:
        np.testing.assert_array_equal(file.get_tensor("backbone.mapping.fc0.bias"), array.astype(np.float16))


def _linear(**parameters: np.ndarray) -> files.Built:
    return files.module("torch.nn.Linear", parameters=parameters)


MISFITS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "missing names": (lambda: {"G": _linear(a=np.zeros(2, np.float32))}, "11 missing"),
    "a name that no model has": (
        lambda: {"G": files.persistent("G", modules={"generator": files.network()})},
        "unexpected (generator.backbone",
    ),
    "a terminal's command for a name": (lambda: {"G": _linear(**{"\x1b[2J": np.zeros(2, np.float32)})}, "\\x1b[2J"),
    "another shape": (
        lambda: {"changed": {"backbone.w_avg": np.zeros((2, 3), np.float32)}},
        "backbone.w_avg (2, 3) instead of (6,)",
    ),
    "integers for floats": (
        lambda: {"changed": {"backbone.w_avg": np.zeros(6, np.int64)}},
        "backbone.w_avg I64 instead of float32",
    ),
    "floats for integers": (
        lambda: {"changed": {"renderer.encoder_3d.conv0.1.num_batches_tracked": np.zeros((), np.float32)}},
        "F32 instead of int64",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_other_models_are_refused(name: str, source: Source, tmp_path: Path) -> None:
    make, words = MISFITS[name]
    path = source(**make())
    error = _refused(path, tmp_path / "out" / "x.safetensors")
    assert error.code == "CKPT.KEYS"
    assert words in error.found
    assert "\x1b" not in str(error)
    with pytest.raises(CheckpointError, match="does not fit"):
        check_published(path)


def test_a_source_that_changes_while_it_is_read(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source()
    whole = path.read_bytes()
    contents = convert._contents

    def shrinking(*arguments: Any) -> Any:
        path.write_bytes(whole[: len(whole) // 3])
        return contents(*arguments)

    def touched(*arguments: Any) -> Any:
        yield from contents(*arguments)
        os.utime(path, ns=(1, 1))

    for change in (shrinking, touched):
        path.write_bytes(whole)
        monkeypatch.setattr(convert, "_contents", change)
        error = _refused(path, tmp_path / "out" / "x.safetensors")
        assert "was changed while it was read" in error.found
        path.write_bytes(whole)
        with pytest.raises(CheckpointError, match="changed"):
            cached_conversion(path, cache=tmp_path / "cache")
    assert _files_of(tmp_path) == {path}


def test_a_checkpoint_is_not_replaced_by_its_conversion(source: Source, tmp_path: Path) -> None:
    path = source()
    (tmp_path / "link.safetensors").hardlink_to(path)
    for target in (path, tmp_path / "link.safetensors"):
        with pytest.raises(CheckpointError, match="its own conversion"):
            convert_checkpoint(path, target)
    assert path.read_bytes() == files.checkpoint()


def test_a_failed_conversion_keeps_the_older_file(source: Source, tmp_path: Path) -> None:
    target = tmp_path / "x.safetensors"
    target.write_text("older")
    path = source({"backbone.w_avg": np.full(6, 1e6, np.float32)})
    with pytest.raises(CheckpointError, match="16 bits"):
        convert_checkpoint(path, target, half=True)
    assert target.read_text() == "older"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["SHERF_small.pkl", "x.safetensors"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x80\x04}", b"PK\x03\x04", None])
def test_sources_of_another_kind(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "SHERF_small.pkl"
    if content is not None:
        path.write_bytes(content)
    error = _refused(path, tmp_path / "out" / "x.safetensors")
    assert error.code == ("CKPT.MISSING" if content is None else "CKPT.FILE")
    with pytest.raises(CheckpointError):
        cached_conversion(path, cache=tmp_path)


def test_a_name_that_is_no_text(source: Source, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.pkl")
    odd.write_bytes(source().read_bytes())
    convert_checkpoint(odd, tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        assert file.metadata()["source"] == "caf\ufffd.pkl"


def test_the_cache_goes_by_what_the_file_holds(source: Source, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = source()
    first = cached_conversion(path, cache=cache)
    moved = path.rename(tmp_path / "other name.pkl")
    assert cached_conversion(moved, cache=cache) == first
    ema = cached_conversion(moved, which="G_ema", cache=cache)
    with safe_open(ema, framework="np") as file:
        np.testing.assert_array_equal(file.get_tensor("backbone.w_avg"), -files.ARRAYS["backbone.w_avg"])
    changed = cached_conversion(source({"backbone.w_avg": np.zeros(6, np.float32)}), cache=cache)
    assert len({first, ema, changed}) == 3
    assert hashlib.sha256(moved.read_bytes()).hexdigest() in first.name


def test_a_damaged_conversion_is_made_again(source: Source, tmp_path: Path) -> None:
    path, cache = source(), tmp_path / "cache"
    kept = cached_conversion(path, cache=cache)
    note = kept.with_name(kept.name + ".sha256")
    whole, when = kept.read_bytes(), kept.stat().st_mtime_ns
    assert note.read_text() == f"{hashlib.sha256(whole).hexdigest()}  {kept.name}\n"
    assert cached_conversion(path, cache=cache).stat().st_mtime_ns == when
    for damaged in (whole[:-8], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        kept.write_bytes(damaged)
        assert cached_conversion(path, cache=cache).read_bytes() == whole
    for words in (b"", b"\xff" * 80):
        note.write_bytes(words)
        assert cached_conversion(path, cache=cache).read_bytes() == whole
        assert note.read_text().startswith(hashlib.sha256(whole).hexdigest())


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "SHERF_small.pkl")
    assert "no regular file" in _refused(tmp_path / "SHERF_small.pkl", tmp_path / "x.safetensors").found


def test_many_conversions_at_once(source: Source, tmp_path: Path) -> None:
    path, cache = source(), tmp_path / "cache"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cached_conversion(path, cache=cache).read_bytes(), range(24)))
    assert len(set(found)) == 1
    assert len(list((cache / "checkpoints").iterdir())) == 2  # the file and its sum


def test_two_processes_at_once(source: Source, tmp_path: Path) -> None:
    path = source()
    code = (
        "import sys; from sherf_core.io import convert; from tests.sherf_core.io import published_files as files\n"
        "convert.manifest = lambda: files.EXPECTED\n"
        "from pathlib import Path\n"
        "print(convert.cached_conversion(sys.argv[1], cache=Path(sys.argv[2])).stat().st_size)"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) for _ in range(2)]
    sizes = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(sizes) == 1
    assert len(list((tmp_path / "cache" / "checkpoints").iterdir())) == 2


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHERFCTL_CACHE", "~/mine")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/mine")
    monkeypatch.delenv("SHERFCTL_CACHE")
    assert cache_folder() == Path("/somewhere/sherfctl")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/home/someone/.cache/sherfctl")

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", staticmethod(no_home))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = tmp_path / f"sherfctl-cache-{os.getuid()}"
    assert cache_folder() == mine
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700


@pytest.mark.parametrize("trap", ["open to others", "a link", "a file"])
def test_a_folder_that_others_prepared_is_not_used(trap: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    path = tmp_path / f"{trap}-cache"
    if trap == "a link":
        path.symlink_to(theirs)
    elif trap == "a file":
        path.write_bytes(b"")
    else:
        path.mkdir()
        path.chmod(0o777)
    made = convert._private_folder(path)
    assert made not in (path, theirs)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert convert._private_folder(path) == made
    made.rmdir()


def test_an_empty_tensor(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {**files.EXPECTED, "backbone.w_avg": TensorShape((0, 4), "float32")}
    monkeypatch.setattr(convert, "manifest", lambda: expected)
    convert_checkpoint(source({"backbone.w_avg": np.zeros((0, 4), np.float32)}), tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", framework="np") as file:
        assert file.get_tensor("backbone.w_avg").shape == (0, 4)

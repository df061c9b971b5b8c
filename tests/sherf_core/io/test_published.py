"""What is found in small checkpoints of the published code."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sherf_core.errors import CheckpointError, UnsafePickleError
from sherf_core.io.published import PublishedNetwork, read_published
from tests.sherf_core.io import published_files as files

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes) -> Path:
        path = tmp_path / "SHERF_small.pkl"
        path.write_bytes(content)
        return path

    return written


def _values(path: Path, network: PublishedNetwork) -> dict[str, bytes]:
    with path.open("rb") as file:
        return {name: tensor.read(file).tobytes() for name, tensor in network.tensors.items()}


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_each_tensor_is_found_with_its_numbers(protocol: int, write: Write) -> None:
    path = write(files.checkpoint(protocol=protocol))
    network = read_published(path)
    found = _values(path, network)
    assert found.pop("superresolution.weight") == files.numbers(21, 2, 2).tobytes()
    assert found == {name: np.ascontiguousarray(array).tobytes() for name, array in files.ARRAYS.items()}
    assert {name: network.tensors[name].shape for name in found} == {n: a.shape for n, a in files.ARRAYS.items()}
    kinds = {name: network.tensors[name].dtype for name in found}
    assert kinds["backbone.double"] == "F64"
    assert kinds["backbone.half"] == "F16"
    assert kinds["backbone.brain"] == "BF16"
    assert kinds["renderer.encoder_3d.conv0.1.num_batches_tracked"] == "I64"


def test_the_other_network(write: Write) -> None:
    path = write(files.checkpoint())
    found = _values(path, read_published(path, "G_ema"))
    assert found["backbone.w_avg"] == (-files.ARRAYS["backbone.w_avg"]).tobytes()
    assert found["decoder.first"] == np.ascontiguousarray(files.ARRAYS["decoder.first"]).tobytes()


def test_settings_are_plain(write: Write) -> None:
    settings = read_published(write(files.checkpoint())).settings
    assert settings == {
        "z_dim": 512,
        "use_1d_feature": True,
        "mapping_kwargs": {"num_layers": 2, "w": [1, [2.5, None]]},
        "filter": None,
        "bad": None,
    }


def test_nothing_is_imported_or_run(write: Write) -> None:
    before = set(sys.modules)
    read_published(write(files.checkpoint()))
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} - {"sherf_core", "numpy"}


@pytest.mark.parametrize("missing", ["G", "G_ema"])
def test_a_missing_network_is_named(missing: str, write: Write) -> None:
    path = write(files.checkpoint(**{missing: None}))
    with pytest.raises(CheckpointError, match=f"holds no network {missing} ") as caught:
        read_published(path, missing)
    assert caught.value.code == "CKPT.KEYS"
    assert "D, " in caught.value.found or ", D" in caught.value.found
    assert read_published(path, "G" if missing == "G_ema" else "G_ema").tensors


def test_names_of_networks_cannot_flood_the_message(write: Write) -> None:
    others = {f"\x1b[2J{number}" + "x" * 150: files.module("torch.nn.Linear") for number in range(200)}
    with pytest.raises(CheckpointError) as caught:
        read_published(write(files.checkpoint(G=None, **others)))
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in str(caught.value)


def test_slots_and_later_states_win(write: Write) -> None:
    part = files.module("torch.nn.Linear", parameters={"a": files.numbers(1, 2)})
    part.state = (part.state, {"_parameters": files.ordered({"b": files.parameter(files.numbers(2, 2))})})
    path = write(files.dumps({"G": part}))
    assert list(read_published(path).tensors) == ["b"]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_torch_writes_such_storages(write: Write) -> None:
    values = torch.arange(6.0)
    file = io.BytesIO()
    torch.save(values.storage(), file, _use_new_zipfile_serialization=False)
    kept = files.Built(files._STORAGE, (file.getvalue(),))
    view = files.tensor(values.numpy()[1:5].reshape(2, 2).T, kept, 1)
    path = write(files.dumps({"G": files.module("torch.nn.Linear", parameters={"w": files.parameter(view)})}))
    network = read_published(path)
    assert _values(path, network)["w"] == np.array([[1, 3], [2, 4]], np.float32).tobytes()


def _g(**content: Any) -> bytes:
    return files.dumps({"G": files.module("torch.nn.Module", **content)})


def _tensor(shape: Any, stride: Any, offset: Any = 0, count: int = 100) -> bytes:
    view = files.Built(files._TENSOR, (files.storage(np.zeros(count, np.float32)), offset, shape, stride, False))
    return _g(parameters={"w": files.parameter(view)})


def _embedded(content: bytes) -> bytes:
    view = files.Built(files._TENSOR, (files.Built(files._STORAGE, (content,)), 0, (1,), (1,), False))
    return _g(parameters={"w": view})


WHOLE = files.storage_bytes(np.zeros(100, np.float32))
SYSTEM = {"little_endian": True}


def _header(*parts: Any, tail: bytes = b"\0" * 408) -> bytes:
    return _embedded(b"".join(files.dumps(part, 2) for part in parts) + tail)


def _described(*identity: Any) -> bytes:
    return _header(files.MAGIC, files.PROTOCOL, SYSTEM, files.Outside(identity), ["k"])


FLOATS = files.Global("torch", "FloatStorage")
DAMAGED = {
    "reaches beyond": _tensor((101,), (1,)),
    "reaches beyond by its offset": _tensor((10,), (1,), 91),
    "reaches beyond by its stride": _tensor((2,), (100,)),
    "a stride that overflows": _tensor((2, 2), (1 << 62, 1 << 62)),
    "an extent that overflows": _tensor((1 << 63, 1 << 63), (0, 1)),
    "negative extent": _tensor((-1,), (1,)),
    "negative stride": _tensor((10,), (-1,), 50),
    "negative offset": _tensor((10,), (1,), -1),
    "no numbers for extents": _tensor(("a",), (1,)),
    "truth for an extent": _tensor((True,), (1,)),
    "no stride": _tensor((1, 1), (1,)),
    "a shape that is no tuple": _tensor([1], [1]),
    "40 dimensions": _tensor((1,) * 40, (1,) * 40),
    "an offset that is no number": _tensor((1,), (1,), None),
    "a tensor of something else": _g(parameters={"w": files.Built(files._TENSOR, ([], 0, (1,), (1,)))}),
    "no arguments": _g(parameters={"w": files.Built(files._TENSOR)}),
    "a storage without bytes": _g(parameters={"w": files.Built(files._STORAGE)}),
    "a storage of a text": _g(parameters={"w": files.Built(files._STORAGE, ("x" * 500,))}),
    "a short storage": _embedded(b"\x80\x02K\x01."),
    "another magic": _header(1, files.PROTOCOL, SYSTEM, None, None),
    "another protocol": _header(files.MAGIC, 1002, SYSTEM, None, None),
    "big-endian": _header(files.MAGIC, files.PROTOCOL, {"little_endian": False}, None, None),
    "no description": _header(files.MAGIC, files.PROTOCOL, SYSTEM, None, None),
    "a negative count": _described("storage", FLOATS, "k", "cpu", -1),
    "a huge count": _described("storage", FLOATS, "k", "cpu", 1 << 80),
    "a count of another type": _described("storage", FLOATS, "k", "cpu", 100.0),
    "a class that is a text": _described("storage", "FloatStorage", "k", "cpu", 100),
    "another kind of outside object": _described("module", FLOATS, "k", "cpu", 100),
    "an outside object that shares its parts": _described("storage", ("x",) * 50, "k", "cpu", 100),
    "a count that is not in its description": _embedded(files.storage_bytes(np.zeros(100, np.float32), count=101)),
    "an endless header": _embedded(b"\x80\x02X\xff\xff\xff\x7f" + b"x" * 500),
    "a header that runs on into the file": _embedded(WHOLE[: WHOLE.index(b"storage")] + b"N0" * 200),
    "a long header": _embedded(files.dumps(files.MAGIC, 2)[:-1] + b"N0" * 40_000 + WHOLE),
    "unsaved buffers in a list": _g(buffers={"a": np.zeros(2)}, _non_persistent_buffers_set=["a"]),
    "no description of a module": files.dumps({"G": files.Built(files._PERSISTENT, ([],))}),
    "no dictionary": files.dumps([files.network()]),
    "an outside object in the file": files.dumps({"G": files.Outside("x")}),
    "many states": files.dumps({"G": files.module("torch.A")})[:-2] + b"}b" * 20 + b"s.",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_checkpoints_are_refused(name: str, write: Write) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_published(write(DAMAGED[name]))
    assert caught.value.code == "CKPT.FILE"
    assert len(str(caught.value)) < 1000


UNSAFE = {
    "os.system": _g(hook=files.Built(files.Global("os", "system"), ("false",))),
    "eval": _g(hook=files.Global("builtins", "eval")),
    "torch.serialization.load by a name with a dot first": _g(hook=files.Global(".torch", "load")),
    "a package that begins like one of theirs": _g(hook=files.Global("torchx", "load")),
    "in a storage": _described("storage", files.Global("os", "system"), "k", "cpu", 100),
    "a class of torch's in a storage": _described("storage", files.Global("torch", "load"), "k", "cpu", 100),
    "before a storage": _header(files.Built(files.Global("posix", "system"), ("false",)), files.PROTOCOL),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_other_globals_are_refused(name: str, write: Write) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        read_published(write(UNSAFE[name]))
    assert caught.value.code == "CKPT.FILE"


def test_what_getattr_gives_is_inert(write: Write) -> None:
    chain = files.Built(files.Global("builtins", "getattr"), (files.Global("torch.nn", "os"), "system"))
    called = b"(" + files.dumps(chain)[2:-1] + b"\x8c\x05false\x85R" + b"u."
    part = files.module("torch.nn.Linear", parameters={"w": files.numbers(1, 2)})
    path = write(files.dumps({"hook": 1, "G": part})[:-1].removesuffix(b"u") + b"\x8c\x04hook" + called[1:])
    assert list(read_published(path).tensors) == ["w"]


def test_a_cut_file_is_refused_at_every_hundredth(write: Write) -> None:
    whole = files.checkpoint()
    for percent in range(100):
        with pytest.raises(CheckpointError) as caught:
            read_published(write(whole[: len(whole) * percent // 100]))
        assert caught.value.code == "CKPT.FILE"


def test_a_file_that_shrinks_after_it_was_read(write: Write) -> None:
    path = write(files.checkpoint())
    tensor = read_published(path).tensors["decoder.second"]
    path.write_bytes(path.read_bytes()[: tensor.position + 5])
    with path.open("rb") as file, pytest.raises(EOFError):
        tensor.read(file)


def test_a_dimension_of_one_may_have_any_stride(write: Write) -> None:
    path = write(_tensor((1, 3), (1 << 80, 1)))
    tensor = read_published(path).tensors["w"]
    with path.open("rb") as file:
        assert tensor.read(file).tolist() == [[0, 0, 0]]


def test_persistent_source_is_kept_as_text_only(write: Write) -> None:
    # Python's own reader meets the class first; ours never looks at the text.
    content = files.checkpoint()
    assert files.SOURCE.encode() in content
    with pytest.raises((ImportError, AttributeError)):
        pickle.loads(content)
    read_published(write(content))

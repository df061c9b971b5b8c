"""Small checkpoints as the published code pickles them: the same globals, opcodes and embedded storages, no torch.

A `Built` stands for an object that the file builds by calling a `Global`; `dumps` writes both without importing what
they name. `network` and `checkpoint` put a small model together in which each feature of the real files occurs once.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from sherf_core.io.manifest import TensorShape

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SOURCE = 'raise RuntimeError("embedded source was executed")\n'
STORAGE_OF = {"<f4": "Float", "<f8": "Double", "<f2": "Half", "<i8": "Long", "|b1": "Bool", "<u2": "BFloat16"}


@dataclass(eq=False)
class Global:
    """A name that the file asks for."""

    module: str
    name: str


@dataclass(eq=False)
class Built:
    """An object that the file builds: a call, then entries, then a state."""

    function: Global
    arguments: Sequence[Any] = ()
    items: Mapping[Any, Any] = field(default_factory=dict)
    state: Any = None
    opcode: bytes = pickle.REDUCE


@dataclass(eq=False)
class Outside:
    """An object that is kept outside the pickle."""

    identity: Any


class _Writer(pickle._Pickler):
    def save(self, thing: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(thing, (Global, Built, Outside)):
            super().save(thing, save_persistent_id)
        elif id(thing) in self.memo:
            self.write(self.get(self.memo[id(thing)][0]))
        elif isinstance(thing, Global):
            self._save_global(thing)
        elif isinstance(thing, Outside):
            super().save(thing.identity)
            self.write(pickle.BINPERSID)
        else:
            self._save_built(thing)

    def _save_global(self, thing: Global) -> None:
        if self.proto >= 4:
            super().save(thing.module)
            super().save(thing.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{thing.module}\n{thing.name}\n".encode())
        self.memoize(thing)

    def _save_built(self, thing: Built) -> None:
        self.save(thing.function)
        super().save(tuple(thing.arguments))
        self.write(thing.opcode)
        self.memoize(thing)
        if thing.items:
            self.write(pickle.MARK)
            for key, value in thing.items.items():
                self.save(key)
                self.save(value)
            self.write(pickle.SETITEMS)
        if thing.state is not None:
            self.save(thing.state)
            self.write(pickle.BUILD)


def dumps(thing: Any, protocol: int = 4) -> bytes:
    """The pickle of plain values, numpy's arrays and the objects of this file."""
    file = io.BytesIO()
    _Writer(file, protocol).dump(thing)
    return file.getvalue()


_ORDERED = Global("collections", "OrderedDict")
_PERSISTENT = Global("torch_utils.persistence", "_reconstruct_persistent_obj")
_PARAMETER = Global("torch._utils", "_rebuild_parameter")
_TENSOR = Global("torch._utils", "_rebuild_tensor_v2")
_STORAGE = Global("torch.storage", "_load_from_bytes")


def ordered(items: Mapping[Any, Any] | None = None) -> Built:
    return Built(_ORDERED, items=items or {})


def storage_bytes(content: np.ndarray, kind: str = "", *, count: int | None = None) -> bytes:
    """A file of torch's first format: five pickles, the count, the numbers."""
    key = "94634665673872"
    kind = kind or STORAGE_OF[content.dtype.str]
    count = content.size if count is None else count
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": sizes}
    described = Outside(("storage", Global("torch", f"{kind}Storage"), key, "cuda:0", count, None))
    header = b"".join(dumps(part, 2) for part in (MAGIC, PROTOCOL, system, described, [key]))
    return header + struct.pack("<Q", count) + content.tobytes()


def storage(content: np.ndarray, kind: str = "") -> Built:
    return Built(_STORAGE, (storage_bytes(content, kind),))


def tensor(content: np.ndarray, within: Built | None = None, offset: int = 0) -> Built:
    """A tensor with the array's strides; its storage is the array's memory, or a view `within` one."""
    steps = tuple(step // content.itemsize for step in content.strides)
    flat = np.ravel(content, order="K")
    return Built(_TENSOR, (within or storage(flat), offset, content.shape, steps, False, ordered()))


def parameter(content: np.ndarray | Built) -> Built:
    return Built(_PARAMETER, (content if isinstance(content, Built) else tensor(content), True, ordered()))


def state(
    parameters: Mapping[str, Any] | None = None,
    buffers: Mapping[str, Any] | None = None,
    modules: Mapping[str, Any] | None = None,
    unsaved: Sequence[str] = (),
    **attributes: Any,
) -> dict[str, Any]:
    """A module's attributes; arrays become parameters and buffers."""

    def wrapped(values: Mapping[str, Any] | None, wrap: Any) -> Built:
        return ordered({k: wrap(v) if isinstance(v, np.ndarray) else v for k, v in (values or {}).items()})

    return {
        "training": False,
        "_parameters": wrapped(parameters, parameter),
        "_buffers": wrapped(buffers, tensor),
        "_non_persistent_buffers_set": set(unsaved),
        "_backward_hooks": ordered(),
        "_modules": ordered(modules),
        **attributes,
    }


def module(path: str, **content: Any) -> Built:
    """An ordinary module: its class is called, then filled."""
    package, _, name = path.rpartition(".")
    return Built(Global(package, name), state=state(**content), opcode=pickle.NEWOBJ)


def persistent(class_name: str, **content: Any) -> Built:
    """An object of the published code, which brings its own source text."""
    meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": class_name, "state": state(**content)}
    return Built(_PERSISTENT, (meta,))


def _sparse_convolution(weight: np.ndarray) -> Built:
    convolution = module(
        "spconv.pytorch.conv.SubMConv3d",
        parameters={"weight": weight, "bias": None},
        kernel_size=[3, 3, 3],
        algo=Built(Global("spconv.core", "ConvAlgo"), (1,)),
        act_type=Built(Global("cumm.core_cc.tensorview_bind", "Activation"), state=0, opcode=pickle.NEWOBJ),
    )
    hook = Built(Global("builtins", "getattr"), (convolution, "_load_weight_different_layout"))
    convolution.state["_load_state_dict_pre_hooks"] = ordered({0: hook})
    return convolution


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """The upper halves of float32 numbers."""
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


ARRAYS: dict[str, np.ndarray] = {
    "backbone.mapping.fc0.weight": numbers(1, 5, 7).T,
    "backbone.mapping.fc0.bias": numbers(2, 5),
    "backbone.w_avg": numbers(3, 6),
    "backbone.double": numbers(4, 3).astype(np.float64),
    "backbone.half": numbers(5, 3, 2).astype(np.float16),
    "backbone.brain": bfloat16(numbers(6, 4)),
    "renderer.encoder_3d.conv0.0.weight": numbers(7, 8, 3, 3, 3, 5),
    "renderer.encoder_3d.conv0.1.running_mean": numbers(8, 8),
    "renderer.encoder_3d.conv0.1.num_batches_tracked": np.array(1234, np.int64),
    "decoder.first": numbers(9, 12)[2:8].reshape(2, 3),
    "decoder.second": numbers(9, 12)[4:],
}
"""What the state dict of `network` holds; the first is a transposed view, the last two share a storage."""
EXPECTED = {
    name: TensorShape(array.shape, "int64" if array.dtype == np.int64 else "float32") for name, array in ARRAYS.items()
}
"""The manifest of that model."""


def network(changed: Mapping[str, Any] | None = None) -> Built:
    """A network of the published kind; `changed` holds other arrays (or parts) under names of `ARRAYS`."""
    a = {**ARRAYS, **(changed or {})}
    mapping = module(
        "torch_utils.ops.Mapping",
        modules={"fc0": persistent("FullyConnectedLayer", weight_gain=np.float64(0.5), **_linear(a))},
    )
    batch = "renderer.encoder_3d.conv0.1."
    normalisation = module(
        "torch.nn.modules.batchnorm.BatchNorm1d",
        buffers={name: a[batch + name] for name in ("running_mean", "num_batches_tracked")},
    )
    first = module(
        "spconv.pytorch.modules.SparseSequential",
        modules={"0": _sparse_convolution(a["renderer.encoder_3d.conv0.0.weight"]), "1": normalisation},
    )
    body = {"v_template": np.eye(3), "J_regressor": scipy.sparse.csc_matrix(np.eye(3)), "bs_style": "lbs"}
    convolutions = module("training.volumetric_rendering.renderer.SparseConvNet", modules={"conv0": first})
    renderer = module(
        "training.volumetric_rendering.renderer.ImportanceRenderer",
        modules={"encoder_3d": convolutions},
        buffers={"directions": numbers(20, 4), "mask": np.array([True, False])},
        unsaved=("directions", "mask"),
        SMPL_NEUTRAL=body,
        plane=None,
    )
    shared = storage(numbers(9, 12))
    decoder = module(
        "training.triplane.NeRFDecoder",
        parameters={
            "first": parameter(tensor(a["decoder.first"], shared, 2)),
            "second": parameter(tensor(a["decoder.second"], shared, 4)),
        },
    )
    brain = tensor(a["backbone.brain"])
    parts = {
        "backbone": persistent(
            "Generator",
            modules={"mapping": mapping},
            buffers={"w_avg": a["backbone.w_avg"], "double": a["backbone.double"]},
            parameters={"half": a["backbone.half"], "brain": parameter(brain)},
        ),
        "superresolution": persistent("Superresolution", parameters={"weight": numbers(21, 2, 2)}),
        "renderer": renderer,
        "decoder": decoder,
        "sampler": module("training.volumetric_rendering.ray_sampler.RaySampler"),
    }
    options = Built(
        Global("dnnlib.util", "EasyDict"), items={"num_layers": 2, "w": [1, (2.5, None)]}, opcode=pickle.NEWOBJ
    )
    kwargs = {
        "z_dim": 512,
        "use_1d_feature": True,
        "mapping_kwargs": options,
        "filter": np.zeros(2),
        "bad": float("nan"),
    }
    return persistent("TriPlaneGenerator", modules=parts, _init_args=(), _init_kwargs=kwargs)


def _linear(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {"parameters": {name: arrays[f"backbone.mapping.fc0.{name}"] for name in ("weight", "bias")}}


def checkpoint(changed: Mapping[str, Any] | None = None, protocol: int = 4, **networks: Any) -> bytes:
    """A file with G (with `changed` arrays), D and G_ema (all arrays negative but one), or with other networks."""
    negative = {name: -a for name, a in ARRAYS.items() if a.dtype == np.float32 and not name.startswith("decoder")}
    content = {
        "training_set_kwargs": {"class_name": "training.dataset.Dataset", "split": "train", "resolution": 512},
        "G": network(changed),
        "D": persistent("Discriminator"),
        "G_ema": network(negative),
        "augment_pipe": None,
        **networks,
    }
    return dumps(content, protocol)

"""Small files of each kind that users hold: bodies, checkpoints, archives of them."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sherf_core.io.manifest import TensorShape
from tests.sherf_core.body.conftest import PARENTS

NEUTRAL = "SMPL_python_v.1.1.0/smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
MALE = "SMPL_python_v.1.1.0/smpl/models/basicmodel_m_lbs_10_207_0_v1.1.0.pkl"
TENSORS = {"layer.weight": (2, 3), "layer.bias": (2,)}


def body_pickle(seed: int = 0, vertices: int = 60) -> bytes:
    """A body in SMPL's layout that passes every check."""
    random = np.random.default_rng(seed)
    weights = random.random((vertices, 24))
    regressor = random.random((24, vertices))
    return pickle.dumps(
        {
            "v_template": random.normal(size=(vertices, 3)),
            "shapedirs": random.normal(size=(vertices, 3, 10)),
            "posedirs": random.normal(size=(vertices, 3, 207)),
            "weights": weights / weights.sum(axis=1, keepdims=True),
            "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
            "f": random.integers(vertices, size=(80, 3)).astype(np.uint32),
            "kintree_table": np.array([PARENTS, range(24)], dtype=np.int64).astype(np.uint32),
        },
        protocol=2,
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these files, whatever their names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def use_small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model has two tensors from here on."""
    expected = {name: TensorShape(shape, "float32") for name, shape in TENSORS.items()}
    for module in ("convert", "weights"):
        monkeypatch.setattr(f"sherf_core.io.{module}.manifest", lambda: expected)


def checkpoint_pickle(monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> bytes:
    """A checkpoint as the published code writes it, for the small model."""

    def _reconstruct_persistent_obj(description: Any) -> None:
        raise AssertionError("nothing of a file is run")

    package, module = types.ModuleType("torch_utils"), types.ModuleType("torch_utils.persistence")
    _reconstruct_persistent_obj.__module__ = module.__name__
    _reconstruct_persistent_obj.__qualname__ = _reconstruct_persistent_obj.__name__
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    package.persistence = module  # type: ignore[attr-defined]
    torch.manual_seed(seed)
    parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in TENSORS.items()}
    layer = {"_parameters": {name.partition(".")[2]: value for name, value in parameters.items()}, "_buffers": {}}

    class _Persistent:
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def __reduce__(self) -> Any:
            description = {"type": "class", "version": 6, "module_src": "raise", "class_name": "G", "state": self.state}
            return _reconstruct_persistent_obj, (description,)

    network = _Persistent({"_parameters": {}, "_buffers": {}, "_modules": {"layer": _Persistent(layer)}})
    return pickle.dumps({"G": network, "G_ema": network}, protocol=4)


def safetensors_file(path: Path) -> Path:
    """The small model's weights."""
    from safetensors.torch import save_file

    save_file({name: torch.zeros(shape) for name, shape in TENSORS.items()}, path)
    return path


def renderpeople_archive(subjects: int = 2) -> bytes:
    """A data set's archive, with a folder around its subjects and things beside them."""
    files = {"20230228_all/readme.txt": b"hello", "20230228_all/human_list.txt": b""}
    for number in range(subjects):
        name = f"seq_{number:06d}-rp_person_{number}"
        files["20230228_all/human_list.txt"] += f"{name}\n".encode()
        files[f"20230228_all/{name}/cameras.json"] = b"{}"
        files[f"20230228_all/{name}/img/camera0000/0000.jpg"] = bytes([number]) * 300
    return zipped(files)

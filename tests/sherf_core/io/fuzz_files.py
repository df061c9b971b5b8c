"""Files for the fuzz test: honest ones of each kind, hostile ones made by hand, and random damage."""

from __future__ import annotations

import io
import json
import lzma
import pickle
import random
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from tests.sherf_core.io import hostile_files
from tests.sherf_core.io import published_files as files

PYTHON2 = Path(__file__).parents[1] / "body" / "python2" / "body.pkl.xz"
_OPCODES = b"()0123abcdegijloqrstu}]NRQIJKMLFGSTUVXBC." + bytes([*range(0x81, 0x9A)])


@dataclass(frozen=True)
class Sample:
    """An honest file of one kind, and hostile ones by name."""

    whole: bytes
    suffix: str
    hostile: dict[str, bytes]


def samples() -> dict[str, Sample]:
    pickles = hostile_files.pickles()
    longer = {**pickles, **hostile_files.long_pickles()}
    objects = {name: hostile_files.object_npy(content) for name, content in longer.items()}
    bodies = {f"{name}, in a body": content for name, content in hostile_files.in_a_body(pickles).items()}
    checkpoints = {**hostile_files.checkpoints(), **pickles}
    return {
        "checkpoint": Sample(files.checkpoint(), ".pkl", checkpoints),
        "body of Python 2": Sample(lzma.decompress(PYTHON2.read_bytes()), ".pkl", {}),
        "body of protocol 4": Sample(_body(), ".pkl", bodies),
        "npy of objects": Sample(_npy(), ".npy", {**objects, **hostile_files.npy_headers()}),
        "npz of objects": Sample(_npz(), ".npz", hostile_files.bombs()),
        "safetensors": Sample(_safetensors(), ".safetensors", hostile_files.headers()),
    }


def damaged(whole: bytes, chooser: random.Random) -> tuple[str, bytes]:
    """What was done, and the result. Most of it is done near the start, as the ends are all numbers."""
    way = chooser.choice(["bits", "bits", "deleted", "inserted", "spliced", "opcodes", "cut"])
    data = bytearray(whole)

    def place() -> int:
        return int(len(whole) * chooser.random() ** chooser.choice((1, 4)))

    for _ in range(chooser.randint(1, 4)):
        at, length = min(place(), len(data) - 1), chooser.randint(1, 12)
        if way == "bits":
            data[at] ^= 1 << chooser.randrange(8)
        elif way == "deleted":
            del data[at : at + length]
        elif way == "inserted":
            data[at:at] = chooser.randbytes(length)
        elif way == "spliced":
            start = place()
            data[at : at + chooser.randint(0, 40)] = whole[start : start + chooser.randint(1, 200)]
        elif way == "opcodes":
            data[at : at + chooser.choice((0, length))] = bytes(chooser.choices(_OPCODES, k=length))
        else:
            del data[max(at, 1) :]
        if not data:
            data = bytearray(whole[:1])
    return way, bytes(data)


def _body() -> bytes:
    vertices, parents = 8, [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    chooser = np.random.default_rng(0)
    content = {
        "v_template": chooser.normal(size=(vertices, 3)),
        "shapedirs": chooser.normal(size=(vertices, 3, 10)),
        "posedirs": chooser.normal(size=(vertices, 3, 207)).astype(np.float32),
        "weights": np.full((vertices, 24), 1 / 24),
        "J_regressor": scipy.sparse.csc_matrix(np.eye(24, vertices)),
        "f": np.array([[0, 1, 2], [2, 3, 4]], np.uint32),
        "kintree_table": np.array([parents, range(24)]).astype(np.uint32),
        "bs_style": "lbs",
    }
    return pickle.dumps(content, protocol=4)


def _annotations() -> dict[str, Any]:
    frames = [{"ims": [f"Camera_B{view}/{frame:06d}.jpg" for view in range(4)]} for frame in range(6)]
    cameras = {"K": [np.eye(3)] * 2, "R": [np.eye(3, dtype=np.float32)] * 2, "T": [np.zeros((3, 1))], "D": [0.5, None]}
    return {"cams": cameras, "ims": frames}


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(_annotations(), dtype=object), allow_pickle=True)
    return file.getvalue()


def _npz() -> bytes:
    file = io.BytesIO()
    fitted = {"poses": np.zeros((5, 72)), "shapes": np.zeros((5, 10)), "frames": list(range(5)), "scale": np.float64(1)}
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in (("smpl", np.array(fitted, dtype=object)), ("Th", np.arange(15.0).reshape(5, 3))):
            member = io.BytesIO()
            np.save(member, value, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


def _safetensors() -> bytes:
    header, end = {}, 0
    for name, shape in files.EXPECTED.items():
        count = int(np.prod(shape.shape)) * 4
        header[name] = {"dtype": "F32", "shape": list(shape.shape), "data_offsets": [end, end + count]}
        end += count
    encoded = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(end)

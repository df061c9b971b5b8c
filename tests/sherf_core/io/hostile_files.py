"""Files made to hang, crash or fill a reader, or to make it run something: each small, each by name."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.sherf_core.io import published_files as files

MANY = 20_000
PRIME = (1 << 61) - 1
"""Python hashes integers modulo this."""


def _u32(number: int) -> bytes:
    return struct.pack("<I", number)


def _text(text: str) -> bytes:
    return b"X" + _u32(len(text.encode())) + text.encode()


def _array(shape: bytes, content: bytes, dtype: bytes = b"f8") -> bytes:
    kind = b"cnumpy\ndtype\nU" + bytes([len(dtype)]) + dtype + b"\x85R"
    return b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + shape + kind + b"\x89" + content + b"tb"


def _colliding(key: Any, count: int) -> bytes:
    """A dict with many different keys of one hash: each costs a comparison with all before it."""
    return b"}(" + b"".join(key(number) + b"N" for number in range(1, count)) + b"u"


def _big_integer(number: int) -> bytes:
    content = (number * PRIME).to_bytes(10, "little")
    return b"\x8a\x0a" + content


def pickles() -> dict[str, bytes]:
    """Bombs and tricks in plain pickles; no reader may load one of them as a body, a checkpoint or an array."""
    start = b"\x80\x04"
    items = b"(" + b"N" * 300_000 + b"l"
    doubled = b"N" + b"2\x86" * 60
    found = {
        "many tuples in each other": b"N" + b"\x85" * 200_000,
        "many lists in each other": b"](" * 100_000 + b"e" * 100_000,
        "memo entry of a huge number": b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff",
        "memo entry of a longer number": b"Np" + b"9" * 900 + b"\n",
        "an integer of many digits": b"I" + b"7" * 5_000_000 + b"\n",
        "a float of many digits": b"F" + b"7" * 5_000_000 + b"\n",
        "a float that is no number": b"Fnan_1\n",
        "BINBYTES8 of 2**63": b"\x8e" + struct.pack("<Q", 1 << 63) + b"abc",
        "BYTEARRAY8 of 2**62": b"\x96" + struct.pack("<Q", 1 << 62) + b"abc",
        "LONG4 of 2 GiB": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"abc",
        "LONG4 of -1": b"\x8b" + struct.pack("<i", -1),
        "a frame of 2**63": b"\x95" + struct.pack("<Q", 1 << 63) + b"N",
        "invalid UTF-8": b"X" + _u32(4) + b"\xff\xfe\xfd\xfc",
        "an invalid escape": b"V\\u12\n",
        "colliding integers": _colliding(_big_integer, MANY),
        "colliding tuples": _colliding(lambda n: _big_integer(n) + b"\x85", MANY),
        "colliding members of a set": b"\x8f(" + b"".join(map(_big_integer, range(1, MANY))) + b"\x90",
        "colliding members of a frozen set": b"(" + b"".join(map(_big_integer, range(1, MANY))) + b"\x91",
        "one collision again and again": b"ccollections\nOrderedDict\nq\x00("
        + b"".join(_big_integer(n) + b"N\x86" for n in range(1, 2000))
        + b"lq\x01"
        + b"0h\x00h\x01\x85R" * MANY,
        "shared tuples as a key": b"}" + doubled + b"Ns",
        "shared tuples as a global's name": doubled + b"\x8c\x01x\x93",
        "shared tuples as a state": b"cnumpy\nndarray\n)R" + doubled + b"b",
        "shared lists": b"]q\x00" + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60)),
        "a list in itself": b"]q\x00h\x00a",
        "a dict in itself": b"}q\x00_h\x00s".replace(b"_", _text("a")),
        "a dict as its own key": b"}q\x00h\x00Ns",
        "a tuple in itself": b"]q\x00h\x00\x85q\x01a0h\x01",
        "dicts of one list": b"ccollections\nOrderedDict\nq\x00("
        + b"NN\x86" * 100_000
        + b"lq\x010h\x00h\x01\x85R" * MANY,
        "sets of one list": b"cbuiltins\nset\nq\x00" + items + b"q\x01" + b"0h\x00h\x01\x85R" * MANY,
        "arrays of one list": b"(" + items + b"q\x01" + _array(b"J\x40\x42\x0f\x00\x85", b"h\x01", b"O8") * 1000 + b"l",
        "calls with one tuple": b"cnumpy\nndarray\nq\x00(" + b"N" * 100_000 + b"tq\x01" + b"0h\x00h\x01R" * MANY,
        "one text encoded often": b"c_codecs\nencode\nq\x00"
        + _text("x" * 1_000_000)
        + b"q\x01"
        + b"0h\x00h\x01\x85R" * MANY,
        "an array of 2**62 numbers": _array(b"\x8a\x08" + struct.pack("<q", 1 << 62) + b"\x85", b"C\x01a"),
        "an array of -1 numbers": _array(b"J\xff\xff\xff\xff\x85", b"C\x01a"),
        "an empty array of many": _array(b"K\x00\x8a\x08" + struct.pack("<q", 1 << 62) + b"\x86", b"C\x00"),
        "an array in itself": _array(b"K\x01\x85", b"(h\x00l", b"O8").replace(b")R", b")Rq\x00"),
        "a type of a type": b"cnumpy\ndtype\ncnumpy\ndtype\n\x85R",
        "a type that is code": b"cnumpy\ndtype\n" + _text("__import__('os')") + b"\x85R",
        "a persistent object": _text("x") + b"Q",
        "an extension": b"\x82\x01",
        "INST of a module's function": b"(" + _text("false") + b"ios\nsystem\n",
        "OBJ of a module's function": b"(cos\nsystem\n" + _text("false") + b"o",
        "NEWOBJ_EX with keywords": b"cnumpy\nndarray\n)}" + _text("shape") + b"K\x01s\x92",
        "a call of a text": _text("os.system") + b")R",
        "a call of what a call gave": b"cnumpy\nndarray\n)R)R",
        "getattr of getattr": b"cbuiltins\ngetattr\ncbuiltins\ngetattr\n" + _text("__self__") + b"\x86R",
        "a dotted name": b"cnumpy\ncore.os.system\n",
        "a long name": b"c" + b"x" * 1_000_000 + b"\n" + b"y" * 1_000 + b"\n",
        "a name that is no text": b"\x8c\x02os]\x93",
        "a state for a type": b"cnumpy\ndtype\n}" + _text("__class__") + b"Nsb",
        "ending in a mark": b"(",
    }
    return {name: start + content + b"." for name, content in found.items()}


def long_pickles() -> dict[str, bytes]:
    """Each byte makes an object: they must end before they are all read."""
    many = 4_000_000
    return {
        "empty sets": b"\x80\x04](" + b"\x8f" * many + b"e.",
        "empty sets in a tuple": b"\x80\x04(" + b"\x8f" * 2_900_000 + b"t.",
        "calls": b"\x80\x04(cnumpy\nndarray\nq\x00" + b"h\x00)R" * 1_000_000 + b"l.",
        "marks": b"\x80\x04" + b"(" * many + b".",
        "memo entries": b"\x80\x04N" + b"\x94" * many + b".",
    }


def in_a_body(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same as the template of a body."""
    return {name: b"\x80\x04}" + _text("v_template") + content[2:-1] + b"s." for name, content in found.items()}


def _network(state: Any) -> files.Built:
    return files.Built(files.Global("torch.nn", "Module"), state=state)


def _shared_modules(depth: int = 60) -> files.Built:
    part = files.module("torch.nn.Linear", parameters={"w": np.zeros(1, np.float32)})
    for _ in range(depth):
        part = files.module("torch.nn.Sequential", modules={"a": part, "b": part})
    return part


def _in_itself() -> files.Built:
    part = files.module("torch.nn.Sequential")
    part.state["_modules"] = files.ordered({"a": part, "b": part})
    return part


def _deep(depth: int = 80) -> files.Built:
    part = files.module("torch.nn.Linear")
    for _ in range(depth):
        part = files.module("torch.nn.Sequential", modules={"a": part})
    return part


def _long_names() -> files.Built:
    part = files.module("torch.nn.Linear", buffers={f"{n}": np.zeros(1, np.float32) for n in range(100)})
    for _ in range(20):
        part = files.module("torch.nn.Sequential", modules={side + "x" * 190: part for side in "ab"})
    return part


def _shared_settings() -> files.Built:
    value: Any = "x" * 150
    for _ in range(50):
        value = {"a": value, "b": value}
    return _network(files.state(_init_kwargs=value))


def _settings_in_themselves() -> files.Built:
    value: dict[str, Any] = {}
    value["a"] = [value, value]
    return _network(files.state(_init_kwargs=value))


def checkpoints() -> dict[str, bytes]:
    """Bombs and tricks of modules, settings, tensors and storages."""
    table = {f"name{number}": None for number in range(30_000)}
    entries = files.dumps({"G": _network(table)})
    again = b"ctorch.nn\nModule\n)R"
    whole = files.storage_bytes(np.zeros(100, np.float32))
    tables = files.ordered(table)
    sharing = [files.module("torch.nn.A", _parameters=tables) for _ in range(3_000)]
    storages = files.storage(np.zeros(100, np.float32))
    views = {f"w{n}": files.Built(files._TENSOR, (storages, 0, (1 << 40, 1 << 40), (0, 0), False)) for n in range(50)}
    load = b"ctorch.storage\n_load_from_bytes\nq\xf0B" + _u32(len(whole)) + whole + b"q\xf1"
    endless = whole[:2] + b"N0" * 1_000_000 + whole[2:]
    header = b"ctorch.storage\n_load_from_bytes\nB" + _u32(len(endless)) + endless + b"\x85R"
    networks: dict[str, Any] = {
        "modules that share parts": _shared_modules(),
        "a module in itself": _in_itself(),
        "modules nested deep": _deep(),
        "long names that share parts": _long_names(),
        "settings that share parts": _shared_settings(),
        "settings in themselves": _settings_in_themselves(),
        "one table in many modules": files.module("torch.nn.A", modules={str(n): m for n, m in enumerate(sharing)}),
        "tensors that grow": files.module("torch.nn.A", parameters=views),
        "a text for modules": files.module("torch.nn.A", _modules="abc"),
        "numbers for buffers": files.module("torch.nn.A", _buffers=[1, 2]),
        "a table that is a module in itself": _network({"_modules": _in_itself()}),
        "a tensor for a network": files.tensor(np.zeros(3, np.float32)),
        "a call of a module": files.Built(files.Global("torch.nn", "Module"), (files.Global("torch", "load"),)),
    }
    made = {name: files.dumps({"G": network}) for name, network in networks.items()}
    return {
        **made,
        "one state for many modules": entries[:-2] + b"q\xf0" + (b"0" + again + b"h\xf0b") * 20_000 + b"s.",
        "one storage asked for often": b"\x80\x04}" + load + b"00" + b"h\xf0h\xf1\x85R0" * 50_000 + b".",
        "a storage with an endless header": b"\x80\x04}" + header + b"0.",
        "overlapping storages": b"\x80\x04}" + load + b"0" + load.replace(b"q\xf0", b"q\xf2") + b"00.",
    }


def object_npy(content: bytes, shape: tuple[int, ...] = ()) -> bytes:
    """A .npy file that declares objects and goes on with any pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def archive(**members: bytes) -> bytes:
    """A packed .npz file with these .npy files in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.npy", content)
    return file.getvalue()


def _header(text: str, version: bytes = b"\x01\x00") -> bytes:
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text.encode() + b"\0" * 64


def npy_headers() -> dict[str, bytes]:
    """Headers of .npy files."""
    one = "{{'descr': {}, 'fortran_order': False, 'shape': {}}}\n"
    texts = {
        "2**60 numbers": one.format("'<f8'", (1 << 60,)),
        "numbers without size": one.format("'V0'", (1 << 60,)),
        "negative": one.format("'<f8'", (-1, -8)),
        "an extent that is true": one.format("'<f8'", (True, 8)),
        "nested": "(" * 9_000,
        "negated": "-" * 9_000 + "1",
        "nested lists": one.format("[" * 4_000 + "]" * 4_000, (1,)),
        "a call": one.format("__import__('os').system('false')", (1,)),
        "a type in a type": one.format([("a", [("b", "<f8", (1 << 30, 1 << 30))])], (1,)),
        "a type with a count": one.format("'1000000000000i4'", (1,)),
        "objects in a structure": one.format([("a", "|O")], (1,)),
        "too long": " " * 60_000,
    }
    forged = {"a length of 4 GiB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "version 9": b"\x93NUMPY\x09\x00" + b"\0" * 9}
    return {**{name: _header(text) for name, text in texts.items()}, **forged}


def bombs() -> dict[str, bytes]:
    """Archives that unpack to much more than they are."""
    zeros = b"\0" * (200 << 20)
    return {
        "a member of zeros": archive(a=zeros),
        "members of zeros": archive(**{f"a{n}": zeros[: 40 << 20] for n in range(4)}),
        "a member that lies about its size": archive(a=zeros[: 50 << 20]).replace(_u32(50 << 20), _u32(100)),
        "an npz in an npz": archive(a=archive(b=b"x")),
        "an empty archive": archive(),
    }


def headers() -> dict[str, bytes]:
    """Headers of safetensors files."""

    def whole(text: bytes) -> bytes:
        return struct.pack("<Q", len(text)) + text

    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    return {
        "nested lists": whole(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        "nested dicts": whole(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
        "a length of 2**63": struct.pack("<Q", 1 << 63) + b"{}",
        "a length of 4 GiB": struct.pack("<Q", (1 << 32) - 1) + b"{}",
        "digits": whole(b'{"a":' + b"9" * 100_000 + b"}"),
        "infinite offsets": whole(json.dumps({"a": {**tensor, "data_offsets": [0, float("inf")]}}).encode()),
        "no offsets": whole(b'{"a":{"shape":[1]}}'),
        "no dict": whole(b'{"a":[1]}'),
        "a list": whole(b"[1]"),
        "a shape that is a text": whole(json.dumps({"a": {**tensor, "shape": "abc"}}).encode()),
        "a shape of many": whole(json.dumps({"backbone.w_avg": {**tensor, "shape": [1] * 100_000}}).encode()),
        "many names": whole(json.dumps({f"name{n}" * 20: tensor for n in range(20_000)}).encode()),
        "invalid UTF-8": whole(b'{"\xff\xfe": 1}'),
        "a lone surrogate": whole(b'{"\\ud800": {"shape": [1], "data_offsets": [0, 4], "dtype": "F32"}}' + b"\0" * 4),
        "negative offsets": whole(json.dumps({"a": {**tensor, "data_offsets": [-8, -4]}}).encode()),
    }

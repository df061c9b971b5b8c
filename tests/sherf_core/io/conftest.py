"""Pickles that try to run something: `hostile_pickles` builds each around a file whose appearance gives it away."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse


class _Calls:
    """Pickles as a call of a function: what an attacker writes."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self._call


def _line(text: str) -> bytes:
    return text.encode() + b"\n"


def _sparse_with(content: object) -> object:
    matrix = scipy.sparse.csc_matrix(np.eye(2))
    matrix.__dict__["data"] = content
    return matrix


def _object_array(content: object) -> np.ndarray:
    array = np.empty(1, dtype=object)
    array[0] = content
    return array


@pytest.fixture
def hostile_pickles(tmp_path: Path) -> dict[str, tuple[bytes, str]]:
    """Name -> (pickle that would make `tmp_path / "ran"` if any code of it ran, global that the error must name)."""
    ran = tmp_path / "ran"
    shell = f"touch {ran}"
    python = f"open({str(ran)!r}, 'w').close()"
    system = _Calls(os.system, shell)
    module = os.system.__module__
    text = b"S'" + shell.encode() + b"'\n"
    named = f"{module}.system"
    objects = {
        "system": (system, named),
        "in a list in a dict": ({"v_template": [1, [system]]}, named),
        "in a dictionary key": ({(1, system): 2}, named),
        "in an object array": (_object_array(system), named),
        "in a csc matrix": (_sparse_with(system), named),
        "eval": (_Calls(eval, python), "builtins.eval"),
        "exec": (_Calls(exec, python), "builtins.exec"),
        "subprocess": (_Calls(subprocess.call, ["touch", str(ran)]), ".call"),
        "getattr chain": (_Calls(getattr, _Calls(__import__, "os"), "system"), "builtins.getattr"),
        "numpy's own load": (_Calls(np.load, str(ran)), "numpy"),
    }
    cases = {}
    for protocol in range(6):
        for name, (value, expected) in objects.items():
            # The modules' names before Python 3 are what protocols 0 to 2 write.
            seen = expected.replace("builtins.", "__builtin__.") if protocol < 3 else expected
            cases[f"{name}, protocol {protocol}"] = (pickle.dumps(value, protocol=protocol), seen)
    eval_text = b"V" + python.encode() + b"\n"
    by_hand = {
        "INST": (b"(" + text + b"i" + _line(module) + b"system\n.", named),
        "OBJ": (b"(c" + _line(module) + b"system\n" + text + b"o.", named),
        "NEWOBJ": (b"\x80\x02c" + _line(module) + b"system\n" + text + b"\x85\x81.", named),
        "dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0ecore.os.system\x93" + text + b"\x85R.", "numpy.core.os.system"),
        "attribute of a listed class": (
            b"cnumpy\nndarray.__setstate__\n" + text + b"\x85R.",
            "numpy.ndarray.__setstate__",
        ),
        "stack global": (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93" + eval_text + b"\x85R.", "builtins.eval"),
        "as a dtype": (b"cnumpy\ndtype\n(c__builtin__\neval\n" + eval_text + b"\x85RtR.", "__builtin__.eval"),
        "as a state": (b"c__builtin__\nobject\n)Rc__builtin__\neval\n" + eval_text + b"\x85Rb.", "__builtin__.eval"),
        "numpy's runner": (
            b"cnumpy.testing._private.utils\nrunstring\n(" + eval_text + b"}tR.",
            "numpy.testing._private.utils.runstring",
        ),
        "operator": (b"coperator\nattrgetter\n(S'system'\ntR.", "operator.attrgetter"),
        "import by name alone": (b"cantigravity\nfly\n.", "antigravity.fly"),
        "_reconstructor": (
            b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
            "subprocess.Popen",
        ),
    }
    return {**cases, **by_hand}


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[], bool]:
    """Whether any of the hostile pickles has run."""
    return (tmp_path / "ran").exists

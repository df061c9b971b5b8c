"""Collector for the user's body model: what the file holds, whatever its name says."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TypeVar

from checks.facts.opened import opened, problem_of
from checks.facts.records import FileFacts
from sherf_core.errors import BrokenFileError, SherfError
from sherf_core.io.digest import sha256
from sherf_core.io.sniff import FileKind, inspect_pickle, require_kind, sniff

# Python 2 wrote its strings with these instructions; Python 3 has never used them.
PYTHON2_STRINGS = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
# They stand at the start already: a body is a dictionary, and its keys are strings.
INSTRUCTIONS_ASKED = 2000
SMALL_COPY_SUFFIX = "_10shapes.npz"
PathKind = TypeVar("PathKind", bound=PurePath)


def small_copy_of(path: PathKind) -> PathKind:
    """Where a copy of a body with 10 shape components lies. Its name is none that is looked for as a body: the
    original stays the one that is used, and is not outlived by a copy of it.
    """
    return path.with_name(path.stem + SMALL_COPY_SUFFIX)


def body_facts(path: Path, quick: bool = False) -> FileFacts:
    """Read a body file with the restricted reader and say what is wrong with it, if anything is.

    Args:
        path: the file.
        quick: whether to look at its first bytes only.
    """
    facts = opened(path, "SMPL.MISSING")
    if facts.problem or not facts.readable:
        return facts
    if quick:
        return facts.model_copy(update=_kind_problem(path))
    return facts.model_copy(update={"sha256": sha256(path), **_pickle_traits(path), **_content(path)})


def _kind_problem(path: Path) -> dict[str, object]:
    """What the first bytes say; an archive of arrays (.npz) is a body too."""
    wanted = FileKind.ZIP if path.suffix.lower() == ".npz" else FileKind.PICKLE
    try:
        require_kind(path, wanted)
    except BrokenFileError as error:
        return problem_of(error, f"SMPL.{error.code}")
    return {}


def _content(path: Path) -> dict[str, object]:
    from sherf_core.body.files import load_body

    try:
        body = load_body(path)
    except SherfError as error:
        return problem_of(error, error.code or "SMPL.STRUCT")
    copy = small_copy_of(path)
    return {
        "vertices": len(body.v_template),
        "shape_components": body.shape_components,
        "small_copy": str(copy) if copy.is_file() else "",
    }


def _pickle_traits(path: Path) -> dict[str, object]:
    """Who wrote a pickle and with what, from a walk through its instructions; nothing of it is built."""
    if sniff(path).kind is not FileKind.PICKLE:
        return {}
    names = inspect_pickle(path).globals
    return {
        "python2": _has_python2_strings(path),
        "chumpy": any(name.partition(".")[0] == "chumpy" for name in names),
    }


def _has_python2_strings(path: Path) -> bool:
    from itertools import islice

    from sherf_core.io.pickle_opcodes import MalformedPickle, instructions

    try:
        with path.open("rb") as file:
            walk = islice(instructions(file, path.stat().st_size, skip_longer_than=1 << 16), INSTRUCTIONS_ASKED)
            return any(name in PYTHON2_STRINGS for name, _argument, _position in walk)
    except (OSError, MalformedPickle):
        return False

"""A remedy and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["link", "write", "copy", "chmod"]


@dataclass(frozen=True)
class Remedy:
    """One step of the plan. Paths without a root are taken from the current folder.

    Args:
        id: the finding that it mends.
        words: what will be done, for people.
        kind: `link`: a symbolic link `target` to `source` (a copy where the file system has no links). `write`: the
            list `target` of the people whose folders are in `source`. `copy`: the body `source` with 10 shape
            components as `target`. `chmod`: the owner gets access to `target`.
        source: what is there, "" for `chmod`.
        target: what is made or changed.
        undo: the shell command that takes it back.
    """

    id: str
    words: str
    kind: Kind
    source: str
    target: str
    undo: str


@dataclass(frozen=True)
class Outcome:
    """What came of a remedy.

    Args:
        remedy: the step.
        state: `done`; `already done`: it was so before; `refused`: nothing was changed.
        reason: why it was refused, or what is worth knowing about how it was done; may be "".
        undo: the shell command that takes back what was done here, folders that were made included; "" unless `done`.
    """

    remedy: Remedy
    state: Literal["done", "already done", "refused"]
    reason: str = ""
    undo: str = ""

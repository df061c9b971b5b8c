"""The files of others that are known: what they are for, their licences, sizes, sums and sources.

The doctor reads it too, so nothing but Python's own library is imported. Sums of body files are a help, no condition:
people keep cleaned copies, and an unknown sum means nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("known_files.json")


@dataclass(frozen=True)
class Licence:
    """The terms of an asset: their name, where they stand, and whether they are to be accepted before a download."""

    name: str
    page: str
    accept: bool


@dataclass(frozen=True)
class Asset:
    """Something that users fetch.

    Args:
        name: its word on the command line.
        title: what it is.
        purpose: what it is for.
        place: where it goes, under the folder that the command works in.
        page: its publisher's page.
        bytes: about how large it is in place; None where its publisher does not say.
        licence: its terms.
    """

    name: str
    title: str
    purpose: str
    place: str
    page: str
    bytes: int | None
    licence: Licence


@dataclass(frozen=True)
class KnownBody:
    """A body file that was published; `bytes` is None where its size is not stated."""

    gender: str
    version: str
    bytes: int | None
    sha256: str

    def __str__(self) -> str:
        return f"the {self.gender} body of SMPL {self.version}"


@dataclass(frozen=True)
class SmplArchive:
    """The archive that holds the neutral body: `server` and `query` make its address."""

    name: str
    server: str
    query: str
    referer: str
    md5: str


@dataclass(frozen=True)
class TorchFile:
    """A file of torchvision's: the digits in its name are the first of its sha256."""

    name: str
    server: str

    @property
    def address(self) -> str:
        """Where it is published."""
        return f"{self.server}/{self.name}"

    @property
    def digits(self) -> str:
        """The first digits of its sha256."""
        return Path(self.name).stem.rpartition("-")[2]


@dataclass(frozen=True)
class Repository:
    """A repository of the Hugging Face hub: `files` is a pattern that the paths of the wanted files contain."""

    kind: str
    name: str
    files: str


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert isinstance(table, dict)
    return table


@lru_cache(maxsize=1)
def assets() -> tuple[Asset, ...]:
    """All assets, in the order in which users want them."""
    return tuple(Asset(**{**row, "licence": Licence(**row["licence"])}) for row in _table()["assets"])


def asset(name: str) -> Asset:
    """The asset of that name."""
    return next(entry for entry in assets() if entry.name == name)


@lru_cache(maxsize=1)
def known_bodies() -> tuple[KnownBody, ...]:
    """All published body files whose sums are known."""
    return tuple(KnownBody(**row) for row in _table()["bodies"])


def known_body(sha256: str) -> KnownBody | None:
    """The published file of that fingerprint; None for others, and for "" (not taken)."""
    return next((body for body in known_bodies() if body.sha256 == sha256), None)


def smpl_archive() -> SmplArchive:
    """The archive of SMPL's site that holds the neutral body."""
    return SmplArchive(**_table()["smpl_archive"])


def torch_file(name: str) -> TorchFile:
    """torchvision's file for the asset `perceptual` or `resnet`."""
    return TorchFile(_table()["torch_files"][name], _table()["torch_files"]["server"])


def repository(name: str) -> Repository:
    """The hub's repository for the asset `renderpeople` or `thuman-params`."""
    return Repository(**_table()["repositories"][name])

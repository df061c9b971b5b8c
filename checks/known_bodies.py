"""The published body files by their fingerprints. People keep cleaned copies, so an unknown one means nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "known_bodies.json"


@dataclass(frozen=True)
class KnownBody:
    """A file that was published; `bytes` is None where its size is not stated."""

    gender: str
    version: str
    bytes: int | None
    sha256: str

    def __str__(self) -> str:
        return f"the {self.gender} body of SMPL {self.version}"


@lru_cache(maxsize=1)
def known_bodies() -> tuple[KnownBody, ...]:
    """All of the table."""
    return tuple(KnownBody(**row) for row in json.loads(TABLE.read_text(encoding="utf-8"))["bodies"])


def known_body(sha256: str) -> KnownBody | None:
    """The published file of that fingerprint; None for others, and for "" (not taken)."""
    return next((body for body in known_bodies() if body.sha256 == sha256), None)


def published_sizes() -> str:
    """What a whole neutral file measures, in words."""
    sizes = [f"{body.bytes:,} ({body.version})" for body in known_bodies() if body.bytes and body.gender == "neutral"]
    return " or ".join(sizes)

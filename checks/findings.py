"""A finding: something observed that matters for the purpose, with its cause and its fix."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding matters for the purpose; ordered, so that the gravest can be taken with max()."""

    INFO = 1
    """Good to know; nothing to do."""
    WARN = 2
    """It works, though not as it could."""
    BLOCK = 3
    """The purpose cannot be served before this is mended."""


@dataclass(frozen=True)
class Finding:
    """One diagnosis.

    Args:
        id: its name in the catalogue, such as `SMPL.HTML`.
        severity: how much it matters for the purpose.
        group: the heading it stands under.
        title: what is wrong, a few words.
        evidence: what was observed, a line each.
        cause: why it is so.
        fix: what to do, a step each: `$ ` starts a shell command, `PS> ` one for PowerShell in Windows, anything else
            is a step in words.
        link: where more is said, or "".
        silenced_by: the id of the finding that this one follows from, or "": mend that one first.
    """

    id: str
    severity: Severity
    group: str
    title: str
    evidence: tuple[str, ...]
    cause: str
    fix: tuple[str, ...]
    link: str = ""
    silenced_by: str = ""

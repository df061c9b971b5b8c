"""What every file of the user's is asked first: is it there, may it be read, is it a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from checks.facts.records import FileFacts
from sherf_core.errors import SherfError


def opened(path: Path, missing: str) -> FileFacts:
    """Size, permissions and, for a link, where it leads; `missing` is the problem where nothing is there."""
    leads_to = os.path.realpath(path) if os.path.islink(path) else ""
    try:
        status = path.stat()
    except OSError as error:
        found = f"{path} is a link to {leads_to}, which is not there" if leads_to else f"{path}: {error.strerror}"
        return FileFacts(path=str(path), leads_to=leads_to, problem=missing, found=found)
    if not stat.S_ISREG(status.st_mode):
        return FileFacts(path=str(path), leads_to=leads_to, problem=missing, found=f"{path} is no file")
    return FileFacts(
        path=str(path),
        bytes=status.st_size,
        readable=os.access(path, os.R_OK),
        owned=hasattr(os, "geteuid") and status.st_uid == os.geteuid(),
        leads_to=leads_to,
    )


def problem_of(error: SherfError, identifier: str) -> dict[str, object]:
    """The fields that carry a reader's complaint."""
    return {"problem": identifier, "found": error.found, "expected": error.expected, "fix": error.fix}

"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def shared_folder() -> Path | None:
    """The folder with the reference files: SHERFCTL_SHARED, or `shared/` beside the repository or in it."""
    if os.environ.get("SHERFCTL_SHARED"):
        candidates = [Path(os.environ["SHERFCTL_SHARED"])]
    else:
        candidates = [REPOSITORY.parent / "shared", REPOSITORY / "shared"]
    return next((path for path in candidates if path.is_dir()), None)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the reference files (`golden/`, ...); tests that need it are skipped where it is not there."""
    found = shared_folder()
    if found is None:
        pytest.skip("reference files are not here: put them beside the repository as shared/, or set SHERFCTL_SHARED")
    return found


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The published model's recorded inputs and outputs."""
    folder = shared / "golden"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder

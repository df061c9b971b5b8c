"""What tests of several commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sherfctl.commands.fetching import Fetcher


@pytest.fixture
def fetcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetcher]:
    """fetch-assets in a folder of its own; no secret may be left there or in what was printed."""
    fetcher = Fetcher(tmp_path, monkeypatch)
    yield fetcher
    fetcher.require_no_secret()

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own profiles, empty; the one of whoever runs the tests is not looked into."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "sherfctl" / "profiles"
    folder.mkdir(parents=True)
    return folder

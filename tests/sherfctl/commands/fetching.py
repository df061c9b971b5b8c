"""Runs fetch-assets in a folder of its own, and sees that no secret is left anywhere."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from sherf_core.assets import catalogue
from sherfctl.app import run
from tests.sherf_core.assets.loopback import PASSWORD, TOKEN

SECRETS = (PASSWORD, TOKEN)
FOREIGN = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "TORCH_HOME")


class Fetcher:
    """The command in `root/work`, with a home and a cache of its own; it remembers all that was printed."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.work, self.cache = root, root / "work", root / "cache"
        self.printed: list[str] = []
        self.work.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(self.work)
        folders = {
            "HOME": "home",
            "XDG_CACHE_HOME": "home/.cache",
            "XDG_STATE_HOME": "state",
            "SHERFCTL_CACHE": "cache",
        }
        for name, folder in folders.items():
            monkeypatch.setenv(name, str(root / folder))
        for name in (*FOREIGN, "SMPL_USERNAME", "SMPL_PASSWORD", "SHERFCTL_HOME"):
            monkeypatch.delenv(name, raising=False)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        out, error = io.StringIO(), io.StringIO()
        environment = {"XDG_STATE_HOME": str(self.root / "home"), "COLUMNS": "80"}
        code = run(["fetch-assets", *arguments], stdout=out, stderr=error, environment=environment)
        self.printed += [out.getvalue(), error.getvalue()]
        return int(code), out.getvalue(), error.getvalue()

    def file(self, name: str) -> Path:
        return self.work / name

    def write(self, name: str, content: bytes) -> Path:
        path = self.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def everything(self) -> set[Path]:
        """All files and folders there are."""
        return {Path(place) / name for place, folders, names in os.walk(self.root) for name in (*folders, *names)}

    def publish_torch_file(self, asset: str, content: bytes) -> str:
        """Let the catalogue say that torchvision's file is this one; returns its name."""
        table = {**catalogue._table()}
        start = {"perceptual": "vgg16", "resnet": "resnet18"}[asset]
        name = f"{start}-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        table["torch_files"] = {**table["torch_files"], asset: name}
        table["assets"] = [
            {**row, "place": f"assets/{name}", "bytes": len(content)} if row["name"] == asset else row
            for row in table["assets"]
        ]
        self._monkeypatch.setattr(catalogue, "_table", lambda: table)
        catalogue.assets.cache_clear()
        return name

    def require_no_secret(self) -> None:
        """Neither in what was printed nor in any file."""
        catalogue.assets.cache_clear()  # another test has the real table again
        for secret in SECRETS:
            assert not any(secret in text for text in self.printed)
            for path in self.everything():
                if path.is_file():
                    assert secret.encode() not in path.read_bytes(), path

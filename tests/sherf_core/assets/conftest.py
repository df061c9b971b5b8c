"""A web server that misbehaves (`server.py`), its certificate, and a client without the user's environment."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

from sherf_core.assets.transport import Policy, Progress, Remote
from sherf_core.io.sniff import FileKind

BYTES = 200_000
_PASSWORD = "swordfish & co"


@dataclass
class Site:
    """The server: where it is, what it sends, what it was asked."""

    ports: dict[str, int]
    content: bytes
    other: bytes
    authority: Path
    password: str = _PASSWORD

    def url(self, key: str, server: str = "http", **options: Any) -> str:
        host = "127.0.0.2" if server == "other" else "127.0.0.1"
        scheme = "https" if server == "https" else "http"
        return f"{scheme}://{host}:{self.ports[server]}/{key}/file.zip?{urlencode(options)}"

    def remote(self, key: str, server: str = "http", *, known: bool = False, **options: Any) -> Remote:
        """The file, with size and sha256 if they are `known`."""
        size, digest = (len(self.content), self.sha256) if known else (None, "")
        return Remote(self.url(key, server, **options), size=size, sha256=digest, kinds=(FileKind.ZIP,))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def log(self, key: str) -> list[dict[str, Any]]:
        """The requests for this key."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}/log/{key}") as answer:
            return list(json.load(answer))


@dataclass
class Client:
    """A policy that sleeps never and remembers for how long it would have, and the progress that was reported."""

    slept: list[float] = field(default_factory=list)
    seen: list[Progress] = field(default_factory=list)

    def policy(self, **changes: Any) -> Policy:
        settings: dict[str, Any] = {
            "connect_timeout": 5.0,
            "read_timeout": 5.0,
            "attempts": 4,
            "jitter": lambda longest: longest,
            "sleep": self.slept.append,
            "chunk_bytes": 8192,
        }
        return Policy(**{**settings, **changes})

    @property
    def notes(self) -> list[str]:
        return [progress.note for progress in self.seen if progress.note]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    chance = random.Random(4)
    content, other = (b"PK\x03\x04" + chance.randbytes(BYTES - 4) for _ in range(2))
    (folder / "content").write_bytes(content)
    (folder / "other").write_bytes(other)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    arguments = [str(folder / name) for name in ("content", "other", "server.pem")]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py")), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Site(json.loads(process.stdout.readline()), content, other, folder / "authority.pem")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A name of this test's own in the server's books."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]

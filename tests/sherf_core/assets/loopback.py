"""A server on this computer that speaks as the publishers do: SMPL's site with its login, plain files, the hub."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USERNAME, PASSWORD = "anna@example.org", "correct horse & Batterie"
TOKEN = "hf_" + "Secret" * 5
LOGIN_PAGE = b"<!DOCTYPE html><html><body>Login failed</body></html>"


@dataclass
class Publisher:
    """What the server has and was asked.

    Args:
        archive: SMPL's zip.
        files: other files by their path.
        commits: of the hub's repository, newest first: files by name.
        pause: seconds between pieces of 16 KiB.
    """

    archive: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    pause: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(publisher: Publisher) -> Iterator[Publisher]:
    """The publisher on a free port of the loopback, until the block ends."""

    class Handler(_Handler):
        owner = publisher

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are no news
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    publisher.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Publisher
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer({})

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

    def _answer(self, form: dict[str, list[str]]) -> None:
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.requests.append({"method": self.command, "path": path, "headers": headers})
        if path == "/download.php":
            self._smpl(form, headers)
        elif path.startswith("/api/"):
            self._repository(path)
        elif "/resolve/" in path:
            commit, _, name = path.partition("/resolve/")[2].partition("/")
            self._file(self.owner.commits.get(commit, {}).get(name), {"X-Repo-Commit": commit})
        else:
            self._file(self.owner.files.get(path))

    def _smpl(self, form: dict[str, list[str]], headers: dict[str, str]) -> None:
        if not headers.get("referer") or "python" in headers.get("user-agent", "python").lower():
            self._send(403, b"forbidden", {"Content-Type": "text/plain"})
        elif self.command == "GET" and not form:
            self._send(200, LOGIN_PAGE, {"Content-Type": "text/html", "Set-Cookie": "PHPSESSID=1; Path=/"})
        elif "PHPSESSID=1" not in headers.get("cookie", ""):
            self._send(403, b"no session", {"Content-Type": "text/plain"})
        elif (form.get("username"), form.get("password")) != ([USERNAME], [PASSWORD]):
            self._send(200, LOGIN_PAGE, {"Content-Type": "text/html"})
        else:
            self._file(self.owner.archive)

    def _repository(self, path: str) -> None:
        asked = path.rpartition("/")[2]
        commit = asked if asked in self.owner.commits else next(iter(self.owner.commits))
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130},
            }
            for name, content in self.owner.commits[commit].items()
        ]
        document = {"id": "skhu101/SHERF", "sha": commit, "siblings": siblings, "tags": [], "private": False}
        self._send(200, json.dumps(document).encode(), {"Content-Type": "application/json", "X-Repo-Commit": commit})

    def _file(self, content: bytes | None, more: dict[str, str] | None = None) -> None:
        if content is None:
            self._send(404, b"not here", {"Content-Type": "text/plain"})
            return
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"ETag": tag, "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **(more or {})}
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if not wanted or self.headers.get("If-Range", tag) != tag:
            self._send(200, content, headers)
            return
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206, content[start:], headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(body), 1 << 14):
            self.wfile.write(body[start : start + (1 << 14)])
            time.sleep(self.owner.pause)

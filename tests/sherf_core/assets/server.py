"""A web server that misbehaves as its URLs ask it to. A process of its own; it listens on loopback only.

    python server.py CONTENT OTHER CERTIFICATE   prints {"http": port, "other": port on 127.0.0.2, "https": port}

`/KEY/...?options` sends CONTENT; hits are counted, and written down, for each KEY. `/log/KEY` tells what was asked.
Options are named in `Wishes`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import ssl
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, fields
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "swordfish & co"
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 247186228\n"
PAGES = {"html": HTML, "lfs": POINTER, "empty": b"", "xz": b"\xfd7zXZ\x00" + bytes(2000), "words": b"wrong password"}
BODIES: dict[str, bytes] = {}
HITS: dict[str, list[dict[str, Any]]] = defaultdict(list)
TURN = threading.Lock()


@dataclass
class Wishes:
    """How a URL is to be answered; every value is text from the query."""

    body: str = "content"  # content, other, or one of PAGES
    kind: str = "application/octet-stream"  # Content-Type
    status: str = ""  # of the first hits: 500,500,500
    retry: str = ""  # Retry-After with these: seconds, or date:SECONDS
    etag: str = "strong"  # strong, weak, none
    changed: str = "none"  # Last-Modified: none, old, now
    ranges: str = "yes"  # no; late: one byte too far; blind: whatever If-Range says; some: 1000 bytes at most
    cut: str = "0"  # as many first hits end half-way
    stall: str = "0"  # as many first hits fall silent half-way
    length: str = "right"  # none, chunked, long (10 bytes too many)
    packed: str = ""  # gzip
    pause: str = "0"  # seconds between pieces of 4096 bytes
    needs: str = ""  # referer, agent, cookie, form, login: 403 without, or a page with status 200 for a wrong form
    to: str = ""  # redirect there
    code: str = "302"  # of the redirect
    sets: str = ""  # a cookie


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

    def _answer(self, form: str) -> None:
        parts = urlsplit(self.path)
        key = parts.path.split("/")[1]
        if key == "log":
            self._page(200, json.dumps(HITS[parts.path.split("/")[2]]).encode(), "application/json")
            return
        with TURN:
            HITS[key].append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "form": form}
            )
            hit = sum(urlsplit(one["path"]).path == parts.path for one in HITS[key])
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        wishes = Wishes(**{field.name: given[field.name] for field in fields(Wishes) if field.name in given})
        self._obey(wishes, parse_qs(form), hit)

    def _obey(self, wishes: Wishes, form: dict[str, list[str]], hit: int) -> None:
        statuses = [int(text) for text in wishes.status.split(",") if text]
        if hit <= len(statuses):
            headers = {"Retry-After": _retry_after(wishes.retry)} if wishes.retry else {}
            self._page(statuses[hit - 1], b"not now", "text/plain", headers)
        elif wishes.to:
            target = self.path if wishes.to == "self" else wishes.to
            self._page(int(wishes.code), HTML, "text/html", {"Location": target, "Set-Cookie": "hop=abc; Path=/"})
        elif problem := self._problem(wishes.needs, form):
            self._page(problem, HTML, "text/html")
        elif wishes.sets:
            self._page(200, HTML, "text/html", {"Set-Cookie": f"{wishes.sets}; Path=/"})
        else:
            self._send_file(wishes, hit)

    def _problem(self, needs: str, form: dict[str, list[str]]) -> int:
        """The status that something missing is answered with; 0 if nothing is."""
        missing = {
            "referer": not self.headers.get("Referer", "").startswith("https://download."),
            "agent": "Mozilla" not in self.headers.get("User-Agent", ""),
            "cookie": "visited=" not in self.headers.get("Cookie", ""),
            "login": not self.headers.get("Authorization", ""),
        }
        if any(missing.get(need, False) for need in needs.split(",")):
            return 401 if missing["login"] and "login" in needs else 403
        return 200 if "form" in needs and form.get("password") != [PASSWORD] else 0

    def _send_file(self, wishes: Wishes, hit: int) -> None:
        body = BODIES.get(wishes.body, PAGES.get(wishes.body, b""))
        tag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'
        headers = {"Content-Type": wishes.kind}
        if wishes.etag != "none":
            headers["ETag"] = tag if wishes.etag == "strong" else f"W/{tag}"
        if wishes.changed != "none":
            headers["Last-Modified"] = formatdate(time.time() if wishes.changed == "now" else 1e9, usegmt=True)
        if wishes.packed:
            body = gzip.compress(body)
            headers["Content-Encoding"] = wishes.packed
        status, start, end = self._range(wishes, headers, len(body))
        if status == 416:
            self._page(416, b"", "text/plain", {"Content-Range": f"bytes */{len(body)}", **headers})
            return
        if status == 206:
            late = 1 if wishes.ranges == "late" else 0
            headers["Content-Range"] = f"bytes {start + late}-{end - 1}/{len(body)}"
            start += late
        self._send(status, headers, body[start:end], wishes, hit)

    def _range(self, wishes: Wishes, headers: dict[str, str], size: int) -> tuple[int, int, int]:
        """Status, first byte and the one after the last."""
        wanted = self.headers.get("Range", "")
        if not wanted or wishes.ranges == "no":
            return 200, 0, size
        condition = self.headers.get("If-Range", "")
        fits = condition in ("", headers.get("ETag"), headers.get("Last-Modified")) and not condition.startswith("W/")
        if not fits and wishes.ranges != "blind":
            return 200, 0, size
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= size:
            return 416, 0, 0
        return 206, start, min(size, start + 1000) if wishes.ranges == "some" else size

    def _send(self, status: int, headers: dict[str, str], body: bytes, wishes: Wishes, hit: int) -> None:
        cut, stall = hit <= int(wishes.cut), hit <= int(wishes.stall)
        if wishes.length == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif wishes.length == "none":
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body) + (10 if wishes.length == "long" else 0))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = cut or stall or wishes.length in ("none", "long")
        for start in range(0, len(body) // 2 if cut or stall else len(body), 4096):
            piece = body[start : min(start + 4096, len(body) // 2)] if cut or stall else body[start : start + 4096]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if wishes.length == "chunked" else piece)
            time.sleep(float(wishes.pause))
        if stall:
            time.sleep(3)
        if wishes.length == "chunked" and not cut:
            self.wfile.write(b"0\r\n\r\n")

    def _page(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Many requests; clients that hang up are no news."""

    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """Say nothing."""


def _retry_after(text: str) -> str:
    if text.startswith("date:"):
        return formatdate(time.time() + float(text.removeprefix("date:")), usegmt=True)
    return text


def main(content: str, other: str, certificate: str) -> None:
    """Serve until killed, or until the one who started it has gone."""
    BODIES.update(content=Path(content).read_bytes(), other=Path(other).read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers = {name: Server((host, 0), Handler) for name, host in (("http", "127.0.0.1"), ("other", "127.0.0.2"))}
    servers["https"] = Server(("127.0.0.1", 0), Handler)
    servers["https"].socket = context.wrap_socket(servers["https"].socket, server_side=True)
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({name: server.server_address[1] for name, server in servers.items()}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

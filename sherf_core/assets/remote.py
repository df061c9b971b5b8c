"""What is fetched, how patiently, and what came of it. Nothing here shows a secret: URLs lose their query."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sherf_core.io.sniff import FileKind

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, repr=False)
class Remote:
    """A file on a server.

    Args:
        url: http or https; a user name and password in it go out as basic authentication.
        form: fields that are posted (credentials); None: GET.
        headers: `Referer`, `Authorization`, ... They go to the host of `url` only, as do the form and cookies.
        visit_first: a page that is fetched before, for its session cookie.
        size: the file's bytes, if known.
        sha256: its digest or the first digits of it, if known.
        kinds: what its first bytes may be; empty: anything but a web page or a Git LFS pointer.
    """

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    visit_first: str = ""
    size: int | None = None
    sha256: str = ""
    kinds: tuple[FileKind, ...] = ()

    def __repr__(self) -> str:
        form = None if self.form is None else sorted(self.form)
        return f"Remote({shown(self.url)!r}, form={form}, headers={sorted(self.headers)}, size={self.size})"


def _full_jitter(longest: float) -> float:
    return random.uniform(0, longest)


@dataclass(frozen=True)
class Policy:
    """How patient a download is. Times in seconds.

    Args:
        connect_timeout: to reach the server.
        read_timeout: without a byte from it.
        attempts: failures in a row, without a new byte in between, after which it gives up.
        backoff_base: the longest wait after the first failure; it doubles with each further one...
        backoff_cap: ... up to this.
        retry_after_cap: a server that asks for a longer wait than this is taken to be busy.
        jitter: a wait out of 0 to its argument.
        sleep: waits.
        chunk_bytes: read and written at once.
        ca_bundle: certificates to trust, a file or folder; None: REQUESTS_CA_BUNDLE, SSL_CERT_FILE or CURL_CA_BUNDLE,
            else those of `certifi`.
    """

    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    attempts: int = 6
    backoff_base: float = 1.0
    backoff_cap: float = 60.0
    retry_after_cap: float = 180.0
    jitter: Callable[[float], float] = _full_jitter
    sleep: Callable[[float], None] = time.sleep
    chunk_bytes: int = 1 << 18
    ca_bundle: str | Path | None = None


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes on disk, of how many (None: unknown), and what happened, if anything did."""

    done: int
    total: int | None
    bytes_per_second: float
    note: str = ""


@dataclass(frozen=True)
class Downloaded:
    """A file in its place. `resumed_at` counts the bytes that an earlier, interrupted call had left."""

    path: Path
    bytes: int
    sha256: str
    resumed_at: int


def is_address(url: str) -> bool:
    """Whether this is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half a bracket
        return False


def shown(url: str) -> str:
    """The URL without user, password, query and fragment: what may be written down and shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{host_of(url)}{parts.path}"


def host_of(url: str) -> str:
    """The host, with its port if that is not the scheme's own."""
    return urlsplit(url).netloc.rpartition("@")[2]


def same_place(url: str, other: str) -> bool:
    """Whether two URLs are of one server, which may see the same secrets: equal scheme, host and port.

    A step up from http to https, both on their own ports, stays at the same place.
    """
    one, two = _origin(url), _origin(other)
    upgrade = one[1] == two[1] and (one[0], one[2], two[0], two[2]) == ("http", 80, "https", 443)
    return one == two or upgrade


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def readable(count: int) -> str:
    """A number of bytes for people: `12.0 MiB`."""
    if count < 1 << 10:
        return f"{count} bytes"
    for power, unit in ((30, "GiB"), (20, "MiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}"
    return f"{count / (1 << 10):.1f} KiB"

"""Download a file: resumed after every kind of interruption, and in its place only when it is whole and right.

Beside the target lie, while it is under way, `NAME.part`, `NAME.part.json` (see `partial.py`) and `NAME.lock`. What can
be gone on with stays after a failure; everything else goes.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

from sherf_core.assets.content import require_content
from sherf_core.assets.exchange import Answer, Exchange
from sherf_core.assets.lock import TargetLock
from sherf_core.assets.partial import Origin, Part
from sherf_core.assets.remote import Downloaded, Policy, Progress, Remote, host_of, is_address, readable, shown
from sherf_core.assets.space import require_space
from sherf_core.assets.trouble import Interrupted
from sherf_core.errors import FetchError
from sherf_core.io.sniff import HEAD_BYTES

__all__ = ["Downloaded", "Policy", "Progress", "Remote", "download", "tidy"]

_SPEED_WINDOW = 5.0
_REPORT_EVERY = 0.1
# A date of change is a strong validator only if it was past for a while when it was sent (RFC 9110, 8.8.2.2).
_SETTLED_AFTER = 60.0
_PATIENT = Policy()


def _silent(progress: Progress) -> None:
    pass


def download(
    remote: Remote,
    target: Path,
    *,
    policy: Policy = _PATIENT,
    on_progress: Callable[[Progress], None] = _silent,
) -> Downloaded:
    """Fetch `remote` to `target`, going on where an earlier call was interrupted.

    A file that is there already is replaced when the new one is whole.

    Args:
        remote: what to fetch and what is known of it.
        target: where it goes; its folder is made if need be.
        policy: timeouts, attempts, waits.
        on_progress: called some ten times a second, and for every note.

    Raises:
        FetchError: see its codes. None of these holds a secret, nor anything chained to it.
        OSError: the folder cannot be written.
    """
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    for url in filter(None, (remote.url, remote.visit_first)):
        if not is_address(url):
            raise FetchError(
                f"{target.name} has no address that can be fetched from",
                expected="http://... or https://...",
                fix="check the address for blanks and missing parts",
                code="FETCH.NETWORK",
                path=target,
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    with TargetLock(target):
        part = Part(target, remote)
        try:
            return _Download(remote, part, policy, on_progress).run()
        except FetchError as error:
            error.path = error.path or target
            raise
        finally:
            part.leave()


def tidy(target: Path) -> None:
    """Remove what an unfinished download left beside `target`, as when the file came another way.

    Raises:
        FetchError: FETCH.LOCKED, another process fetches it just now.
    """
    if target.parent.is_dir():
        with TargetLock(target):
            Part(target, Remote(url="")).discard()


class _Download:
    """One download: attempts until the part is whole, then its checks."""

    def __init__(self, remote: Remote, part: Part, policy: Policy, on_progress: Callable[[Progress], None]) -> None:
        self._remote, self._part, self._policy = remote, part, policy
        self._resumed_at = part.size if part.resumable else 0
        self._meter = _Meter(part, on_progress)

    def run(self) -> Downloaded:
        part = self._part
        if self._remote.size is not None:
            require_space(part.target, self._remote.size - part.size)
        with Exchange(self._remote, self._policy) as exchange:
            failures, farthest = 0, self._resumed_at
            while trouble := self._attempt(exchange):
                failures = 1 if part.size > farthest else failures + 1
                farthest = max(farthest, part.size)
                if failures >= self._policy.attempts:
                    raise self._given_up(trouble, failures)
                self._wait(trouble, failures)
        self._check()
        self._meter.report()
        part.publish()
        return Downloaded(part.target, part.size, part.sha256, self._resumed_at)

    def _attempt(self, exchange: Exchange) -> Interrupted | None:
        """Fetch what is missing; returns what went wrong if it is worth another attempt."""
        try:
            if not (self._part.resumable and self._go_on(exchange)):
                self._start_over(exchange)
        except Interrupted as trouble:
            return trouble
        return None

    def _go_on(self, exchange: Exchange) -> bool:
        """Fetch the rest; False if the server cannot give just that, or its file is another one now."""
        part, origin = self._part, self._part.origin
        with exchange.ask(part.size, origin.validator if origin else "") as answer:
            if answer.status == 200:
                self._take_all(answer)
                return True
            changed = _changed(origin, answer) or answer.range_total not in (None, part.total or answer.range_total)
            if answer.status == 416:
                return not changed and (answer.range_total or part.total) == part.size
            if changed or answer.encoded or answer.range_start != part.size:
                return False
            total = part.total or answer.range_total
            if total is not None:
                require_space(part.target, total - part.size)
            self._meter.note(f"resumed at {readable(part.size)}", answer.redirected_to)
            self._take(answer, b"", total)
        return True

    def _start_over(self, exchange: Exchange) -> None:
        with exchange.ask() as answer:
            if answer.status != 200:
                raise FetchError(
                    f"{host_of(self._remote.url)} answered HTTP {answer.status} to a request for the whole file",
                    fix="try again later, or get the file another way",
                    code="FETCH.NETWORK",
                )
            self._take_all(answer)

    def _take_all(self, answer: Answer) -> None:
        """The whole file, over whatever was there. The old part is touched only when this is known to be a file."""
        remote, part = self._remote, self._part
        head = b""
        while len(head) < HEAD_BYTES and (chunk := answer.read(HEAD_BYTES - len(head))):
            head += chunk
        total = answer.length
        require_content(remote, part.target, head, total, answer.headers.get("Content-Type", ""))
        if total is not None:
            self._require_size(total, remote.size)
            require_space(part.target, total - part.size)
        self._resumed_at = 0
        part.begin(_origin(remote, answer))
        self._meter.note("", answer.redirected_to)
        self._take(answer, head, total)

    def _take(self, answer: Answer, head: bytes, total: int | None) -> None:
        """Append the answer's body, of which `head` has been read already."""
        part = self._part
        chunk = head or answer.read(self._policy.chunk_bytes)
        while chunk:
            part.write(chunk)
            if part.total is not None and part.size > part.total:
                self._require_size(part.size, part.total)
            self._meter.tick()
            chunk = answer.read(self._policy.chunk_bytes)
        if total is not None and part.size < total:
            raise Interrupted(f"the server stopped at {part.size:,} of {total:,} bytes")

    def _wait(self, trouble: Interrupted, failures: int) -> None:
        policy = self._policy
        longest = min(policy.backoff_cap, policy.backoff_base * 2 ** (failures - 1))
        seconds = policy.jitter(longest) if trouble.wait is None else trouble.wait
        self._meter.note(f"retry {failures} in {seconds:.0f} s: {trouble.reason}")
        policy.sleep(seconds)

    def _given_up(self, trouble: Interrupted, failures: int) -> FetchError:
        part = self._part
        kept = f"; it goes on at {readable(part.size)}" if part.resumable else ""
        return FetchError(
            f"{shown(self._remote.url)}: {trouble.reason}, {failures} times in a row",
            fix=f"check the network (and HTTPS_PROXY, if you need a proxy), then run it again{kept}",
            code=trouble.code,
        )

    def _check(self) -> None:
        """Size, digest and kind of the whole part; it is removed if one of them is wrong."""
        remote, part = self._remote, self._part
        self._require_size(part.size, part.total)
        if remote.sha256 and not part.sha256.startswith(remote.sha256.lower()):
            digest = part.sha256
            part.discard()
            raise FetchError(
                f"{part.target.name} came with sha256 {digest}",
                expected=f"sha256 {remote.sha256.lower()}" + ("..." if len(remote.sha256) < len(digest) else ""),
                fix="run it again; if it stays so, the file at the address is another one",
                code="FETCH.HASH",
            )
        try:
            require_content(remote, part.target, part.head(), part.size)
        except FetchError:
            part.discard()
            raise

    def _require_size(self, size: int, wanted: int | None) -> None:
        if wanted is None or size == wanted:
            return
        self._part.discard()
        raise FetchError(
            f"{self._part.target.name} has {size:,} bytes at {host_of(self._remote.url)}",
            expected=f"{wanted:,} bytes",
            fix="run it again; if it stays so, the file at the address is another one",
            code="FETCH.SIZE",
        )


class _Meter:
    """Reports progress: a speed averaged over the last seconds, and not too often."""

    def __init__(self, part: Part, on_progress: Callable[[Progress], None]) -> None:
        self._part, self._on_progress = part, on_progress
        self._samples: deque[tuple[float, int]] = deque()
        self._reported = 0.0

    def note(self, text: str, redirected_to: str = "") -> None:
        """Something happened."""
        words = [text] if text else []
        if redirected_to:
            words.append(f"from {redirected_to}")
        # A pause or another place in the file: no speed spans it.
        self._samples.clear()
        self.report("; ".join(words))

    def tick(self) -> None:
        """Bytes have come."""
        if time.monotonic() - self._reported >= _REPORT_EVERY:
            self.report()

    def report(self, note: str = "") -> None:
        """Now, however short ago the last one was."""
        samples, part, now = self._samples, self._part, time.monotonic()
        samples.append((now, part.size))
        while now - samples[0][0] > _SPEED_WINDOW and len(samples) > 2:
            samples.popleft()
        seconds, count = now - samples[0][0], part.size - samples[0][1]
        self._reported = now
        self._on_progress(Progress(part.size, part.total, count / seconds if seconds > 0 else 0.0, note))


def _origin(remote: Remote, answer: Answer) -> Origin:
    """What the answer says of the file it holds: only validators that tell every change."""
    etag, changed = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    strong = etag if etag.startswith('"') else ""
    # A server with weak tags says that its date is no better.
    settled = changed if not etag and _settled(changed, answer.headers.get("Date", "")) else ""
    return Origin(shown(remote.url), strong, settled, answer.length, answer.encoded)


def _settled(changed: str, now: str) -> bool:
    try:
        return (parsedate_to_datetime(now) - parsedate_to_datetime(changed)).total_seconds() >= _SETTLED_AFTER
    except (ValueError, TypeError):  # one of them missing, malformed or without a time zone
        return False


def _changed(origin: Origin | None, answer: Answer) -> bool:
    """Whether a server that does not heed If-Range sends bytes of another file."""
    if origin is None:
        return False
    pairs = [
        (origin.etag, answer.headers.get("ETag", "")),
        (origin.last_modified, answer.headers.get("Last-Modified", "")),
    ]
    return any(ours and theirs and ours != theirs for ours, theirs in pairs)

"""Requests and their answers: redirects that keep secrets at home, TLS, and every trouble in words without secrets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth
from requests.structures import CaseInsensitiveDict

from sherf_core.assets.remote import Policy, Remote, host_of, is_address, same_place, shown
from sherf_core.assets.trouble import Interrupted, explain, trusted_certificates
from sherf_core.errors import FetchError

_MOST_REDIRECTS = 5
# More digits are no file's size, and thousands of them are none that Python reads.
_COUNT = re.compile(r"[0-9]{1,18}")
_PASSING = (408, 425, 429)
_USABLE = (200, 206, 416)
_AGENT = "Mozilla/5.0 (compatible; sherfctl; python-requests)"
_Result = TypeVar("_Result")


class _NoLogin(AuthBase):
    """Adds nothing. Without it, requests would look for a login in ~/.netrc and put it over the given headers."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Answer:
    """What a server answered: status 200, 206 or 416, and a body to be read piece by piece.

    `redirected_to` is the host that answered in the end, "" if that is the first one.
    """

    def __init__(self, response: requests.Response, host: str, redirected_to: str) -> None:
        self._response, self._host = response, host
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.redirected_to = redirected_to

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    def read(self, most: int) -> bytes:
        """The next bytes, unpacked if they were sent packed; b"" at the end.

        Raises:
            Interrupted: the connection broke, or the body ended too early.
        """
        body: urllib3.HTTPResponse = self._response.raw
        return _guarded(lambda: body.read1(most, decode_content=True), self._host)

    @property
    def encoded(self) -> bool:
        """Whether the body is packed, which was not asked for."""
        return self.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")

    @property
    def length(self) -> int | None:
        """Content-Length, where it counts the file's bytes."""
        text = self.headers.get("Content-Length", "")
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        return int(text) if _COUNT.fullmatch(text) and not self.encoded and not chunked else None

    @property
    def range_start(self) -> int | None:
        """Where the body of a 206 starts in the file; None if the server does not say."""
        match = re.fullmatch(r"bytes ([0-9]{1,18})-\d+/(?:\d+|\*)", self._range)
        return int(match[1]) if match else None

    @property
    def range_total(self) -> int | None:
        """The file's bytes, by Content-Range."""
        match = re.fullmatch(r"bytes (?:\d+-\d+|\*)/([0-9]{1,18})", self._range)
        return int(match[1]) if match else None

    @property
    def _range(self) -> str:
        return self.headers.get("Content-Range", "").strip()


class Exchange:
    """Asks for a remote file.

    Two sessions: one for the host of the URL, which sees headers, form and cookies, and one for hosts that it sends us
    to, which see none of them.
    """

    def __init__(self, remote: Remote, policy: Policy) -> None:
        self._remote, self._policy = remote, policy
        self._own, self._foreign = _Session(), _Session()
        parts = urlsplit(remote.url)
        self._login: AuthBase = (
            HTTPBasicAuth(unquote(parts.username), unquote(parts.password or "")) if parts.username else _NoLogin()
        )

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._own.close()
        self._foreign.close()

    def ask(self, offset: int = 0, validator: str = "") -> Answer:
        """The server's answer to a request for the bytes from `offset` on, if they still are those of `validator`.

        Raises:
            Interrupted: trouble that may pass.
            FetchError: trouble that will not.
        """
        remote = self._remote
        if remote.visit_first:
            self._follow(remote.visit_first, None, {}).close()
        ranges = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and validator:
            ranges["If-Range"] = validator
        return self._follow(remote.url, remote.form, ranges)

    def _follow(self, start: str, form: Mapping[str, str] | None, ranges: Mapping[str, str]) -> Answer:
        home = self._remote.url
        url, trusted = start, same_place(start, home)
        for _ in range(_MOST_REDIRECTS + 1):
            session = self._own if same_place(url, home) or same_place(url, start) else self._foreign
            response = self._send(session, url, form, ranges, trusted)
            location = session.get_redirect_target(response)
            if location is None:
                redirected_to = host_of(url) if host_of(url) != host_of(start) else ""
                return self._usable(Answer(response, host_of(url), redirected_to), url)
            response.close()
            target = _next_address(url, location)
            trusted = trusted and same_place(url, target)
            # A form is sent again only where the server asks for it, and only to the server it is meant for.
            if response.status_code not in (307, 308) or not trusted:
                form = None
            url = target
        raise FetchError(
            f"{host_of(start)} redirects more than {_MOST_REDIRECTS} times, last to {shown(url)}",
            fix="open the address in a browser and see where it leads",
            code="FETCH.NETWORK",
        )

    def _send(
        self,
        session: requests.Session,
        url: str,
        form: Mapping[str, str] | None,
        ranges: Mapping[str, str],
        trusted: bool,
    ) -> requests.Response:
        policy = self._policy
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(self._remote.headers if trusted else {})
        headers.update({"Accept-Encoding": "identity", **ranges})
        verify = trusted_certificates(policy) if urlsplit(url).scheme == "https" else True
        return _guarded(
            lambda: session.request(
                "GET" if form is None else "POST",
                url,
                headers=headers,
                data=form,
                auth=self._login if trusted else _NoLogin(),
                timeout=(policy.connect_timeout, policy.read_timeout),
                allow_redirects=False,
                stream=True,
                verify=verify,
            ),
            host_of(url),
        )

    def _usable(self, answer: Answer, url: str) -> Answer:
        if answer.status in _USABLE:
            return answer
        with answer:
            raise _refusal(answer, url, self._policy.retry_after_cap)


class _Session(requests.Session):
    """Leaves redirects to us: requests would read their bodies into memory, to prepare requests that we do not want."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = _AGENT

    def resolve_redirects(self, *_arguments: Any, **_settings: Any) -> Iterator[requests.Response]:
        yield from ()


def _next_address(url: str, location: str) -> str:
    """Where a redirect leads, if we may go there."""
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not is_address(target):
        raise FetchError(
            f"{host_of(url)} redirects to what is no http or https address",
            fix="open the address in a browser and see where it leads",
            code="FETCH.NETWORK",
        )
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise FetchError(
            f"{host_of(url)} redirects from https to {shown(target)}, where anyone on the way could change the file",
            expected="https all the way",
            fix="try another network, or another address of the file",
            code="FETCH.TLS",
        )
    return target


def _refusal(answer: Answer, url: str, longest_wait: float) -> Exception:
    """What to raise for an error status."""
    status, host = answer.status, host_of(url)
    if status in _PASSING or status >= 500:
        wait = _retry_after(answer.headers.get("Retry-After", ""))
        code = "FETCH.BUSY" if status == 429 else "FETCH.NETWORK"
        if wait is None or wait <= longest_wait:
            return Interrupted(f"HTTP {status} from {host}", code=code, wait=wait)
        return FetchError(
            f"{host} is busy: it asks to wait {wait:,.0f} seconds (HTTP {status})",
            fix=f"run it again in {wait / 60:,.0f} minutes",
            code="FETCH.BUSY",
        )
    code, fix = {
        401: ("FETCH.LOGIN", "check the user name, password or token"),
        403: ("FETCH.FORBIDDEN", "the server knows the file but not your right to it: accept its licence, or log in"),
        404: ("FETCH.GONE", "the file is no longer there: see where it went"),
        410: ("FETCH.GONE", "the file is no longer there: see where it went"),
    }.get(status, ("FETCH.NETWORK", "open the address in a browser and see what it says"))
    return FetchError(f"HTTP {status} from {host} for {shown(url)}", fix=fix, code=code)


def _retry_after(text: str) -> float | None:
    """Seconds that the server asks to wait, given as a number or as a date; None if it does not."""
    text = text.strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _guarded(action: Callable[[], _Result], host: str) -> _Result:
    """Do it; trouble on the way becomes words.

    The exceptions of requests hold URLs with their query, headers and forms, so none of them is chained: the new one is
    raised where they are gone.
    """
    try:
        return action()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        trouble = explain(error, host)
    raise trouble

"""What went wrong on the network, in words that hold no secret."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3

from sherf_core.assets.remote import Policy
from sherf_core.errors import FetchError

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_CA_FIX = (
    "if your company's proxy or server has its own certificate authority, set REQUESTS_CA_BUNDLE to the file with its "
    "certificate (PEM); check the computer's clock"
)
# An end of the connection in the middle of TLS: trouble with the line, not with a certificate.
_CUT_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# The first that is among an error's causes gives the words.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the host's name cannot be resolved"),
    (ConnectionRefusedError, "the connection was refused"),
    (urllib3.exceptions.ConnectTimeoutError, "no connection in time"),
    (urllib3.exceptions.ReadTimeoutError, "no data in time"),
    (TimeoutError, "no data in time"),
    (requests.exceptions.ProxyError, "the proxy does not connect"),
    (urllib3.exceptions.IncompleteRead, "the connection was cut"),
    (urllib3.exceptions.ProtocolError, "the connection was cut"),
    (urllib3.exceptions.DecodeError, "the body cannot be unpacked"),
    (ConnectionError, "the connection was cut"),
    (_CUT_TLS[0], "the connection was cut"),
)


class Interrupted(Exception):
    """Trouble that may pass, so another attempt is worth its while.

    Args:
        reason: words.
        code: that of the FetchError when attempts run out.
        wait: seconds that the server asks to wait; None: as the policy says.
    """

    def __init__(self, reason: str, *, code: str = "FETCH.NETWORK", wait: float | None = None) -> None:
        self.reason, self.code, self.wait = reason, code, wait
        super().__init__(reason)


def explain(error: BaseException, host: str) -> Interrupted | FetchError:
    """What to raise instead of an exception of the HTTP library."""
    causes = list(_causes(error))
    cut = any(isinstance(cause, _CUT_TLS) for cause in causes)
    tls = (ssl.SSLError, urllib3.exceptions.SSLError, requests.exceptions.SSLError)
    if not cut and any(isinstance(cause, tls) for cause in causes):
        return _tls_error(causes, host)
    if isinstance(error, ValueError) or (
        isinstance(error, requests.RequestException) and not isinstance(error, _PASSING)
    ):
        return FetchError(
            f"the request to {host} cannot be made ({type(error).__name__})",
            fix="check the address, user name, password and token for odd characters, and the proxy variables "
            "(HTTPS_PROXY)",
            code="FETCH.NETWORK",
        )
    for kind, words in _WORDS:
        if any(isinstance(cause, kind) for cause in causes):
            return Interrupted(f"{words} ({host})")
    return Interrupted(f"the connection failed ({host}: {type(error).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it wraps: requests wraps urllib3's, which wraps the system's."""
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _tls_error(causes: list[BaseException], host: str) -> FetchError:
    words = next((cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), "")
    library = next((cause.reason for cause in causes if isinstance(cause, ssl.SSLError) and cause.reason), "refused")
    found = f"the certificate of {host} is not trusted: {words}" if words else f"no TLS with {host}: {library}"
    return FetchError(
        found,
        fix=_CA_FIX,
        code="FETCH.TLS",
    )


def trusted_certificates(policy: Policy) -> str | bool:
    """The file or folder of certificates to trust, or True: those of `certifi`.

    requests knows two of the three variables by itself, but not SSL_CERT_FILE.

    Raises:
        FetchError: FETCH.TLS, what is named is not there.
    """
    named = [("ca_bundle", policy.ca_bundle), *((name, os.environ.get(name)) for name in _CA_VARIABLES)]
    for name, value in named:
        if value:
            if not Path(value).exists():
                raise FetchError(
                    f"{name} names {value}, which is not there",
                    expected="a file (PEM) or folder of certificates",
                    fix=f"correct or unset {name}",
                    code="FETCH.TLS",
                )
            return str(value)
    return True

"""Another server than the publisher's: a mirror within a house, named by an environment variable."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from sherf_core.assets.remote import is_address, shown
from sherf_core.errors import ConfigurationError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def server_from(variable: str, publisher: str) -> str:
    """The server that is asked: the one that the variable names, else the publisher's.

    A login may be in it (`https://user:password@host`). It goes to that server only; `shown` takes it out of texts.

    Raises:
        ConfigurationError: it is no address, or what travels there could be read and changed on the way. The address is
            not repeated where a password may be in an unexpected part of it.
    """
    chosen = os.environ.get(variable, "").strip().rstrip("/")
    if not chosen:
        return publisher
    problem = _problem(chosen)
    if not problem:
        return chosen
    raise ConfigurationError(
        f"{variable} {problem}",
        expected="an address with https (http only on this computer), without ? and #",
        fix=f"change it, or take it away (unset {variable}) to ask {publisher}",
    )


def _problem(address: str) -> str:
    if not is_address(address):
        return "is no address of a server"
    parts = urlsplit(address)
    # A password with an unquoted /, ? or # in it ends up behind the host.
    if "@" in parts.path or "?" in address or "#" in address:
        return "has a @, ? or # behind the host (in a password, write %40, %3F, %23, and %2F for /)"
    if parts.scheme == "https" or parts.hostname in _LOOPBACK:
        return ""
    return f"is {shown(address)}: a password would travel unencrypted, and files could be changed on the way"

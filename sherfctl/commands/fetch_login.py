"""Who logs in. Nothing here writes a password anywhere."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from sherf_core.errors import FetchError
from sherfctl.console import Console

if TYPE_CHECKING:
    from sherf_core.assets.smpl import Credentials

USERNAME, PASSWORD = "SMPL_USERNAME", "SMPL_PASSWORD"
KEYRING_SERVICE = "smpl.is.tue.mpg.de"


def smpl_credentials(console: Console) -> Credentials:
    """The user's name and password at SMPL's site: from the environment, the keyring, or asked for.

    Raises:
        FetchError: FETCH.CREDENTIALS, none of them.
    """
    from sherf_core.assets.smpl import Credentials

    username, password = os.environ.get(USERNAME, ""), os.environ.get(PASSWORD, "")
    if username and password:
        return Credentials(username, password)
    kept = from_keyring(username)
    if kept is not None:
        return Credentials(*kept)
    username = username or console.ask_text("Your e-mail address at smpl.is.tue.mpg.de:") or ""
    password = password or (console.ask_text("Your password there (not shown):", hidden=True) if username else "") or ""
    if username and password:
        return Credentials(username, password)
    raise FetchError(
        "the download needs your login at smpl.is.tue.mpg.de, and there is none",
        expected=f"{USERNAME} and {PASSWORD} in the environment, an entry of the keyring, or an answer at a terminal",
        fix="register at https://smpl.is.tue.mpg.de/ and run it in a terminal, or fetch SMPL_python_v.1.1.0.zip there "
        "with a browser, then: sherfctl fetch-assets smpl --from-file SMPL_python_v.1.1.0.zip",
        code="FETCH.CREDENTIALS",
    )


def credentials_source() -> str:
    """Where they would come from, in words."""
    if os.environ.get(USERNAME) and os.environ.get(PASSWORD):
        return "login from the environment"
    return "login from the keyring" if from_keyring(os.environ.get(USERNAME, "")) else "login asked for at the terminal"


def from_keyring(username: str) -> tuple[str, str] | None:
    """Name and password from the system's keyring, if the package `keyring` is installed and has them."""
    try:
        keyring = importlib.import_module("keyring")
        found = keyring.get_credential(KEYRING_SERVICE, username or None)
    except Exception:  # optional, and its back ends fail in their own ways: then there is simply none
        return None
    return (found.username, found.password) if found is not None and found.username and found.password else None

"""Mirrors: what may be asked, and that a login in their address is shown nowhere."""

from __future__ import annotations

import pytest

from sherf_core.assets.hub import without_secrets
from sherf_core.assets.mirror import server_from
from sherf_core.errors import ConfigurationError

PUBLISHER = "https://publisher.example.org"


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("", PUBLISHER),
        ("https://mirror.example.org/a/", "https://mirror.example.org/a"),
        ("https://me:SECRET@mirror.example.org", "https://me:SECRET@mirror.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_server_that_is_asked(monkeypatch: pytest.MonkeyPatch, named: str, asked: str):
    monkeypatch.setenv("MIRROR", named)
    assert server_from("MIRROR", PUBLISHER) == asked


@pytest.mark.parametrize(
    "named",
    [
        "http://me:SECRET@mirror.example.org",
        "http://127.0.0.1.example.org",
        "https://me:SECRET/1@mirror.example.org",
        "https://me:12/SECRET@mirror.example.org",
        "https://mirror.example.org/?token=SECRET",
        "https://mirror.example.org/#SECRET",
        "ftp://me:SECRET@mirror.example.org",
        "https://[SECRET",
        "SECRET",
    ],
)
def test_servers_that_are_not_asked_and_not_repeated(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("MIRROR", named)
    with pytest.raises(ConfigurationError) as caught:
        server_from("MIRROR", PUBLISHER)
    assert "SECRET" not in str(caught.value)
    assert "MIRROR" in caught.value.found


def test_addresses_in_the_words_of_others_lose_their_logins_and_queries():
    said = "401 for https://me:SECRET@host.example.org/a?token=SECRET2 (see 'http://h/b#SECRET3')"
    assert without_secrets(said) == "401 for https://host.example.org/a (see 'http://h/b')"

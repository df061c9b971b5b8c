"""TLS, redirects, proxies, and where secrets must not go: other hosts, errors, files."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sherf_core.assets.remote import same_place, shown
from sherf_core.assets.transport import Remote, download
from sherf_core.errors import FetchError

SECRETS = ("Bearer-abc", "swordfish", "visited=yes", "query-token", "url-word")


def secret_remote(site: Any, key: str, server: str = "http", **options: Any) -> Remote:
    """A remote with a secret in every place that can hold one."""
    remote = site.remote(key, server, token="query-token", **options)
    return replace(
        remote,
        url=remote.url.replace("//", "//user:url-word@") if "needs" not in options else remote.url,
        form={"password": site.password},
        headers={"Authorization": "Bearer-abc", "Referer": "https://download.example/?query-token"},
        visit_first=site.url(f"{key}/page", server, sets="visited=yes"),
    )


def chained(error: BaseException) -> Iterator[BaseException]:
    """The error and all that Python would keep with it."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None:
            yield current
            waiting += [current.__cause__, current.__context__]


def fails(remote: Remote, folder: Path, client: Any, code: str) -> FetchError:
    """The error; it has the right code and neither it nor a file holds a secret."""
    with pytest.raises(FetchError) as caught:
        download(remote, folder / "file.zip", policy=client.policy(read_timeout=0.4), on_progress=client.seen.append)
    error = caught.value
    assert error.code == code
    texts = ["".join(traceback.format_exception(error)), *client.notes]
    texts += [f"{one} {one!r} {vars(one)}" for one in chained(error)]
    texts += [path.read_text("latin-1") for path in folder.iterdir()]
    assert not [secret for secret in SECRETS if any(secret in text for text in texts)]
    return error


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"status": "401"}, "FETCH.LOGIN"),
        ({"status": "403"}, "FETCH.FORBIDDEN"),
        ({"status": "404"}, "FETCH.GONE"),
        ({"status": "500,500,500,500"}, "FETCH.NETWORK"),
        ({"status": "429", "retry": "9999"}, "FETCH.BUSY"),
        ({"body": "html"}, "FETCH.LOGIN"),
        ({"body": "words", "kind": "text/html"}, "FETCH.LOGIN"),
        ({"body": "lfs"}, "FETCH.LFS"),
        ({"body": "xz"}, "FETCH.KIND"),
        ({"body": "empty"}, "FETCH.SIZE"),
        ({"cut": 9, "ranges": "no"}, "FETCH.NETWORK"),
        ({"stall": 9, "ranges": "no"}, "FETCH.NETWORK"),
        ({"to": "self"}, "FETCH.NETWORK"),
        ({"to": "http://127.0.0.1:9/?query-token"}, "FETCH.NETWORK"),
        ({"to": "http://[::1/?query-token"}, "FETCH.NETWORK"),
        ({"to": "file:///etc/passwd?query-token"}, "FETCH.NETWORK"),
    ],
)
def test_errors_hold_no_secret(
    site: Any, client: Any, key: str, tmp_path: Path, options: dict[str, Any], code: str
) -> None:
    fails(secret_remote(site, key, **options), tmp_path, client, code)


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"Authorization": "Bearer-abc\r\nX: 1"}},
        {"headers": {"Authorization": "Bearer-abc \u20ac"}},
        {"url": "http://127.0.0.1:9/file.zip?query-token", "visit_first": ""},
        {"url": "http://user:url-word@127.0.0.1:99999/?query-token"},
        {"url": "http://user:url-word@[::1/?query-token"},
        {"visit_first": "http://127.0.0.1:9/?query-token"},
    ],
)
def test_requests_that_fail_hold_no_secret(
    site: Any, client: Any, key: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    # A login in the URL would take the header's place.
    remote = secret_remote(site, key)
    plain = replace(remote, url=remote.url.replace("user:url-word@", ""))
    fails(replace(plain, **change), tmp_path, client, "FETCH.NETWORK")


def test_a_remote_does_not_show_its_secrets(site: Any, key: str) -> None:
    text = f"{secret_remote(site, key)!r} {secret_remote(site, key)}"
    assert not [secret for secret in SECRETS if secret in text]
    assert "127.0.0.1" in text
    assert "password" in text


def test_the_url_carries_a_login(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = site.remote(key, needs="login")
    fails(remote, tmp_path, client, "FETCH.LOGIN")
    download(
        replace(remote, url=remote.url.replace("//", "//me:a%20b@")), tmp_path / "file.zip", policy=client.policy()
    )
    sent = site.log(key)[-1]["headers"]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"me:a b"


def test_netrc_is_left_alone(site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would put a login found there over the header that was asked for."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password netrc-word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    remote = replace(site.remote(key), headers={"Authorization": "Bearer-abc"})
    download(remote, tmp_path / "file.zip", policy=client.policy())
    assert site.log(key)[0]["headers"]["Authorization"] == "Bearer-abc"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("server", ["other", "https"])
def test_another_host_sees_no_secret(site: Any, client: Any, key: str, tmp_path: Path, code: int, server: str) -> None:
    """127.0.0.2, and another port of 127.0.0.1, to which a cookie jar alone would send the cookies."""
    remote = secret_remote(site, key, needs="cookie,referer", to=site.url(f"{key}/there", server, cut=1), code=code)
    policy = client.policy(ca_bundle=site.authority)
    download(remote, tmp_path / "file.zip", policy=policy, on_progress=client.seen.append)
    assert (tmp_path / "file.zip").read_bytes() == site.content
    there = [one for one in site.log(key) if "/there/" in one["path"]]
    assert len(there) == 2
    for one in there:
        assert one["method"] == "GET"
        assert one["form"] == ""
        assert not {"Authorization", "Cookie", "Referer"} & set(one["headers"])
    assert there[1]["headers"]["Range"] == "bytes=100000-"
    host = "127.0.0.2" if server == "other" else "127.0.0.1"
    assert client.notes[0] == f"from {host}:{site.ports[server]}"
    assert client.notes[2] == f"resumed at 97.7 KiB; from {host}:{site.ports[server]}"


def test_the_way_back_is_without_secrets_too(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    """A foreign host must not have them sent to an address of its choice."""
    back = site.url(f"{key}/back")
    remote = secret_remote(site, key, to=site.url(f"{key}/there", "other", to=back, code=307), code=307)
    download(remote, tmp_path / "file.zip", policy=client.policy())
    (last,) = [one for one in site.log(key) if "/back/" in one["path"]]
    assert (last["method"], last["form"]) == ("GET", "")
    assert not {"Authorization", "Referer"} & set(last["headers"])


def test_a_foreign_host_is_not_trusted_for_leading_to_itself(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    there = site.url(f"{key}/there", "other", to=f"/{key}/then/file.zip", code=307)
    download(secret_remote(site, key, to=there, code=307), tmp_path / "file.zip", policy=client.policy())
    (last,) = [one for one in site.log(key) if "/then/" in one["path"]]
    assert (last["method"], last["form"]) == ("GET", "")
    assert not {"Authorization", "Referer"} & set(last["headers"])


@pytest.mark.parametrize(("code", "method"), [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_the_same_host_keeps_them(site: Any, client: Any, key: str, tmp_path: Path, code: int, method: str) -> None:
    remote = secret_remote(site, key, needs="", to=f"/{key}/there/file.zip?needs=referer,cookie,login", code=code)
    download(remote, tmp_path / "file.zip", policy=client.policy())
    last = site.log(key)[-1]
    assert last["method"] == method
    assert bool(last["form"]) == (method == "POST")
    assert last["headers"]["Authorization"] == "Bearer-abc"


def test_tls_of_an_unknown_authority_is_refused_at_once(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    error = fails(secret_remote(site, key, "https"), tmp_path, client, "FETCH.TLS")
    assert "certificate" in error.found
    assert "REQUESTS_CA_BUNDLE" in error.fix
    assert client.slept == []
    assert site.log(key) == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_an_own_authority_is_named_by_a_variable(
    site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(site.authority))
    download(site.remote(key, "https"), tmp_path / "file.zip", policy=client.policy())
    assert (tmp_path / "file.zip").read_bytes() == site.content
    monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
    error = fails(site.remote(key, "https"), tmp_path, client, "FETCH.TLS")
    assert variable in error.found


def test_a_certificate_for_another_host_is_refused(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = Remote(site.url(key, "https").replace("127.0.0.1", "localhost"))
    policy = client.policy(ca_bundle=site.authority)
    with pytest.raises(FetchError) as caught:
        download(remote, tmp_path / "file.zip", policy=policy)
    assert caught.value.code == "FETCH.TLS"
    assert "localhost" in caught.value.found


def test_no_tls_where_tls_is_expected(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = Remote(site.url(key).replace("http:", "https:"))
    fails(remote, tmp_path, client, "FETCH.TLS")
    assert client.slept == []


def test_https_is_not_left(site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.authority))
    fails(secret_remote(site, key, "https", to=site.url(f"{key}/there")), tmp_path, client, "FETCH.TLS")
    assert not [one for one in site.log(key) if "/there/" in one["path"]]
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_of_the_environment_is_used(
    site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gets a request for a host that does not exist: it was asked as a proxy."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{site.ports['http']}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.ports['http']}")
    remote = Remote(f"http://download.invalid/{key}/file.zip")
    download(remote, tmp_path / "file.zip", policy=client.policy())
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_same_place() -> None:
    assert same_place("https://a.org/x", "https://A.org:443/y?z")
    assert same_place("http://a.org/x", "https://a.org/x")
    assert not same_place("https://a.org/x", "http://a.org/x")
    assert not same_place("http://a.org:8000/x", "https://a.org/x")
    assert not same_place("https://a.org/x", "https://b.a.org/x")
    assert not same_place("https://a.org/x", "https://a.org:444/x")
    assert not same_place("https://a.org/x", "https://a.org@b.org/x")


def test_shown() -> None:
    assert shown("https://me:word@a.org:1/b/c?d=e#f") == "https://a.org:1/b/c"

"""Downloads from a server that misbehaves: the right file, or the right error and nothing beside it."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from sherf_core.assets import space
from sherf_core.assets.transport import Policy, Remote, download
from sherf_core.assets.trouble import Interrupted, explain
from sherf_core.errors import FetchError
from sherf_core.io.sniff import FileKind

REFERER = {"Referer": "https://download.example/"}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(remote: Remote, folder: Path, policy: Policy, code: str, left: tuple[str, ...] = ()) -> FetchError:
    """The error of a download that must fail with this code and leave just these files."""
    with pytest.raises(FetchError) as caught:
        download(remote, folder / "file.zip", policy=policy)
    assert caught.value.code == code
    assert caught.value.fix
    assert caught.value.path == folder / "file.zip"
    assert names(folder) == sorted(left)
    return caught.value


PARTS = ("file.zip.part", "file.zip.part.json")

# What a server does, and how often it is asked before the file is there.
GOOD = [
    pytest.param({}, 1, id="plain"),
    pytest.param({"status": "500,500,500"}, 4, id="500 three times"),
    pytest.param({"status": "408,425,503"}, 4, id="408, 425, 503"),
    pytest.param({"cut": 1}, 2, id="cut at half"),
    pytest.param({"cut": 1, "length": "chunked"}, 2, id="chunked, cut at half"),
    pytest.param({"cut": 3, "ranges": "no"}, 4, id="cut at half, no Range"),
    pytest.param({"cut": 1, "etag": "none"}, 2, id="cut at half, no validator"),
    pytest.param({"cut": 1, "etag": "weak"}, 2, id="cut at half, weak validator"),
    pytest.param({"cut": 1, "etag": "none", "changed": "old"}, 2, id="cut at half, validated by date"),
    pytest.param({"cut": 1, "ranges": "late"}, 3, id="206 with a wrong Content-Range"),
    pytest.param({"cut": 1, "ranges": "some"}, 101, id="206 with 1000 bytes of the rest at a time"),
    pytest.param({"stall": 1}, 2, id="silent after half"),
    pytest.param({"length": "chunked"}, 1, id="chunked"),
    pytest.param({"length": "none"}, 1, id="no length"),
    pytest.param({"packed": "gzip"}, 1, id="gzip"),
    pytest.param({"packed": "gzip", "cut": 1}, 2, id="gzip, cut at half"),
    pytest.param({"cut": 6}, 7, id="more cuts than attempts, each with progress"),
]


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known"])
@pytest.mark.parametrize(("options", "requests"), GOOD)
def test_the_file_comes_whole(
    site: Any, client: Any, key: str, tmp_path: Path, options: dict[str, Any], requests: int, known: bool
) -> None:
    result = download(
        site.remote(key, known=known, **options),
        tmp_path / "file.zip",
        policy=client.policy(read_timeout=0.4),
        on_progress=client.seen.append,
    )
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert (result.path, result.bytes, result.sha256) == (tmp_path / "file.zip", len(site.content), site.sha256)
    assert result.resumed_at == 0
    assert names(tmp_path) == ["file.zip"]
    assert len(site.log(key)) == requests
    assert client.seen[-1].done == len(site.content)


def test_nothing_is_asked_to_be_packed(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    download(site.remote(key), tmp_path / "file.zip", policy=client.policy())
    assert [one["headers"]["Accept-Encoding"] for one in site.log(key)] == ["identity"]


# What a server does, the error, the times it is asked, and words that the error must hold.
BAD = [
    pytest.param({"body": "html"}, "FETCH.HTML", 1, "web page", id="HTML"),
    pytest.param({"body": "words", "kind": "text/html; charset=utf-8"}, "FETCH.HTML", 1, "web page", id="called HTML"),
    pytest.param({"body": "lfs"}, "FETCH.LFS", 1, "247,186,228", id="LFS pointer"),
    pytest.param({"body": "xz"}, "FETCH.KIND", 1, "a zip archive", id="another kind"),
    pytest.param({"body": "empty"}, "FETCH.SIZE", 1, "empty", id="empty"),
    pytest.param({"body": "empty", "length": "chunked"}, "FETCH.SIZE", 1, "empty", id="empty, chunked"),
    pytest.param({"status": "401"}, "FETCH.LOGIN", 1, "401", id="401"),
    pytest.param({"status": "403"}, "FETCH.FORBIDDEN", 1, "403", id="403"),
    pytest.param({"status": "404"}, "FETCH.GONE", 1, "404", id="404"),
    pytest.param({"status": "410"}, "FETCH.GONE", 1, "410", id="410"),
    pytest.param({"status": "400"}, "FETCH.NETWORK", 1, "400", id="400"),
    pytest.param({"status": "416"}, "FETCH.NETWORK", 1, "416", id="416 for the whole file"),
    pytest.param({"status": "500,502,503,504,500"}, "FETCH.NETWORK", 4, "4 times in a row", id="500 for good"),
    pytest.param({"status": "429,429,429,429,429"}, "FETCH.BUSY", 4, "429", id="429 for good"),
    pytest.param({"status": "429", "retry": "3600"}, "FETCH.BUSY", 1, "3,600 seconds", id="429 for an hour"),
    pytest.param({"status": "503", "retry": "date:3600"}, "FETCH.BUSY", 1, "60 minutes", id="503 for an hour"),
    pytest.param({"cut": 9, "etag": "none"}, "FETCH.NETWORK", 4, "cut", id="cut for good, no validator"),
    pytest.param({"cut": 9, "ranges": "no", "etag": "none"}, "FETCH.NETWORK", 4, "cut", id="cut for good, no Range"),
    pytest.param({"to": "self"}, "FETCH.NETWORK", 6, "more than 5", id="redirect loop"),
    pytest.param({"to": "ftp://127.0.0.1/x"}, "FETCH.NETWORK", 1, "no http", id="redirect to ftp"),
]


@pytest.mark.parametrize(("options", "code", "requests", "words"), BAD)
def test_what_is_no_file_leaves_nothing(
    site: Any, client: Any, key: str, tmp_path: Path, options: dict[str, Any], code: str, requests: int, words: str
) -> None:
    error = refused(site.remote(key, **options), tmp_path, client.policy(), code)
    assert words in str(error)
    assert len(site.log(key)) == requests


def test_pages_are_refused_without_expectations(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    for body, code in (("html", "FETCH.HTML"), ("lfs", "FETCH.LFS")):
        refused(Remote(site.url(key, body=body)), tmp_path, client.policy(), code)
    download(Remote(site.url(key, body="xz")), tmp_path / "file.zip", policy=client.policy())
    assert names(tmp_path) == ["file.zip"]


def test_a_file_too_long_by_its_header_is_never_whole(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    refused(site.remote(key, length="long"), tmp_path, client.policy(), "FETCH.NETWORK", PARTS)


@pytest.mark.parametrize("length", ["right", "none", "chunked"])
@pytest.mark.parametrize("difference", [-1, 1])
def test_wrong_size_says_both(site: Any, client: Any, key: str, tmp_path: Path, length: str, difference: int) -> None:
    remote = replace(site.remote(key, length=length), size=len(site.content) + difference)
    error = refused(remote, tmp_path, client.policy(), "FETCH.SIZE")
    assert f"{len(site.content) + difference:,} bytes" in error.expected
    assert "bytes" in error.found


def test_wrong_hash_says_both(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = replace(site.remote(key, known=True, body="other"), sha256=site.sha256.upper())
    error = refused(remote, tmp_path, client.policy(), "FETCH.HASH")
    assert hashlib.sha256(site.other).hexdigest() in error.found
    assert site.sha256 in error.expected


def test_first_digits_of_a_hash_will_do(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = replace(site.remote(key), sha256=site.sha256[:8])
    assert download(remote, tmp_path / "file.zip", policy=client.policy()).sha256 == site.sha256
    (tmp_path / "file.zip").unlink()
    refused(replace(remote, sha256="0" * 8), tmp_path, client.policy(), "FETCH.HASH")


@pytest.mark.parametrize(
    ("missing", "code"), [("headers", "FETCH.FORBIDDEN"), ("visit_first", "FETCH.FORBIDDEN"), ("form", "FETCH.LOGIN")]
)
def test_login_by_form(site: Any, client: Any, key: str, tmp_path: Path, missing: str, code: str) -> None:
    """A site with a form: a visit for the cookie, Referer and agent wanted, a page for a wrong password."""
    good = replace(
        site.remote(key, needs="referer,agent,cookie,form", cut=1),
        form={"username": "someone@example.org", "password": site.password, "commit": "Log in"},
        headers=REFERER,
        visit_first=site.url(f"{key}/page", sets="visited=yes"),
    )
    lacking: Any = {"headers": {}, "visit_first": "", "form": {"username": "someone@example.org", "password": "no"}}
    refused(replace(good, **{missing: lacking[missing]}), tmp_path, client.policy(), code)
    download(replace(good, url=good.url + "&resume=1"), tmp_path / "file.zip", policy=client.policy())
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert names(tmp_path) == ["file.zip"]
    posts = [one for one in site.log(key) if one["method"] == "POST"]
    assert "password=swordfish+%26+co" in posts[-1]["form"]
    assert "visited=yes" in posts[-1]["headers"]["Cookie"]


def test_a_post_is_resumed_with_its_form(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = replace(site.remote(key, needs="form", cut=1), form={"password": site.password})
    download(remote, tmp_path / "file.zip", policy=client.policy())
    first, second = site.log(key)
    assert (first["method"], second["method"], second["form"]) == ("POST", "POST", first["form"])
    # Half of the file had come, all of it written down.
    assert second["headers"]["Range"] == f"bytes={len(site.content) // 2}-"
    assert (tmp_path / "file.zip").read_bytes() == site.content


@pytest.mark.parametrize(("retry", "least", "most"), [("7", 7, 7), ("date:7", 4, 7), ("soon", 1, 1)])
def test_retry_after_is_heeded(
    site: Any, client: Any, key: str, tmp_path: Path, retry: str, least: float, most: float
) -> None:
    download(
        site.remote(key, status="429", retry=retry),
        tmp_path / "file.zip",
        policy=client.policy(),
        on_progress=client.seen.append,
    )
    assert len(client.slept) == 1
    assert least <= client.slept[0] <= most
    assert client.notes[0].startswith("retry 1 in ")
    assert "HTTP 429" in client.notes[0]


def test_waits_double_up_to_a_cap(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    policy = client.policy(attempts=7, backoff_base=2.0, backoff_cap=20.0)
    refused(site.remote(key, status=",".join(["500"] * 9)), tmp_path, policy, "FETCH.NETWORK")
    assert client.slept == [2, 4, 8, 16, 20, 20]


def test_waits_are_spread_over_their_whole_length() -> None:
    waits = [Policy().jitter(10.0) for _ in range(2000)]
    assert 0 <= min(waits) < 0.5
    assert 9.5 < max(waits) <= 10


def test_nobody_listens(client: Any, tmp_path: Path) -> None:
    error = refused(Remote("http://127.0.0.1:9/file.zip"), tmp_path, client.policy(), "FETCH.NETWORK")
    assert "refused" in error.found
    assert len(client.slept) == 3


def test_a_server_that_hangs_up_in_the_handshake_is_tried_again(client: Any, tmp_path: Path) -> None:
    """An end of the line in the middle of TLS is no verdict on a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(1)
                connection.shutdown(socket.SHUT_WR)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/file.zip"
        refused(Remote(url), tmp_path, client.policy(attempts=2), "FETCH.NETWORK")
        thread.join()


def test_trouble_in_words() -> None:
    """What requests wraps is found at any depth, and words are made of its type only."""
    resolving = requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/?secret", socket.gaierror(-2, "x")))
    cut_tls = requests.exceptions.SSLError(urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF, secret")))
    for error, words in ((resolving, "cannot be resolved"), (cut_tls, "was cut"), (OSError(5, "secret"), "OSError")):
        trouble = explain(error, "a.org")
        assert isinstance(trouble, Interrupted)
        assert words in trouble.reason
        assert "secret" not in trouble.reason


@pytest.mark.parametrize("url", ["http://", "nonsense", "gopher://127.0.0.1/x", "http://[::1/x", "http://a b/"])
def test_addresses_that_are_none(client: Any, tmp_path: Path, url: str) -> None:
    refused(Remote(url), tmp_path, client.policy(attempts=1), "FETCH.NETWORK")


def test_progress_counts_up_to_the_total(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    policy = client.policy(chunk_bytes=4096)
    download(site.remote(key, pause=0.01), tmp_path / "file.zip", policy=policy, on_progress=client.seen.append)
    done = [progress.done for progress in client.seen]
    assert done == sorted(done)
    assert {progress.total for progress in client.seen} == {len(site.content)}
    # 4096 bytes every 10 ms but for the first, and a loaded machine is slower.
    assert 0 < client.seen[-1].bytes_per_second < 1.1 * 4096 / 0.01
    assert 3 < len(client.seen) < 200


def test_too_large_for_the_disk(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = replace(site.remote(key), size=10**18)
    error = refused(remote, tmp_path, client.policy(), "FETCH.SPACE")
    assert "1,000,000,000,000,000,000 bytes" in error.expected
    assert site.log(key) == []


def test_too_large_by_the_servers_word(
    site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda target: 1000)
    error = refused(site.remote(key), tmp_path, client.policy(), "FETCH.SPACE")
    assert "1,000 bytes" in error.found
    assert "200,000 bytes" in error.expected


def test_the_disk_fills_up_and_is_mended(
    site: Any, client: Any, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SmallDisk(io.FileIO):
        def write(self, chunk: Any) -> int:
            room = 50_000 - os.fstat(self.fileno()).st_size
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(chunk[:room])

    with monkeypatch.context() as patch:
        patch.setattr("sherf_core.assets.partial.io.FileIO", SmallDisk)
        error = refused(site.remote(key), tmp_path, client.policy(), "FETCH.SPACE", PARTS)
    assert "150,000 bytes" in error.expected
    assert download(site.remote(key), tmp_path / "file.zip", policy=client.policy()).resumed_at == 50_000
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert names(tmp_path) == ["file.zip"]


def test_an_old_file_is_replaced_only_by_a_whole_one(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "file.zip").write_bytes(b"old")
    refused(site.remote(key, body="html"), tmp_path, client.policy(), "FETCH.HTML", ("file.zip",))
    assert (tmp_path / "file.zip").read_bytes() == b"old"
    download(site.remote(key), tmp_path / "file.zip", policy=client.policy())
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_the_folder_is_made_and_a_folder_is_no_target(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    download(site.remote(key), tmp_path / "a" / "b" / "file.zip", policy=client.policy())
    assert (tmp_path / "a" / "b" / "file.zip").read_bytes() == site.content
    with pytest.raises(IsADirectoryError):
        download(site.remote(key), tmp_path / "a", policy=client.policy())


def test_kinds_may_be_several(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = replace(site.remote(key), kinds=(FileKind.PICKLE, FileKind.ZIP))
    assert download(remote, tmp_path / "file.zip", policy=client.policy()).bytes == len(site.content)

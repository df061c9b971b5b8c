"""Downloads in several calls: what an earlier call left is used if it certainly is of the same file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sherf_core.assets.transport import Progress, Remote, download, tidy
from sherf_core.errors import FetchError

HALF = 100_000
PARTS = ["file.zip.part", "file.zip.part.json"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cut_off(remote: Remote, folder: Path, client: Any) -> None:
    """A first call that ends half-way: its server hangs up and it has one attempt only."""
    with pytest.raises(FetchError) as caught:
        download(remote, folder / "file.zip", policy=client.policy(attempts=1))
    assert caught.value.code == "FETCH.NETWORK"


def second_call(remote: Remote, folder: Path, client: Any) -> int:
    """Where the second call, which must succeed, took over."""
    result = download(remote, folder / "file.zip", policy=client.policy(), on_progress=client.seen.append)
    assert names(folder) == ["file.zip"]
    return result.resumed_at


def test_the_second_call_goes_on(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = site.remote(key, cut=1)
    cut_off(remote, tmp_path, client)
    assert names(tmp_path) == PARTS
    assert (tmp_path / "file.zip.part").read_bytes() == site.content[:HALF]
    assert second_call(remote, tmp_path, client) == HALF
    assert (tmp_path / "file.zip").read_bytes() == site.content
    headers = site.log(key)[1]["headers"]
    assert headers["Range"] == f"bytes={HALF}-"
    assert headers["If-Range"].startswith('"')
    assert client.notes == ["resumed at 97.7 KiB"]


@pytest.mark.parametrize("ranges", ["yes", "blind", "late", "no"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known"])
def test_a_changed_file_starts_over(site: Any, client: Any, key: str, tmp_path: Path, ranges: str, known: bool) -> None:
    cut_off(site.remote(key, cut=1, body="other"), tmp_path, client)
    assert second_call(site.remote(key, known=known, ranges=ranges), tmp_path, client) == 0
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_a_changed_date_starts_over(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    cut_off(site.remote(key, cut=1, body="other", etag="none", changed="old"), tmp_path, client)
    assert names(tmp_path) == PARTS
    for ranges in ("yes", "blind"):
        target = site.remote(key, etag="none", changed="now", ranges=ranges)
        assert second_call(target, tmp_path, client) == 0
        assert (tmp_path / "file.zip").read_bytes() == site.content
        (tmp_path / "file.zip").unlink()
        cut_off(site.remote(f"{key}{ranges}", cut=1, body="other", etag="none", changed="old"), tmp_path, client)


@pytest.mark.parametrize(
    "options",
    [{"etag": "none"}, {"etag": "weak"}, {"etag": "weak", "changed": "old"}, {"etag": "none", "changed": "now"}],
)
def test_without_a_strong_validator_size_and_hash_are_needed(
    site: Any, client: Any, key: str, tmp_path: Path, options: dict[str, Any]
) -> None:
    cut_off(site.remote(key, cut=1, **options), tmp_path, client)
    assert names(tmp_path) == []
    cut_off(site.remote(f"{key}b", known=True, cut=1, **options), tmp_path, client)
    assert names(tmp_path) == PARTS
    assert second_call(site.remote(f"{key}b", known=True, cut=1, **options), tmp_path, client) == HALF
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert "If-Range" not in site.log(f"{key}b")[-1]["headers"]


def test_a_hash_shows_what_a_server_without_validators_changed(
    site: Any, client: Any, key: str, tmp_path: Path
) -> None:
    remote = site.remote(key, known=True, etag="none")
    cut_off(replace(remote, url=site.url(key, cut=1, body="other", etag="none")), tmp_path, client)
    with pytest.raises(FetchError) as caught:
        download(remote, tmp_path / "file.zip", policy=client.policy())
    assert caught.value.code == "FETCH.HASH"
    assert names(tmp_path) == []
    assert second_call(remote, tmp_path, client) == 0


def test_a_page_in_between_costs_nothing(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    """A login that has expired answers with a page and status 200: the half that is there must survive it."""
    remote = replace(site.remote(key, cut=1, needs="form"), form={"password": site.password})
    cut_off(remote, tmp_path, client)
    for form in ({"password": "wrong"}, {}):
        with pytest.raises(FetchError) as caught:
            download(replace(remote, form=form), tmp_path / "file.zip", policy=client.policy())
        assert caught.value.code == "FETCH.LOGIN"
        assert names(tmp_path) == PARTS
    assert second_call(remote, tmp_path, client) == HALF
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_a_whole_part_is_taken(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    """Killed between the last byte and the new name: the server has nothing more (416)."""
    cut_off(site.remote(key, cut=1), tmp_path, client)
    (tmp_path / "file.zip.part").write_bytes(site.content)
    assert second_call(site.remote(key), tmp_path, client) == len(site.content)
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert len(site.log(key)) == 2


def test_a_part_without_description_needs_size_and_hash(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(site.content)
    assert second_call(site.remote(key, known=True), tmp_path, client) == len(site.content)
    for remote in (site.remote(key), replace(site.remote(key), size=len(site.content))):
        (tmp_path / "file.zip.part").write_bytes(site.other[:HALF])
        assert second_call(remote, tmp_path, client) == 0
        assert (tmp_path / "file.zip").read_bytes() == site.content


@pytest.mark.parametrize("length", [200_001, 400_000])
def test_a_part_that_is_too_long_starts_over(site: Any, client: Any, key: str, tmp_path: Path, length: int) -> None:
    cut_off(site.remote(key, cut=1), tmp_path, client)
    (tmp_path / "file.zip.part").write_bytes(bytes(length))
    assert second_call(site.remote(key), tmp_path, client) == 0
    assert (tmp_path / "file.zip").read_bytes() == site.content


@pytest.mark.parametrize(
    "description",
    ["", "{", "[]", "null", '{"url": 3}', '{"url": "x", "total": "many"}', '{"unknown": 1}', "\\udcff", "[" * 100_000],
)
def test_a_damaged_description_starts_over(site: Any, client: Any, key: str, tmp_path: Path, description: str) -> None:
    (tmp_path / "file.zip.part").write_bytes(site.other[:HALF])
    (tmp_path / "file.zip.part.json").write_text(description)
    assert second_call(site.remote(key), tmp_path, client) == 0
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_a_part_of_another_address_starts_over(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    cut_off(site.remote(key, cut=1, body="other"), tmp_path, client)
    assert second_call(site.remote(f"{key}b"), tmp_path, client) == 0
    assert "Range" not in site.log(f"{key}b")[0]["headers"]


def test_an_unpacked_part_starts_over(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    """Its length says nothing about where the packed body would have to go on."""
    cut_off(site.remote(key, known=True, cut=1, packed="gzip"), tmp_path, client)
    assert names(tmp_path) == []


def test_interruption_by_the_user_keeps_the_part(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done > HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(site.remote(key, pause=0.004), tmp_path / "file.zip", policy=client.policy(), on_progress=stop)
    assert names(tmp_path) == PARTS
    assert HALF < second_call(site.remote(key), tmp_path, client) < len(site.content)
    assert (tmp_path / "file.zip").read_bytes() == site.content


def test_the_description_says_what_the_part_is_of(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    remote = site.remote(key, cut=1, token="secret")
    cut_off(replace(remote, url=remote.url.replace("//", "//user:word@")), tmp_path, client)
    description = json.loads((tmp_path / "file.zip.part.json").read_text())
    assert description["url"] == f"http://127.0.0.1:{site.ports['http']}/{key}/file.zip"
    assert description["total"] == len(site.content)
    assert len(description["etag"]) == 14


def test_tidy_removes_what_was_left(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    cut_off(site.remote(key, cut=1), tmp_path, client)
    (tmp_path / "file.zip.lock").write_text("999999999\n")
    (tmp_path / "file.zip").write_bytes(b"came another way")
    (tmp_path / "other.zip.part").write_bytes(b"not ours")
    tidy(tmp_path / "file.zip")
    assert names(tmp_path) == ["file.zip", "other.zip.part"]
    tidy(tmp_path / "file.zip")
    tidy(tmp_path / "nowhere" / "file.zip")
    assert names(tmp_path) == ["file.zip", "other.zip.part"]

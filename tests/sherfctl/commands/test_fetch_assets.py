"""fetch-assets through the command line, against servers on this computer that speak as the publishers' do."""

from __future__ import annotations

import hashlib
import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sherf_core.assets.catalogue import KnownBody, smpl_archive
from tests.sherf_core.assets.loopback import PASSWORD, TOKEN, USERNAME, Publisher, serving
from tests.sherf_core.assets.samples import MALE, NEUTRAL, body_pickle, zipped
from tests.sherfctl.commands.fetching import Fetcher

LICENCE = ("--accept-license", "smpl")


@pytest.fixture
def smpl(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Publisher]]:
    """`smpl(archive)`: SMPL's site, which the command asks, and whose login the environment holds."""
    opened = []

    def start(archive: bytes, password: str = PASSWORD) -> Publisher:
        context = serving(Publisher(archive))
        publisher = context.__enter__()
        opened.append(context)
        monkeypatch.setenv("SHERFCTL_SMPL_URL", publisher.address)
        monkeypatch.setenv("SMPL_USERNAME", USERNAME)
        monkeypatch.setenv("SMPL_PASSWORD", password)
        return publisher

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def test_the_body_comes_from_its_site_into_its_place(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    body = body_pickle()
    publisher = smpl(zipped({MALE: body_pickle(1), NEUTRAL: body, "SMPL_python_v.1.1.0/readme.txt": b"hello"}))
    code, out, error = fetcher.run("smpl", *LICENCE)
    assert code == 0, error
    assert fetcher.file("assets/SMPL_NEUTRAL.pkl").read_bytes() == body
    assert "smpl: assets/SMPL_NEUTRAL.pkl in place" in " ".join(out.split())
    methods = [request["method"] for request in publisher.requests]
    assert methods == ["GET", "POST"]
    assert publisher.requests[1]["headers"]["referer"] == "https://smpl.is.tue.mpg.de/"
    (entry,) = json.loads(fetcher.file("assets/manifest.json").read_text())["files"]
    assert entry["sha256"] == hashlib.sha256(body).hexdigest()
    assert (entry["asset"], entry["path"], entry["bytes"]) == ("smpl", "assets/SMPL_NEUTRAL.pkl", len(body))
    assert entry["accepted"][:4].isdigit()
    assert entry["licence"].startswith("SMPL model licence")
    assert "?" not in entry["source"]
    assert [path for path in fetcher.cache.rglob("*") if path.is_file()] == []


def test_what_is_there_is_not_fetched_again(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    assert fetcher.run("smpl", *LICENCE)[0] == 0
    asked = len(publisher.requests)
    code, out, _ = fetcher.run("smpl", "--json")
    document = json.loads(out)
    assert (code, len(publisher.requests)) == (0, asked)
    assert document["installed"][0]["new"] is False
    assert document["installed"][0]["accepted"]


@pytest.mark.parametrize("place", ["assets/SMPL_NEUTRAL.pkl", "models/smpl/smpl_neutral.pkl"])
def test_a_body_that_the_user_put_there_is_taken_as_it_is(fetcher: Fetcher, smpl: Callable[..., Publisher], place: str):
    publisher = smpl(b"")
    fetcher.write(place, body_pickle())
    assert fetcher.run("smpl")[0] == 0
    assert publisher.requests == []
    assert json.loads(fetcher.file("assets/manifest.json").read_text())["files"][0]["source"] == "found in its place"


def test_the_male_body_under_the_neutral_one_s_name_is_seen(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    smpl(b"")
    fetcher.write("assets/SMPL_NEUTRAL.pkl", body_pickle())
    male = KnownBody("male", "1.0.0", None, hashlib.sha256(body_pickle()).hexdigest())
    monkeypatch.setattr("sherf_core.assets.install.known_body", lambda digest: male)
    code, out, _ = fetcher.run("smpl", *LICENCE, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "FETCH.EXISTS")
    assert "the male body of SMPL 1.0.0" in json.loads(out)["error"]["found"]
    code, out, _ = fetcher.run("--verify", "--json")
    assert (code, json.loads(out)["verdicts"][0]["code"]) == (1, "SMPL.GENDER")


def test_a_broken_body_in_its_place_stays_and_is_said(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    fetcher.write("assets/SMPL_NEUTRAL.pkl", b"<html>login</html>")
    code, _, error = fetcher.run("smpl", *LICENCE)
    assert code == 1
    assert "FETCH.EXISTS" in error
    assert "is a web page" in " ".join(error.split())
    assert fetcher.file("assets/SMPL_NEUTRAL.pkl").read_bytes() == b"<html>login</html>"
    assert publisher.requests == []


def test_a_wrong_password_is_told_from_the_page_that_answers_it(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    smpl(zipped({NEUTRAL: body_pickle()}), password=PASSWORD + "!")
    code, out, error = fetcher.run("smpl", *LICENCE, "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "FETCH.LOGIN"
    assert "the login was refused" in " ".join(error.split())
    assert not fetcher.file("assets").exists()
    assert [path for path in fetcher.cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("accepting", [(), ("--accept-license", "renderpeople")])
def test_nothing_is_asked_of_the_site_before_the_licence_is_accepted(
    fetcher: Fetcher, smpl: Callable[..., Publisher], accepting: tuple[str, ...]
):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    code, _, error = fetcher.run("smpl", *accepting, "--yes")
    assert code == 1
    assert "FETCH.LICENCE" in error
    assert "https://smpl.is.tue.mpg.de/modellicense.html" in error
    assert publisher.requests == []


@pytest.mark.parametrize("lacking", ["SMPL_PASSWORD", "SMPL_USERNAME"])
def test_without_terminal_and_login_there_is_one_clear_error(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch, lacking: str
):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    monkeypatch.delenv(lacking)
    code, out, error = fetcher.run("smpl", *LICENCE)
    assert (code, out) == (1, "")
    assert "FETCH.CREDENTIALS" in error
    assert "SMPL_USERNAME and SMPL_PASSWORD" in " ".join(error.split())
    assert publisher.requests == []


def test_a_defect_on_the_way_leaves_no_secret_in_the_crash_file(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    smpl(b"")

    def defect(remote: Any, *_: Any, **__: Any) -> None:
        raise TypeError(f"a defect with {remote!r}")

    monkeypatch.setattr("sherf_core.assets.smpl.download", defect)
    code, _, error = fetcher.run("smpl", *LICENCE)
    assert code == 4
    assert "a defect with Remote(" in " ".join(error.split())
    crashes = [path for path in fetcher.everything() if path.name.startswith("crash-")]
    assert len(crashes) == 1  # and the fixture looks into every file


def test_a_keyring_is_asked_where_there_is_one(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    smpl(zipped({NEUTRAL: body_pickle()}))
    monkeypatch.delenv("SMPL_USERNAME")
    monkeypatch.delenv("SMPL_PASSWORD")
    keyring = types.ModuleType("keyring")
    known = {("smpl.is.tue.mpg.de", None): types.SimpleNamespace(username=USERNAME, password=PASSWORD)}
    keyring.get_credential = lambda service, user: known.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert fetcher.run("smpl", *LICENCE)[0] == 0


def test_passwords_go_nowhere_unencrypted(fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: Any):
    smpl(b"")
    monkeypatch.setenv("SHERFCTL_SMPL_URL", "http://mirror.example.org")
    code, _, error = fetcher.run("smpl", *LICENCE)
    assert code == 1
    assert "unencrypted" in error


def test_an_archive_cannot_write_elsewhere(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    body = body_pickle()
    smpl(zipped({"../../../../" + Path(NEUTRAL).name: body, "../evil.txt": b"evil", "/tmp/evil.txt": b"evil"}))
    before = fetcher.everything()
    assert fetcher.run("smpl", *LICENCE)[0] == 0
    new = {path.relative_to(fetcher.root).as_posix() for path in fetcher.everything() - before if path.is_file()}
    assert new == {"work/assets/SMPL_NEUTRAL.pkl", "work/assets/manifest.json", "state/sherfctl/licences.json"}


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (zipped({MALE: body_pickle()}), "SMPL.NO_NEUTRAL"),
        (zipped({NEUTRAL: b"<html>not logged in</html>"}), "SMPL.HTML"),
        (zipped({NEUTRAL: body_pickle()[:2000]}), "SMPL.TRUNC"),
        (zipped({NEUTRAL: bytes(30_000_000)}), "FETCH.ARCHIVE"),
        (zipped({NEUTRAL: body_pickle()})[:-100], "FETCH.UNKNOWN|FETCH.ARCHIVE"),
    ],
    ids=["no neutral body", "a page in it", "cut in it", "a bomb", "cut itself"],
)
def test_archives_that_are_none(fetcher: Fetcher, smpl: Callable[..., Publisher], archive: bytes, code: str):
    smpl(archive)
    status, out, _ = fetcher.run("smpl", *LICENCE, "--json")
    assert status == 1
    assert json.loads(out)["error"]["code"] in code.split("|")
    assert not fetcher.file("assets").exists()


def test_a_full_disk_is_said_before(fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch):
    smpl(zipped({NEUTRAL: body_pickle()}))
    monkeypatch.setattr("sherf_core.assets.space.free_bytes", lambda target: 10)
    code, out, _ = fetcher.run("smpl", *LICENCE, "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "FETCH.SPACE"
    assert not fetcher.file("assets").exists()


def test_one_that_fails_keeps_no_other_from_coming(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    publisher = smpl(b"")
    weights = b"\x80\x02" + bytes(range(256)) * 40
    name = fetcher.publish_torch_file("resnet", weights)
    publisher.files[f"/{name}"] = weights
    monkeypatch.setenv("SHERFCTL_TORCH_URL", publisher.address)
    code, out, _ = fetcher.run("smpl", "resnet", "--json")
    document = json.loads(out)
    assert code == 1
    assert [error["code"] for error in document["errors"]] == ["FETCH.LICENCE"]
    assert [entry["asset"] for entry in document["installed"]] == ["resnet"]
    assert fetcher.file(f"assets/{name}").read_bytes() == weights


def test_torchvision_s_file_has_the_sum_in_its_name(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch):
    weights = b"\x80\x02" + bytes(range(256)) * 40
    name = fetcher.publish_torch_file("perceptual", weights)
    with serving(Publisher(files={f"/{name}": weights[:-1] + b"!"})) as publisher:
        monkeypatch.setenv("SHERFCTL_TORCH_URL", publisher.address)
        code, out, _ = fetcher.run("perceptual", "--json")
        assert (code, json.loads(out)["error"]["code"]) == (1, "FETCH.HASH")
        assert not fetcher.file(f"assets/{name}").exists()
        publisher.files[f"/{name}"] = weights
        assert fetcher.run("perceptual")[0] == 0
        asked = len(publisher.requests)
        assert fetcher.run("perceptual")[0] == 0
        assert len(publisher.requests) == asked
        fetcher.write(f"assets/{name}", b"another one")
        code, out, _ = fetcher.run("perceptual", "--json")
        assert (code, json.loads(out)["error"]["code"]) == (1, "FETCH.EXISTS")


def test_sherf_s_weights_are_fetched_by_hand(fetcher: Fetcher):
    code, out, error = fetcher.run("sherf")
    assert code == 1
    assert "FETCH.MANUAL" in error
    assert "https://github.com/skhu101/SHERF" in out
    assert "sherfctl fetch-assets sherf --watch ~/Downloads" in out


def test_without_arguments_it_says_what_there_is_and_what_to_do(fetcher: Fetcher):
    fetcher.write("assets/SMPL_NEUTRAL.pkl", body_pickle())
    code, out, error = fetcher.run()
    assert (code, error) == (0, "")
    assert "here: assets/SMPL_NEUTRAL.pkl" in out
    assert "sherfctl fetch-assets smpl\n" not in out
    assert "sherfctl fetch-assets sherf --watch ~/Downloads" in out


def test_the_list_as_json(fetcher: Fetcher):
    fetcher.write("assets/SMPL_NEUTRAL.pkl", body_pickle())
    code, out, _ = fetcher.run("--list", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)["assets"]}
    assert list(rows) == ["smpl", "sherf", "renderpeople", "thuman-params", "perceptual", "resnet"]
    assert rows["smpl"]["found"] == ["assets/SMPL_NEUTRAL.pkl"]
    assert rows["sherf"]["found"] == []
    assert rows["smpl"]["licence"]["page"].startswith("https://smpl.is.tue.mpg.de/")


def test_a_dry_run_asks_nobody_and_writes_nothing(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    before = fetcher.everything()
    code, out, _ = fetcher.run("smpl", "perceptual", "sherf", "--dry-run", "--json")
    rows = {row["name"]: row for row in json.loads(out)["plan"]}
    assert code == 0
    assert rows["smpl"]["source"].startswith(publisher.address)
    assert rows["smpl"]["target"].endswith("assets/SMPL_NEUTRAL.pkl")
    assert rows["smpl"]["fits"] is True
    assert rows["smpl"]["note"] == "login from the environment"
    assert rows["perceptual"]["bytes"] == 553_433_881
    assert publisher.requests == []
    assert fetcher.everything() == before
    text = fetcher.run("smpl", "--dry-run")[1]
    assert "Nothing was fetched" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--list", "--verify"),
        ("--from-file", "x", "--watch", "y"),
        ("nothing",),
        ("--yes",),
        ("sherf", "--dataset", "demo"),
        LICENCE,
        ("--dataset", "THuman"),
    ],
)
def test_wrong_command_lines(fetcher: Fetcher, arguments: tuple[str, ...]):
    code, out, error = fetcher.run(*arguments)
    assert (code, out) == (2, "")
    assert error.startswith("error:")


def test_logins_in_the_addresses_of_mirrors_are_shown_and_kept_nowhere(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    weights = b"\x80\x02" + bytes(range(256)) * 40
    name = fetcher.publish_torch_file("resnet", weights)
    publisher.files[f"/{name}"] = weights
    with_login = publisher.address.replace("http://", f"http://me:{TOKEN}@")
    monkeypatch.setenv("SHERFCTL_TORCH_URL", with_login)
    monkeypatch.setenv("SHERFCTL_SMPL_URL", with_login)
    code, out, _ = fetcher.run("smpl", "resnet", "--dry-run", "--json")
    assert code == 0
    assert all(row["source"].startswith(publisher.address) for row in json.loads(out)["plan"])
    code, out, error = fetcher.run("smpl", "resnet", *LICENCE, "--json")
    assert code == 0, error
    assert f"your login goes to {publisher.address}" in " ".join(error.split())
    assert all(entry["source"].startswith(publisher.address) for entry in json.loads(out)["installed"])
    monkeypatch.setenv("SHERFCTL_SMPL_URL", f"http://me:{TOKEN}@mirror.example.org")
    assert fetcher.run("smpl", "--dry-run")[0] == 1  # and the fixture looks for the login everywhere


def test_a_copied_manifest_accepts_no_licence(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    publisher = smpl(zipped({NEUTRAL: body_pickle()}))
    assert fetcher.run("smpl", *LICENCE)[0] == 0
    fetcher.file("assets/SMPL_NEUTRAL.pkl").unlink()
    # The same user has accepted; the licence is named all the same.
    code, _, error = fetcher.run("smpl")
    assert code == 0
    assert "https://smpl.is.tue.mpg.de/modellicense.html" in error
    assert "You accepted it on" in " ".join(error.split())
    # Another user, with a copy of the manifest.
    fetcher.file("assets/SMPL_NEUTRAL.pkl").unlink()
    kept = fetcher.root / "state" / "sherfctl" / "licences.json"
    for other in (b"", b"[" * 100_000, kept.read_bytes().replace(b"SMPL model licence", b"another licence")):
        kept.write_bytes(other)
        asked = len(publisher.requests)
        code, _, error = fetcher.run("smpl")
        assert (code, len(publisher.requests)) == (1, asked)
        assert "FETCH.LICENCE" in error


def test_a_whole_archive_in_the_cache_needs_no_login(
    fetcher: Fetcher, smpl: Callable[..., Publisher], monkeypatch: pytest.MonkeyPatch
):
    archive = zipped({NEUTRAL: body_pickle()})
    publisher = smpl(b"")
    known = replace(smpl_archive(), md5=hashlib.md5(archive, usedforsecurity=False).hexdigest())
    monkeypatch.setattr("sherf_core.assets.smpl.smpl_archive", lambda: known)
    monkeypatch.delenv("SMPL_USERNAME")
    monkeypatch.delenv("SMPL_PASSWORD")
    kept = fetcher.cache / "downloads" / known.name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(archive)
    code, out, error = fetcher.run("smpl", *LICENCE)
    assert code == 0, error
    assert "MD5" not in out
    assert (publisher.requests, kept.exists()) == ([], False)


def test_an_archive_of_another_md5_is_noted(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    smpl(zipped({NEUTRAL: body_pickle()}))
    code, out, _ = fetcher.run("smpl", *LICENCE)
    assert code == 0
    assert "the archive's MD5 is not the known one" in " ".join(out.split())


def test_a_torch_file_of_another_size_is_refused(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch):
    weights = b"\x80\x02" + bytes(range(256)) * 40
    name = fetcher.publish_torch_file("perceptual", weights)
    with serving(Publisher(files={f"/{name}": weights + b"!"})) as publisher:
        monkeypatch.setenv("SHERFCTL_TORCH_URL", publisher.address)
        code, out, _ = fetcher.run("perceptual", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "FETCH.SIZE")


def test_commands_to_copy_are_quoted(fetcher: Fetcher, smpl: Callable[..., Publisher]):
    smpl(b"")
    fetcher.write("a b/assets/SMPL_NEUTRAL.pkl", b"<html>login</html>")
    _, out, _ = fetcher.run("smpl", "--out", "a b", "--json")
    assert "mv 'a b/assets/SMPL_NEUTRAL.pkl' 'a b/assets/SMPL_NEUTRAL.pkl.old'" in json.loads(out)["error"]["fix"]

"""The manifest: several writers, and what it refuses."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sherf_core.assets import record
from sherf_core.assets.lock import TargetLock
from sherf_core.assets.record import Entry, add_entries, read_entries
from sherf_core.errors import FetchError


def entry(number: int, **changes: str) -> Entry:
    return Entry(
        **{"asset": "sherf", "name": "a", "path": f"a{number}", "bytes": 1, "sha256": "0", "source": "s"} | changes
    )


def test_writers_at_once_lose_nothing(tmp_path: Path):
    threads = [threading.Thread(target=add_entries, args=(tmp_path, [entry(number)])) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {found.path for found in read_entries(tmp_path)} == {f"a{number}" for number in range(12)}
    assert [path.name for path in (tmp_path / "assets").iterdir()] == ["manifest.json"]


def test_a_file_has_one_entry_and_a_folder_one_for_each_listing(tmp_path: Path):
    add_entries(tmp_path, [entry(1), entry(2, listing="x"), entry(2, listing="y")])
    add_entries(tmp_path, [entry(1, sha256="1"), entry(2, listing="y", sha256="1")])
    found = {(one.path, one.listing): one.sha256 for one in read_entries(tmp_path)}
    assert found == {("a1", ""): "1", ("a2", "x"): "0", ("a2", "y"): "1"}


def test_a_writer_that_never_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record, "_PATIENCE", 0.1)
    (tmp_path / "assets").mkdir()
    with TargetLock(tmp_path / record.MANIFEST), pytest.raises(FetchError) as caught:
        add_entries(tmp_path, [entry(1)])
    assert caught.value.code == "FETCH.LOCKED"


@pytest.mark.parametrize("path", ["/etc/passwd", 3])
def test_entries_that_are_none(tmp_path: Path, path: object):
    add_entries(tmp_path, [entry(1)])
    manifest = tmp_path / record.MANIFEST
    manifest.write_text(manifest.read_text().replace('"a1"', f'"{path}"' if isinstance(path, str) else str(path)))
    with pytest.raises(FetchError) as caught:
        read_entries(tmp_path)
    assert caught.value.code == "FETCH.MANIFEST"


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"files": ' * 100_000, b"\xff", b"[]", b"1", b'{"files": [1]}', b'{"files": {}', b""],
)
def test_records_that_are_none(tmp_path: Path, content: bytes):
    (tmp_path / "assets").mkdir()
    (tmp_path / record.MANIFEST).write_bytes(content)
    with pytest.raises(FetchError) as caught:
        read_entries(tmp_path)
    assert caught.value.code == "FETCH.MANIFEST"
    assert len(caught.value.found) < 1000


def test_names_that_are_no_utf_8_are_written_down(tmp_path: Path):
    add_entries(tmp_path, [entry(1, name="caf\udce9.pkl")])
    assert read_entries(tmp_path)[0].name == "caf\udce9.pkl"

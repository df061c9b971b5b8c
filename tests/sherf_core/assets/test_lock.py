"""Two processes, one target."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sherf_core.assets import lock
from sherf_core.assets.lock import TargetLock
from sherf_core.assets.transport import Progress, download
from sherf_core.errors import FetchError

HOLD = """
import sys
from pathlib import Path
from sherf_core.assets.lock import TargetLock
with TargetLock(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path, repository: Path) -> Any:
    """Another process that holds the lock on `file.zip`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "file.zip")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_by_whom(
    site: Any, client: Any, key: str, tmp_path: Path, holder: Any
) -> None:
    with pytest.raises(FetchError) as caught:
        download(site.remote(key), tmp_path / "file.zip", policy=client.policy())
    assert caught.value.code == "FETCH.LOCKED"
    assert f"process {holder.pid}" in caught.value.found
    assert site.log(key) == []
    holder.communicate("")
    assert list(tmp_path.iterdir()) == []
    download(site.remote(key), tmp_path / "file.zip", policy=client.policy())


def test_a_killed_process_holds_nothing(site: Any, client: Any, key: str, tmp_path: Path, holder: Any) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "file.zip.lock").exists()
    download(site.remote(key), tmp_path / "file.zip", policy=client.policy())
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]


def test_other_targets_are_free(site: Any, client: Any, key: str, tmp_path: Path, holder: Any) -> None:
    assert download(site.remote(key), tmp_path / "other.zip", policy=client.policy()).bytes == len(site.content)


def test_the_same_process_is_refused_too(site: Any, client: Any, key: str, tmp_path: Path) -> None:
    refusals = []

    def again(progress: Progress) -> None:
        with pytest.raises(FetchError) as caught:
            download(site.remote(key), tmp_path / "file.zip", policy=client.policy())
        refusals.append(caught.value.code)

    download(site.remote(key), tmp_path / "file.zip", policy=client.policy(), on_progress=again)
    assert set(refusals) == {"FETCH.LOCKED"}
    assert (tmp_path / "file.zip").read_bytes() == site.content
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]


def test_a_lock_that_was_removed_while_waiting_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder unlinks the file after we opened it: what we then lock is a file that nobody else can find."""
    path, turns = tmp_path / "file.zip.lock", []
    flock = lock.fcntl.flock

    def removed_before(handle: int, operation: int) -> None:
        if not turns:
            path.unlink()
        turns.append(handle)
        flock(handle, operation)

    monkeypatch.setattr(lock.fcntl, "flock", removed_before)
    with TargetLock(tmp_path / "file.zip"):
        assert len(turns) == 2
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_file_systems_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(handle: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    with TargetLock(tmp_path / "file.zip"):
        assert (tmp_path / "file.zip.lock").exists()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(lock, "fcntl", None)
    with TargetLock(tmp_path / "file.zip"):
        assert list(tmp_path.iterdir()) == []

"""fetch-assets killed in the middle: the next run finishes the work, and leaves nothing else behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sherf_core.assets.leftovers import scratch_folder, sweep, target_of
from sherf_core.assets.lock import TargetLock
from tests.sherf_core.assets.samples import NEUTRAL, body_pickle, zipped

REPOSITORY = Path(__file__).parents[3]
FINISHED = {"assets/SMPL_NEUTRAL.pkl", "assets/manifest.json"}


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_kills_while_an_archive_is_unpacked_and_copied(tmp_path: Path):
    body = body_pickle()
    archive = tmp_path / "SMPL.zip"
    archive.write_bytes(zipped({NEUTRAL: body}))
    places = {"SHERFCTL_CACHE": "cache", "HOME": "home", "XDG_STATE_HOME": "state"}
    script = [sys.executable, str(Path(__file__).with_name("killed_command.py"))]
    left: list[str] = []
    # Every second step up to the last: the lock, the folder, the temporary file, its name, the copy, the record.
    for step in (2, 3, 4, 5, 7, 8, 9, 10, 12, 14):
        folder = tmp_path / str(step)
        work = folder / "work"
        work.mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMPL_")}
        environment |= {name: str(folder / place) for name, place in places.items()} | {"PYTHONPATH": str(REPOSITORY)}
        command = ["fetch-assets", "smpl", "--from-file", str(archive)]
        for at in (step, 10**6):
            done = subprocess.run(
                [*script, str(at), str(folder), *command], cwd=work, env=environment, capture_output=True, timeout=120
            )
            if at == step:
                assert done.returncode == -signal.SIGKILL, done.stderr.decode()
                left += files_under(folder)
                if (work / "assets/SMPL_NEUTRAL.pkl").exists():
                    assert (work / "assets/SMPL_NEUTRAL.pkl").read_bytes() == body
            else:
                assert done.returncode == 0, done.stderr.decode()
        assert (work / "assets/SMPL_NEUTRAL.pkl").read_bytes() == body
        assert files_under(work) == FINISHED, step
        remains = {name for name in files_under(folder / "cache") if not name.endswith(".lock")}
        assert remains == set(), step
        assert [path.name for path in (folder / "cache").iterdir() if path.is_dir()] == [], step
    # The kills hit what they were meant for.
    assert any(name.startswith("cache/unpacked-") and not name.endswith(".lock") for name in left)
    assert any(name.startswith("work/assets/.SMPL_NEUTRAL.") for name in left)


def test_what_a_live_process_holds_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHERFCTL_CACHE", str(tmp_path / "cache"))
    assets = tmp_path / "assets"
    assets.mkdir()
    held, dead = assets / ".SMPL_NEUTRAL.0123456789ab.pkl", assets / ".SMPL_NEUTRAL.0123456789ab.npz"
    foreign = assets / ".notes.0123456789ab.txt"
    for path in (held, dead, foreign):
        path.write_bytes(b"x")
    target = target_of(held)
    assert target == assets / "SMPL_NEUTRAL.pkl"
    with TargetLock(target), scratch_folder() as scratch:
        (scratch / "body.pkl").write_bytes(b"x")
        sweep(tmp_path)
        assert (scratch / "body.pkl").exists()
        assert held.exists()
    assert (dead.exists(), foreign.exists()) == (False, True)
    sweep(tmp_path)
    assert [path.name for path in assets.iterdir()] == [foreign.name]
    assert list((tmp_path / "cache").iterdir()) == []

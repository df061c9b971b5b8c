"""kill -9 at random moments, then the same command again, until the file is there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLS = 60
BESIDE = {"file.zip.part", "file.zip.part.json", "file.zip.lock"}
# Servers that can resume, by validator or by the hash of the whole, and one that cannot.
SERVERS = [
    {"etag": "strong"},
    {"etag": "none", "changed": "old"},
    {"etag": "none", "known": True},
    {"etag": "strong", "needs": "form"},
    {"etag": "strong", "ranges": "no"},
]


@dataclass
class Tally:
    """What the kills hit."""

    kills: int = 0
    in_the_middle: int = 0
    files: int = 0
    resumed: int = 0


def run(command: list[str], environment: dict[str, str], chance: random.Random | None) -> bool:
    """Run the command; with a `chance` it is killed after a while of its choosing. Whether it was."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    if chance is not None:
        assert process.stdout is not None
        # Mostly once bytes are coming; now and then before, while it starts.
        if chance.random() < 0.9:
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
    _, complaint = process.communicate(timeout=60)
    if process.returncode == -signal.SIGKILL:
        return True
    assert process.returncode == 0, complaint.decode()
    return False


def test_killed_downloads_are_finished_by_the_same_command(
    site: Any, key: str, tmp_path: Path, repository: Path
) -> None:
    chance, tally = random.Random(20), Tally()
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    while tally.kills < KILLS:
        options = dict(SERVERS[tally.files % len(SERVERS)])
        known = options.pop("known", False)
        folder = tmp_path / str(tally.files)
        folder.mkdir()
        target = folder / "file.zip"
        url = site.url(f"{key}{tally.files}", pause=0.005, **options)
        expectations = [str(len(site.content)), site.sha256] if known else ["0", ""]
        form = [site.password] if "needs" in options else []
        command = [sys.executable, str(Path(__file__).with_name("client.py")), url, str(target), *expectations, *form]
        # A server without Range would never come to an end if it were never left in peace.
        for _ in range(5):
            killed = run(command, environment, chance)
            there = {path.name for path in folder.iterdir()}
            assert there <= BESIDE | {"file.zip"}
            if target.exists():
                assert target.read_bytes() == site.content
            if killed:
                tally.kills += 1
                part = folder / "file.zip.part"
                tally.in_the_middle += part.exists() and 0 < part.stat().st_size < len(site.content)
            elif target.exists():
                break
        run(command, environment, None)
        assert target.read_bytes() == site.content
        assert [path.name for path in folder.iterdir()] == ["file.zip"]
        tally.files += 1
        if options.get("ranges") != "no":
            tally.resumed += any("Range" in one["headers"] for one in site.log(f"{key}{tally.files - 1}"))
    assert tally.in_the_middle > KILLS // 2, tally
    assert tally.resumed > tally.files // 2, tally


def test_killed_before_every_step_in_the_folder(site: Any, key: str, tmp_path: Path, repository: Path) -> None:
    """Each time a file is opened, renamed or removed: the windows that random moments rarely hit."""
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    steps: list[str] = []
    while True:
        folder = tmp_path / str(len(steps))
        folder.mkdir()
        target = folder / "file.zip"
        # The description of an older part, of a file that has changed since, is replaced on the way.
        (folder / "file.zip.part").write_bytes(site.other[:1000])
        url = site.url(f"{key}{len(steps)}")
        older = {
            "url": url.partition("?")[0],
            "etag": '"older"',
            "last_modified": "",
            "total": 200_000,
            "encoded": False,
        }
        (folder / "file.zip.part.json").write_text(json.dumps(older))
        command = [sys.executable, str(Path(__file__).with_name("client.py")), url, str(target), "0", ""]
        killed = run(command, {**environment, "KILL_AT_STEP": str(len(steps) + 1)}, None)
        if target.exists():
            assert target.read_bytes() == site.content
        steps.append(" ".join(sorted(path.name for path in folder.iterdir())))
        run(command, environment, None)
        assert target.read_bytes() == site.content
        assert [path.name for path in folder.iterdir()] == ["file.zip"]
        if not killed:
            break
    # Among the steps: the lock, the part, its description going and coming, the new name.
    assert 8 < len(steps) < 30
    assert steps[-1] == "file.zip"
    assert "file.zip file.zip.lock" in steps
    assert "file.zip.lock file.zip.part" in steps
    assert "file.zip.lock file.zip.part file.zip.part.json" in steps

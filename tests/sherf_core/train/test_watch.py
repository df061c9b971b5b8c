from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sherf_core.train import watch
from sherf_core.train.rank_failures import save_failure
from sherf_core.train.watch import other_ranks_watched
from tests.sherf_core.train.two_ranks import rendezvous, require_end_soon_after

# Two ranks over gloo. Rank 1 fails as it is told to; rank 0 waits for it, either in a collective operation, where gloo
# notices a closed connection, or deaf to everything, as a process in NCCL is.
PROGRAM = """
    import os, sys, threading, time
    from pathlib import Path
    import torch
    from torch import distributed
    from sherf_core.train.rank_failures import save_failure
    from sherf_core.train.watch import other_ranks_watched

    folder, how, waiting = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    try:
        with other_ranks_watched(folder, rank):
            for step in range(3):
                distributed.all_reduce(torch.ones(1))
            if rank == 1:
                time.sleep(0.3)
                if how == "raises":
                    raise ValueError("the seventh picture is upside down")
                if how == "hangs up":
                    os.kill(os.getpid(), 9)
                distributed.destroy_process_group()
                sys.exit(0)
            elif waiting == "deaf":
                deaf = threading.Lock(); deaf.acquire(); deaf.acquire()
            elif waiting == "gloo":
                distributed.all_reduce(torch.ones(1))
    except Exception as error:
        save_failure(folder / f"rank-{rank:04d}.failed.json", error, rank)
        os._exit(1)
"""


def start(folder: Path, how: str, waiting: str) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), how, waiting]
    environments = [{**os.environ, **variables, "OMP_NUM_THREADS": "1"} for variables in rendezvous()]
    return [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for environment in environments]


@pytest.mark.parametrize("waiting", ["gloo", "deaf"])
@pytest.mark.parametrize("how", ["raises", "hangs up"])
def test_a_dead_rank_does_not_keep_the_other_waiting(how: str, waiting: str, tmp_path: Path) -> None:
    first, second = start(tmp_path, how, waiting)
    require_end_soon_after(first, second, patience=60)
    failed = json.loads((tmp_path / "rank-0000.failed.json").read_text())
    assert failed["rank"] == 0
    if how == "raises":
        cause = json.loads((tmp_path / "rank-0001.failed.json").read_text())
        assert "ValueError: the seventh picture is upside down" in cause["traceback"]
        assert cause["when"] <= failed["when"]
    else:
        assert second.returncode == -9


def test_a_rank_that_ends_well_is_no_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.05)
    left: list[int] = []
    with other_ranks_watched(tmp_path, 0, leave=left.append):
        with other_ranks_watched(tmp_path, 1, leave=left.append):
            assert {path.name for path in tmp_path.iterdir()} == {"rank-0000.alive.json", "rank-0001.alive.json"}
            time.sleep(0.3)
        time.sleep(0.3)
    assert left == []
    assert list(tmp_path.iterdir()) == []


def test_who_leaves_says_whom_it_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.05)
    left: list[int] = []
    with other_ranks_watched(tmp_path, 0, leave=left.append):
        save_failure(tmp_path / "rank-0003.failed.json", ValueError("broken"), 3)
        time.sleep(0.5)
    assert left == [1]
    assert "rank 3 is gone" in json.loads((tmp_path / "rank-0000.failed.json").read_text())["fields"]["found"]


def test_another_computers_processes_are_not_looked_for_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.05)
    alive = {"pid": 2**22 + 5, "started": 1.0, "host": "another-computer"}
    (tmp_path / "rank-0001.alive.json").write_text(json.dumps(alive))
    left: list[int] = []
    with other_ranks_watched(tmp_path, 0, leave=left.append):
        time.sleep(0.3)
    assert left == []

import os
import signal
import socket
import threading
import time

import psutil
import pytest

from sherf_core.errors import ConfigurationError, RankError
from sherf_core.train.launch import Launch, new_folder
from sherf_core.train.rank_failures import failure_of_ranks


class ToyLaunch(Launch):
    """Starts toys."""

    def words(self, job):
        return [word.replace("sherf_core.train.rank", "tests.sherf_core.train.toy_rank") for word in super().words(job)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def start(tmp_path):
    """Run toys: (events, the folder of the start)."""

    def run(launch=None, stop=lambda events: 0, **arguments):
        events = []
        launch = launch or ToyLaunch(processes=2)
        named = {name.removeprefix("rank"): way for name, way in arguments.items()}
        launch.run("train", named, tmp_path, on_event=events.append, stop=lambda: stop(events))
        return events, max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)

    return run


def test_processes_report_and_print_into_files(start, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("RANK", "7")  # of some other program's
    events, folder = start()
    assert sorted(event["rank"] for event in events) == [0, 1]
    assert {event["size"] for event in events} == {"2"}
    assert {int(event["threads"]) for event in events} == {max(1, len(os.sched_getaffinity(0)) // 2)}
    assert "rank 1 says hello" in (folder / "rank-0001.log").read_text()


def test_the_rank_that_failed_first_is_told_with_its_traceback(start):
    with pytest.raises(RankError) as caught:
        start(rank0="wait", rank1="defect")
    assert caught.value.found.startswith("process 1 on ")
    assert "failed with ValueError:\nTraceback (most recent call last):" in caught.value.found
    assert caught.value.found.rstrip().endswith("ValueError: a toy broke")


def test_an_error_that_explains_itself_keeps_its_words(start):
    with pytest.raises(RankError, match=r"process 1 on .* failed: there is no toy") as caught:
        start(rank0="wait", rank1="data")
    assert (caught.value.code, caught.value.fix) == ("DATA.MISSING", "buy one")


def test_a_killed_rank_is_named_and_the_others_stop(start):
    started = time.monotonic()
    with pytest.raises(RankError, match=r"process 0 was killed by signal 9 \(SIGKILL\)"):
        start(rank0="killed", rank1="wait")
    assert time.monotonic() - started < 50


def test_a_signal_reaches_every_rank_and_they_end_in_order(start):
    def stop(events):
        return signal.SIGTERM if sum(event["kind"] == "waiting" for event in events) == 2 else 0

    events, _ = start(rank0="wait", rank1="wait", stop=stop)
    ended = {event["rank"]: event["by"] for event in events if event["kind"] == "ended"}
    assert ended == {0: signal.SIGTERM, 1: signal.SIGTERM}


def test_a_signal_before_the_ranks_have_begun_is_no_failure(start):
    events, _ = start(stop=lambda events: signal.SIGTERM, rank0="wait", rank1="wait")
    assert not any(event["kind"] == "ended" and not event["by"] for event in events)


def test_an_impatient_user_ends_all_at_once(start, tmp_path):
    def stop(events):
        if any(event["kind"] == "waiting" for event in events):
            raise KeyboardInterrupt
        return 0

    with pytest.raises(KeyboardInterrupt):
        start(rank0="wait", rank1="wait", stop=stop)
    (folder,) = tmp_path.iterdir()
    pids = [int(path.read_text()) for path in folder.glob("rank-*.pid")]
    assert pids
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("static", [False, True], ids=["c10d", "static"])
def test_two_computers_meet(tmp_path, static):
    """Both on this one, through the loopback: two launchers of a process each."""
    endpoint, events = f"127.0.0.1:{free_port()}", {0: [], 1: []}

    def run(node):
        launch = ToyLaunch(processes=1, nodes=2, endpoint=endpoint, node_rank=node if static else None)
        launch.run("train", {}, tmp_path / str(node), on_event=events[node].append, stop=lambda: 0)

    threads = [threading.Thread(target=run, args=(node,)) for node in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(event["rank"] for node in (0, 1) for event in events[node]) == [0, 1]
    assert {event["size"] for node in (0, 1) for event in events[node]} == {"2"}


def test_several_computers_need_a_place_to_meet():
    for endpoint in ("", "host", "host:", ":29500", "host:70000"):
        with pytest.raises(ConfigurationError, match="2 computers, and no place to meet"):
            Launch(processes=1, nodes=2, endpoint=endpoint)
    with pytest.raises(ConfigurationError, match="computer number 2 of 2"):
        Launch(processes=1, nodes=2, endpoint="host:29500", node_rank=2)
    assert Launch(processes=4, nodes=2, endpoint="host:29500", node_rank=1).world_size == 8


def test_what_the_user_set_is_kept(tmp_path):
    launch = Launch(processes=2)
    assert launch.environment({"OMP_NUM_THREADS": "3"})["OMP_NUM_THREADS"] == "3"
    assert launch.environment({"PYTHONPATH": "/mine"})["PYTHONPATH"].endswith(f"{os.pathsep}/mine")
    assert "WORLD_SIZE" not in launch.environment({"WORLD_SIZE": "4"})
    assert new_folder(tmp_path) != new_folder(tmp_path)


@pytest.mark.parametrize(
    ("exits", "named"), [((15, 9), "process 1 was killed by signal 9"), ((9, 11), "process 1 was killed by signal 11")]
)
def test_the_signal_that_torchrun_would_not_send_first_names_the_rank(tmp_path, exits, named):
    lines = [
        f"  rank      : {rank} (local_rank: {rank})\n  exitcode  : -{code} (pid: 7)" for rank, code in enumerate(exits)
    ]
    (tmp_path / "torchrun.log").write_text("\n".join(lines))
    assert named in str(failure_of_ranks(tmp_path, 1))

"""Several processes for one run: started by torchrun, watched, stopped together.

The launcher (the process of the user's command) writes what is to be done to `FOLDER/job.json`, starts
`python -m torch.distributed.run … -m sherf_core.train.rank FOLDER/job.json` and reads what the ranks write:

    FOLDER/rank-0001.log             everything that rank 1 prints
    FOLDER/rank-0001.events.jsonl    what it reports, an object a line: `Event` says which
    FOLDER/rank-0001.failed.json     why it failed
    FOLDER/torchrun.log              torchrun's own words

torchrun runs in a session of its own, so that Ctrl-C in a terminal reaches the launcher alone. The launcher hands the
signal to the ranks, which end in order: torchrun itself would kill them before a checkpoint is written.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from sherf_core.errors import ConfigurationError
from sherf_core.io.atomic import write_json
from sherf_core.train.rank_failures import failure_of_ranks, only_stopped

Event = Mapping[str, Any]
"""What a rank reports; `kind` says what the other fields are, `rank` is who reports."""
Task = Literal["train", "eval"]

POLL_SECONDS = 0.1
LOOPBACK = "127.0.0.1"


class Stopped(KeyboardInterrupt):
    """A signal asked to stop, and the work has stopped in order; `number` is the signal."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How many processes, and where the computers meet.

    Attributes:
        processes: on this computer.
        nodes: computers.
        endpoint: HOST:PORT of the first computer, on which all meet; needed with several.
        node_rank: this computer's number, 0 for the first; None: the computers agree among themselves.
    """

    processes: int
    nodes: int = 1
    endpoint: str = ""
    node_rank: int | None = None

    def __post_init__(self) -> None:
        host, _, port = self.endpoint.rpartition(":")
        if self.nodes > 1 and not (host and port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigurationError(
                f"{self.nodes} computers, and no place to meet" + (f": {self.endpoint}" if self.endpoint else ""),
                expected="the first computer's name or address, and a port that is free there",
                fix="--rdzv-endpoint HOST:29500, the same on every computer (a Slurm job does it by itself)",
            )
        if self.node_rank is not None and not 0 <= self.node_rank < self.nodes:
            raise ConfigurationError(
                f"this is computer number {self.node_rank} of {self.nodes}",
                expected=f"a number from 0 to {self.nodes - 1}",
                fix="--node-rank K, another number on every computer; 0 on the one that --rdzv-endpoint names",
            )

    @property
    def world_size(self) -> int:
        """Processes on all computers."""
        return self.processes * self.nodes

    def words(self, job: Path) -> list[str]:
        """The command that starts the processes of this computer."""
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(self.processes)]
        host, _, port = self.endpoint.rpartition(":")
        if self.nodes == 1:
            # The local address: names of computers are not always known to their own resolver.
            torchrun += ["--standalone", "--local-addr", LOOPBACK]
        elif self.node_rank is not None:
            torchrun += ["--nnodes", str(self.nodes), "--node-rank", str(self.node_rank)]
            torchrun += ["--master-addr", host, "--master-port", port]
        else:
            torchrun += ["--nnodes", str(self.nodes), "--rdzv-backend", "c10d", "--rdzv-endpoint", self.endpoint]
            torchrun += ["--rdzv-id", os.environ.get("SLURM_JOB_ID", "sherfctl")]
            if host in {LOOPBACK, "localhost"}:
                torchrun += ["--local-addr", LOOPBACK]
        return [*torchrun, "--max-restarts", "0", "-m", "sherf_core.train.rank", str(job)]

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment of the processes: `base`, with what they need to find each other and to share the cores."""
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *(path for path in base.get("PYTHONPATH", "").split(os.pathsep) if path and path != root)]
        values = {**base, "PYTHONPATH": os.pathsep.join(paths)}
        values.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // self.processes)))
        local = self.nodes == 1 or self.endpoint.startswith((LOOPBACK, "localhost"))
        if local and sys.platform == "linux":
            values.setdefault("GLOO_SOCKET_IFNAME", "lo")
        # Those of a process that was itself started by torchrun would be taken for this run's.
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"):
            values.pop(name, None)
        return values

    def run(
        self,
        task: Task,
        arguments: Mapping[str, Any],
        ranks: Path,
        *,
        on_event: Callable[[Event], None],
        stop: Callable[[], int],
    ) -> None:
        """Start the processes, and return when all have ended well, or as they were asked to.

        Args:
            task: what the ranks do; see `sherf_core.train.rank`.
            arguments: what they do it with; plain JSON values.
            ranks: folder in which this start makes its own, for logs and events.
            on_event: called for each report of a rank.
            stop: the number of the signal that asks to stop, 0 as long as there is none.

        Raises:
            RankError: a rank failed; it is the first rank's error, with its traceback.
            KeyboardInterrupt: raised by `stop` or `on_event`; the processes were killed.
        """
        folder = new_folder(ranks)
        job = folder / "job.json"
        write_json(job, {"task": task, "arguments": dict(arguments), "folder": str(folder), "launcher": os.getpid()})
        with (folder / "torchrun.log").open("wb") as log:
            process = subprocess.Popen(
                self.words(job),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(os.environ),
                start_new_session=True,
            )
            try:
                status = _watch(process, folder, on_event, stop)
            except BaseException:
                _kill(process)
                raise
        if status != 0 and not (stop() and only_stopped(folder)):
            raise failure_of_ranks(folder, status)


def new_folder(ranks: Path) -> Path:
    """A folder for one start: several starts, and several computers, may share `ranks`."""
    folder = ranks.absolute() / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True)
    return folder


def _watch(
    process: subprocess.Popen[bytes], folder: Path, on_event: Callable[[Event], None], stop: Callable[[], int]
) -> int:
    events = EventReader(folder)
    told = False
    while True:
        status = process.poll()
        for event in events.new():
            on_event(event)
        if status is not None:
            return status
        wanted = stop()
        if wanted and not told:
            told = True
            _tell(process, folder, wanted)
        time.sleep(POLL_SECONDS)


def _tell(process: subprocess.Popen[bytes], folder: Path, number: int) -> None:
    """Hand a signal to the ranks; if none has started yet, to torchrun."""
    ranks = [int(path.read_text() or 0) for path in folder.glob("rank-*.pid")]
    for rank in ranks:
        with suppress(ProcessLookupError):
            os.kill(rank, number)
    if not ranks:
        process.send_signal(signal.SIGTERM)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """torchrun and all that it started, which is in sessions of its own; what they had stored is whole."""
    doomed: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        doomed = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in doomed:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


class EventReader:
    """Reads what the ranks report, as it comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, int] = {}

    def new(self) -> Iterator[Event]:
        """What was reported since the last call; half-written lines wait for the next."""
        for path in sorted(self.folder.glob("rank-*.events.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read[path] = self._read.get(path, 0) + len(whole) + len(newline)
            for line in whole.splitlines():
                yield json.loads(line)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

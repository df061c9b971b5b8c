"""Why a run of several processes failed: the rank that failed first, not those that lost it."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from sherf_core.errors import RankError, SherfError
from sherf_core.io.atomic import write_json

# How a rank's error reads when it only lost another one.
LOST_ANOTHER = re.compile(
    r"Connection (?:closed by peer|reset by peer|refused)|Broken pipe|DistNetworkError|DistBackendError|"
    r"NCCL (?:communicator|error)|Socket (?:Timeout|is not connected)|wait(?:ing)? timeout|Timed out waiting|"
    r"peer .{0,40}(?:gone|disconnected)|remote process exited",
    re.IGNORECASE,
)
# torchrun's list of failures: `rank : 1 (local_rank: 1)`, `exitcode : -9 (pid: 4711)`.
EXIT = re.compile(r"rank\s*:\s*(\d+) \(local_rank: \d+\)\s+exitcode\s*:\s*(-?\d+) \(pid: \d+\)")


@dataclass(frozen=True)
class RankFailure:
    """Why one rank failed.

    Attributes:
        rank: which.
        host: on which computer.
        when: seconds since 1970.
        type: of the error.
        fields: of a `SherfError` (found, expected, fix, code), or {"found": the error's words}.
        traceback: as Python shows it.
    """

    rank: int
    host: str
    when: float
    type: str
    fields: dict[str, str]
    traceback: str

    @property
    def follows(self) -> bool:
        """Whether this rank only noticed that another one was gone."""
        return bool(LOST_ANOTHER.search(f"{self.type}: {self.fields.get('found', '')}"))


def save_failure(path: Path, error: BaseException, rank: int) -> None:
    """Write down why this rank fails, for the launcher."""
    fields = {"found": str(error) or type(error).__name__}
    if isinstance(error, SherfError):
        fields = {name: getattr(error, name) for name in ("found", "expected", "fix", "code")}
    write_json(
        path,
        {
            "rank": rank,
            "host": socket.gethostname(),
            "when": time.time(),
            "type": type(error).__name__,
            "fields": fields,
            "traceback": "".join(traceback.format_exception(error)),
        },
    )


def failure_of_ranks(folder: Path, status: int) -> RankError:
    """The error that stands for a failed start: a rank's own, or what torchrun says.

    Args:
        folder: of the start, where the ranks have written their failures.
        status: torchrun's exit status.
    """
    log = _text(folder / "torchrun.log")
    written = sorted(_written(folder), key=lambda failure: (failure.follows, failure.when))
    told = {failure.rank for failure in written}
    exits = {int(rank): int(code) for rank, code in EXIT.findall(log)}
    killed = [(rank, -code) for rank, code in exits.items() if code < 0 and rank not in told]
    if written and not (written[0].follows and killed):
        return _told(written[0], written[1:], folder)
    # Where nobody tells why: torchrun itself asks the others to end (SIGTERM), and kills those that do not (SIGKILL).
    killed.sort(key=lambda entry: (entry[1] == signal.SIGTERM, entry[1] == signal.SIGKILL))
    if killed:
        rank, number = killed[0]
        return RankError(
            f"process {rank} was killed by signal {number} ({signal.Signals(number).name}); the others were stopped"
            + _last_words(folder, rank),
            fix="signal 9 often means that the computer's memory was used up (`dmesg` tells); the same command goes "
            "on from the last checkpoint"
            if number == signal.SIGKILL
            else f"look into {folder}; the same command goes on from the last checkpoint",
            path=folder,
        )
    return RankError(
        f"torchrun ended with status {status}:\n{_tail(log)}",
        fix=f"the whole output is in {folder / 'torchrun.log'}",
        path=folder,
    )


def only_stopped(folder: Path) -> bool:
    """Whether no rank failed by itself: a signal that comes while they start ends some before the others."""
    return all(failure.follows for failure in _written(folder))


def _written(folder: Path) -> list[RankFailure]:
    return [RankFailure(**json.loads(path.read_bytes())) for path in folder.glob("rank-*.failed.json")]


def _told(first: RankFailure, others: list[RankFailure], folder: Path) -> RankError:
    found = first.fields["found"]
    words = f"process {first.rank} on {first.host} failed: {found}"
    if "code" not in first.fields:  # no error of a kind that explains itself
        words = f"process {first.rank} on {first.host} failed with {first.type}:\n{first.traceback.rstrip()}"
    if others:
        words += f"\n({len(others)} others failed after it: {', '.join(str(one.rank) for one in others)})"
    return RankError(
        words,
        expected=first.fields.get("expected", ""),
        fix=first.fields.get("fix") or f"what each process printed is in {folder}",
        code=first.fields.get("code", ""),
        path=folder,
    )


def _last_words(folder: Path, rank: int) -> str:
    words = _tail(_text(folder / f"rank-{rank:04d}.log"), 5)
    return f"; its last words:\n{words}" if words else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])

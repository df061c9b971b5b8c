"""What tests of a dead rank share: two ranks that meet on this computer, and the first's end after the second's."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Any

SOON = 30
"""Seconds in which a rank should have noticed that another is dead."""


def rendezvous() -> list[dict[str, str]]:
    """Each rank's variables, with a free port to meet at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]


def require_end_soon_after(first: subprocess.Popen[Any], second: subprocess.Popen[Any], patience: float) -> None:
    """The second dies within `patience` seconds, and the first ends with an error soon after; both are gone then."""
    try:
        second.wait(timeout=patience)
        died = time.monotonic()
        assert first.wait(timeout=SOON) == 1
        assert time.monotonic() - died < SOON
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()

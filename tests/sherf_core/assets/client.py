"""What a command does with one asset, as a process to be killed: python client.py URL TARGET SIZE SHA256 [FORM]."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sherf_core.assets.transport import Policy, Progress, Remote, download, tidy
from sherf_core.io.sniff import FileKind


def said(progress: Progress) -> None:
    """Tell the one who may kill us that bytes are coming."""
    sys.stdout.write(f"{progress.done}\n")
    sys.stdout.flush()


def kill_at(step: int, target: Path) -> None:
    """kill -9 ourselves before the step-th time that a file beside the target is opened, renamed or removed."""
    steps = itertools.count(1)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        ours = event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(str(target))
        if ours and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def main(url: str, target: str, size: str, sha256: str, password: str = "") -> None:
    """Fetch the file unless it is there; SIZE 0 and SHA256 "" are unknown."""
    path = Path(target)
    if "KILL_AT_STEP" in os.environ:
        kill_at(int(os.environ["KILL_AT_STEP"]), path)
    if path.exists():
        tidy(path)
        return
    remote = Remote(
        url,
        form={"password": password} if password else None,
        size=int(size) or None,
        sha256=sha256,
        kinds=(FileKind.ZIP,),
    )
    result = download(remote, path, policy=Policy(chunk_bytes=2048), on_progress=said)
    if result.sha256 != hashlib.sha256(path.read_bytes()).hexdigest():
        raise SystemExit("what was reported is not what is there")


if __name__ == "__main__":
    main(*sys.argv[1:])

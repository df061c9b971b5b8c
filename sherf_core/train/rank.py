"""One of several processes: `torchrun … -m sherf_core.train.rank JOB.json`, started by `sherf_core.train.launch`."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sherf_core.train.rank_failures import save_failure
from sherf_core.train.watch import other_ranks_watched

TASKS = {"train": ("sherf_core.train.job", "train_as_rank"), "eval": ("sherf_core.evaluate.spread", "evaluate_as_rank")}
"""What a rank can be asked to do: a function of the job's arguments and of `report`."""
WATCH_SECONDS = 1.0

Report = Callable[[Mapping[str, Any]], None]


def main(arguments: Sequence[str]) -> int:
    """Do this rank's part of the job that the file describes."""
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    rank, folder = int(os.environ["RANK"]), Path(job["folder"])
    stem = folder / f"rank-{rank:04d}"
    _print_to(stem.with_suffix(".log"))
    stem.with_suffix(".pid").write_text(str(os.getpid()))
    # A training brings its own handlers; whatever else is asked for ends as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(job["launcher"],), daemon=True).start()
    with stem.with_suffix(".events.jsonl").open("a", encoding="utf-8", buffering=1) as events:

        def report(event: Mapping[str, Any]) -> None:
            events.write(json.dumps({"rank": rank, **event}) + "\n")

        module, function = TASKS[job["task"]]
        try:
            with other_ranks_watched(folder, rank):
                getattr(importlib.import_module(module), function)(job["arguments"], report)
        except KeyboardInterrupt:
            report({"kind": "stopped"})
        except BaseException as error:
            save_failure(stem.with_suffix(".failed.json"), error, rank)
            traceback.print_exc()
            return 1
    return 0


def _print_to(path: Path) -> None:
    """From here on, whatever this process or a library in it prints goes to this file."""
    log = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    os.close(log)


def _end_with(launcher: int) -> None:
    """Stop in order when the launcher is gone (killed, or its terminal with it): nobody would watch this run."""
    while True:
        time.sleep(WATCH_SECONDS)
        try:
            os.kill(launcher, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        except PermissionError:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

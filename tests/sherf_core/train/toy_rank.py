"""A rank with a toy in place of a training: quick, and it can be told to fail."""

import os
import signal
import sys
import time

from sherf_core.errors import DatasetError
from sherf_core.train import rank
from sherf_core.train.signals import Signals


def work(arguments, report):
    number = int(os.environ["RANK"])
    sys.stdout.write(f"rank {number} says hello\n")
    report({"kind": "environment", "threads": os.environ["OMP_NUM_THREADS"], "size": os.environ["WORLD_SIZE"]})
    way = arguments.get(str(number), "")
    if way == "defect":
        raise ValueError("a toy broke")
    if way == "data":
        raise DatasetError("there is no toy", fix="buy one", code="DATA.MISSING")
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "wait":
        with Signals() as signals:
            report({"kind": "waiting"})
            deadline = time.monotonic() + 60
            while not signals.stop and time.monotonic() < deadline:
                time.sleep(0.05)
        report({"kind": "ended", "by": signals.stop})


if __name__ == "__main__":
    rank.TASKS["train"] = ("tests.sherf_core.train.toy_rank", "work")
    sys.exit(rank.main(sys.argv[1:]))

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from sherf_core.train.signals import Signals

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


@POSIX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_only_says_so(number: signal.Signals, status: int) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        assert (signals.stop, signals.exit_status) == (0, 0)
        os.kill(os.getpid(), number)
        assert (signals.stop, signals.exit_status) == (number, status)
    assert signal.getsignal(number) is before


@POSIX
def test_the_second_ctrl_c_at_once_but_not_its_echo() -> None:
    now = [10.0]
    with Signals(clock=lambda: now[0]) as signals:
        os.kill(os.getpid(), signal.SIGINT)
        now[0] += 0.1
        os.kill(os.getpid(), signal.SIGINT)  # the launcher handed on what the terminal had sent already
        assert signals.stop == signal.SIGINT
        now[0] += 1.0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@POSIX
def test_ctrl_c_after_a_sigterm_ends_at_once() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signals.exit_status == 143


@POSIX
def test_handlers_come_back_after_an_error_and_every_time() -> None:
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError), Signals():
                raise RuntimeError
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_touched() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with Signals() as signals:
            seen.append((signals.stop, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, before)]


PROGRAM = """
    import sys, time
    from sherf_core.train.signals import Signals
    with Signals() as signals:
        print("ready", flush=True)
        while not signals.stop:
            time.sleep(0.01)
        print("saved", flush=True)
    sys.exit(signals.exit_status)
"""


@POSIX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_statuses_of_a_process(number: signal.Signals, status: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05)
        process.send_signal(number)
        assert process.stdout.read() == "saved\n"
        assert process.wait(timeout=10) == status

"""The line of a transfer: what it shows, and how often."""

from __future__ import annotations

import io

import pytest

from sherfctl.console.terminal import Terminal
from sherfctl.console.transfer import Transfer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def transfer_on(interactive: bool, clock: Clock, width: int = 80) -> tuple[Transfer, io.StringIO]:
    stream = io.StringIO()
    return Transfer(Terminal(stream, width, False, True, interactive), "a.zip", clock=clock), stream


def test_the_line_has_speed_and_time_left():
    clock = Clock()
    transfer, _ = transfer_on(True, clock)
    transfer.update(50 << 20, 200 << 20, 5 << 20)
    assert transfer.line(80).endswith("50.0 MiB of 200.0 MiB  25%, 5.0 MiB/s, 30 s left")
    assert transfer.line(80).startswith("a.zip ███")


def test_without_a_total_there_is_no_time_left():
    transfer, _ = transfer_on(True, Clock())
    transfer.update(50 << 20, None, 5 << 20)
    assert transfer.line(80) == "a.zip 50.0 MiB, 5.0 MiB/s"


def test_without_a_speed_it_is_that_of_the_whole():
    clock = Clock()
    transfer, _ = transfer_on(True, clock)
    clock.now = 4.0
    transfer.update(8 << 20, 16 << 20)
    assert transfer.line(120).endswith("50%, 2.0 MiB/s, 4.0 s left")


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_it_never_fills_the_last_column(width: int):
    transfer, _ = transfer_on(True, Clock(), width)
    transfer.update(50 << 20, 200 << 20, 5 << 20)
    assert len(transfer.line(width)) < width


def test_a_terminal_is_redrawn_and_cleared():
    clock = Clock()
    transfer, stream = transfer_on(True, clock)
    with transfer:
        for clock.now in (0.05, 0.2, 0.25, 0.4):
            transfer.update(int(clock.now * 1000), 1000, 10.0)
    assert stream.getvalue().count("\r\x1b[2K") == 3  # two of four are drawn; the end clears
    assert stream.getvalue().endswith("\r\x1b[2Ka.zip: 400 B in 0.4 s\n")


def test_a_pipe_gets_a_line_now_and_then():
    clock = Clock()
    transfer, stream = transfer_on(False, clock)
    for clock.now in (1.0, 16.0, 17.0, 32.0):
        transfer.update(int(clock.now), 40, 1.0)
    transfer.__exit__(KeyboardInterrupt, None, None)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1] == "a.zip: 32 B in 32 s when it stopped"
    assert "\x1b" not in stream.getvalue()


def test_what_never_started_says_nothing():
    transfer, stream = transfer_on(True, Clock())
    with transfer:
        pass
    assert stream.getvalue() == ""

"""fetch-assets as a process: questions at a terminal, and Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sherf_core.assets.loopback import PASSWORD, USERNAME, Publisher, serving
from tests.sherf_core.assets.samples import NEUTRAL, body_pickle, zipped
from tests.sherfctl.commands.fetching import Fetcher

pty = pytest.importorskip("pty", reason="terminals of this kind are Unix's")
COMMAND = [sys.executable, "-m", "sherfctl", "fetch-assets"]


@pytest.fixture
def fetcher(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    """For processes, which see the environment and the path of this one."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("COLUMNS", "80")
    return fetcher


class Terminal:
    """A process with a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.text = ""
        self.process, self._master = pty.fork()
        if self.process == 0:
            os.execv(COMMAND[0], [*COMMAND, *arguments])

    def wait_for(self, words: str) -> None:
        """Read until these words have come."""
        ends = time.monotonic() + 60
        while words not in self.text and time.monotonic() < ends:
            if select.select([self._master], [], [], 0.2)[0]:
                self.text += os.read(self._master, 4096).decode()
        assert words in self.text, self.text

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        """Read the rest; the exit status."""
        while True:
            try:
                piece = os.read(self._master, 4096)
            except OSError:  # its side is closed
                break
            if not piece:
                break
            self.text += piece.decode()
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    with serving(Publisher(zipped({NEUTRAL: body_pickle()}))) as publisher:
        monkeypatch.setenv("SHERFCTL_SMPL_URL", publisher.address)
        yield publisher


def test_licence_name_and_password_are_asked_for(fetcher: Fetcher, publisher: Publisher):
    terminal = Terminal("smpl")
    terminal.wait_for("Do you accept the licence of smpl? [y/N] ")
    assert publisher.requests == []
    terminal.type("y")
    terminal.wait_for("e-mail")
    terminal.type(USERNAME)
    terminal.wait_for("not shown")
    time.sleep(0.3)  # the terminal's echo is switched off right after the question
    terminal.type(PASSWORD)
    code = terminal.end()
    fetcher.printed.append(terminal.text)
    assert code == 0, terminal.text
    assert USERNAME in terminal.text  # typed in the open, so what is typed is seen here
    assert PASSWORD not in terminal.text
    assert fetcher.file("assets/SMPL_NEUTRAL.pkl").is_file()


@pytest.mark.parametrize("answer", ["n", "", "perhaps"])
def test_anything_but_yes_is_no(fetcher: Fetcher, publisher: Publisher, answer: str):
    terminal = Terminal("smpl")
    terminal.wait_for("[y/N] ")
    terminal.type(answer)
    assert terminal.end() == 1
    assert "you did not accept" in terminal.text
    assert publisher.requests == []


def interrupted(arguments: list[str], ready: Path | None, words: str) -> tuple[int, str]:
    """Start, send Ctrl-C when a file is there or words were printed; exit status and what was printed."""
    # Tests that a shell runs in the background inherit from it that Ctrl-C is ignored.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
    finally:
        signal.signal(signal.SIGINT, usual)
    assert process.stdout is not None
    printed, ends = "", time.monotonic() + 60
    while time.monotonic() < ends:
        if ready is not None and ready.exists() and ready.stat().st_size > 0:
            break
        if words and select.select([process.stdout], [], [], 0.05)[0]:
            printed += process.stdout.readline()
            if words in printed:
                break
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    return process.returncode, printed + rest


def test_ctrl_c_while_watching(fetcher: Fetcher):
    (fetcher.root / "Downloads").mkdir()
    code, printed = interrupted(["sherf", "--watch", str(fetcher.root / "Downloads")], None, "waiting for")
    assert code == 130
    assert "interrupted" in printed
    assert "Traceback" not in printed


def test_an_interrupted_download_goes_on(fetcher: Fetcher, publisher: Publisher, monkeypatch: pytest.MonkeyPatch):
    body = body_pickle(vertices=3000)
    publisher.archive, publisher.pause = zipped({NEUTRAL: body}), 0.02
    monkeypatch.setenv("SMPL_USERNAME", USERNAME)
    monkeypatch.setenv("SMPL_PASSWORD", PASSWORD)
    arguments = ["smpl", "--accept-license", "smpl"]
    part = fetcher.cache / "downloads" / "SMPL_python_v.1.1.0.zip.part"
    code, printed = interrupted(arguments, part, "")
    fetcher.printed.append(printed)
    assert code == 130, printed
    assert 0 < part.stat().st_size < len(publisher.archive)
    fetcher.require_no_secret()

    publisher.pause, publisher.requests[:] = 0.0, []
    code, _, error = fetcher.run(*arguments)
    assert code == 0, error
    assert "resumed at" in error
    assert publisher.requests[-1]["headers"]["range"].startswith("bytes=")
    assert fetcher.file("assets/SMPL_NEUTRAL.pkl").read_bytes() == body

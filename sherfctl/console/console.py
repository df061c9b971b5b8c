"""The console: results on standard output, news on standard error, one JSON document when asked."""

from __future__ import annotations

import getpass
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TextIO

from sherfctl.console import layout
from sherfctl.console.progress import Progress
from sherfctl.console.terminal import Terminal
from sherfctl.console.transfer import Transfer


class Status(Enum):
    """How something stands: its mark, its colour (an ANSI code) and the word for terminals without colour."""

    PASS = ("✓", "32", "ok")
    FAIL = ("✗", "31", "FAIL")
    WARN = ("!", "33", "warning")
    INFO = ("•", "36", "note")

    @property
    def mark(self) -> str:
        """One letter."""
        return self.value[0]

    @property
    def color(self) -> str:
        """The ANSI colour code."""
        return self.value[1]


class Console:
    """Everything a command says goes through here; streams and environment are injected, so that tests can read it.

    After `use_json()` the text methods for results are silent and `document` writes the one JSON document; notes and
    warnings still go to standard error.
    """

    def __init__(
        self,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        self.out = Terminal.of(stdout or sys.stdout or _nowhere(), environment)
        self.err = Terminal.of(stderr or sys.stderr or _nowhere(), environment)
        self.json_mode = False
        self._progress: Progress | Transfer | None = None
        self._unread = False

    def use_json(self, wanted: bool = True) -> None:
        """Results are one JSON document from here on (call it first in a command that has `--json`)."""
        self.json_mode = wanted

    # Results: standard output.

    def say(self, text: str = "", *, indent: int = 0) -> None:
        """A result in words, wrapped to the terminal."""
        self._result(layout.wrap(text, self.out.width, first=" " * indent, rest=" " * indent))

    def heading(self, text: str) -> None:
        """A line that stands out, with an empty line before it."""
        self._result("\n" + self._paint(layout.wrap(text, self.out.width), "1", self.out))

    def item(self, status: Status, text: str, *, indent: int = 0) -> None:
        """A result with its mark; following lines hang under the first."""
        hang = " " * (indent + 2)
        wrapped = layout.wrap(text, self.out.width, first=hang, rest=hang)
        self._result(" " * indent + self._paint(status.mark, status.color, self.out) + wrapped[indent + 1 :])

    def command(self, text: str, *, indent: int = 4) -> None:
        """A command to copy: never wrapped."""
        self._result("\n".join(" " * indent + line for line in layout.harmless(text).splitlines()))

    def fields(self, pairs: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
        """Names and values, values aligned."""
        pairs = list(pairs)
        column = indent + max((len(name) for name, _ in pairs), default=0) + 2
        for name, value in pairs:
            first = (" " * indent + layout.printable(name)).ljust(column)
            self._result(layout.wrap(value, self.out.width, first=first, rest=" " * column))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; columns of numbers are aligned to the right."""
        self._result(layout.table(columns, rows, self.out.width))

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document of a command, on standard output (NaN and infinity become null)."""
        text = json.dumps(_plain(document), indent=2, ensure_ascii=True, allow_nan=False)
        self._write(text)

    # News: standard error.

    def note(self, text: str) -> None:
        """What is going on; not part of the result."""
        self._news(layout.wrap(text, self.err.width))

    def note_command(self, text: str) -> None:
        """A command to copy that is no result: never wrapped."""
        self._news(layout.harmless(text))

    def warn(self, text: str) -> None:
        """Something the user should know, though the work goes on."""
        label = self._paint("warning:", Status.WARN.color, self.err)
        self._news(label + layout.wrap(text, self.err.width, first=" " * 8, rest="  ")[7:])

    def error(self, found: str, *, expected: str = "", fix: str = "", code: str = "") -> None:
        """Why the command fails: what was found, what was expected, what to do."""
        label = self._paint("error:", Status.FAIL.color, self.err)
        named = f"{found} [{code}]" if code else found
        lines = [label + layout.wrap(named, self.err.width, first=" " * 6, rest="  ")[5:]]
        for name, text in (("expected", expected), ("fix", fix)):
            if text:
                first = f"  {name}: ".ljust(12)
                lines.append(layout.wrap(text, self.err.width, first=first, rest=" " * 12))
        self._news("\n".join(lines))

    def ask(self, question: str) -> bool | None:
        """Ask a yes-or-no question on standard error; None where nobody is there to answer (no terminal).

        Anything but yes means no.
        """
        answer = self.ask_text(f"{question} [y/N]")
        return None if answer is None else answer.lower() in {"y", "yes"}

    def ask_text(self, question: str, *, hidden: bool = False) -> str | None:
        """Ask for a line of text on standard error; None where nobody is there to answer (no terminal).

        What is typed at a hidden question is not shown. The end of the input counts as an empty answer.
        """
        if not (self.err.interactive and sys.stdin is not None and sys.stdin.isatty()):
            return None
        self._clear_progress()
        question = layout.harmless(question)
        if hidden:
            try:
                return getpass.getpass(f"{question} ", stream=self.err.stream)
            except EOFError:
                return ""
        self.err.write(f"{question} ")
        return sys.stdin.readline().strip()

    def progress(self, description: str, total: int, unit: str = "items") -> Progress:
        """A progress bar with the time left, on standard error; use it as a context manager."""
        progress = Progress(self.err, layout.printable(description), total, unit)
        self._progress = progress
        return progress

    def transfer(self, description: str) -> Transfer:
        """A line with bytes, speed and the time left, on standard error; use it as a context manager."""
        transfer = Transfer(self.err, layout.printable(description))
        self._progress = transfer
        return transfer

    def _result(self, text: str) -> None:
        if not self.json_mode:
            self._clear_progress()
            self._write(text)

    def _write(self, text: str) -> None:
        """To standard output; once its reader has gone (`| head`), nowhere: the work and its exit status go on."""
        if self._unread:
            return
        try:
            self.out.write(text + "\n")
        except BrokenPipeError:
            self._unread = True

    def _news(self, text: str) -> None:
        self._clear_progress()
        self.err.write(text + "\n")

    def _clear_progress(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    @staticmethod
    def _paint(text: str, code: str, terminal: Terminal) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if terminal.color else text


def console_of(context: Any) -> Console:
    """The console of a running command, from its typer context."""
    console = context.obj
    if not isinstance(console, Console):
        raise TypeError("the command was started without a console; go through sherfctl.app.run")
    return console


def _nowhere() -> TextIO:
    """In place of a stream that was closed before the program started (`>&-`)."""
    return open(os.devnull, "w", encoding="utf-8")


def _plain(value: Any) -> Any:
    """The value in JSON's own types: numpy scalars as numbers, paths as text, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if not isinstance(value, float):
        item = getattr(value, "item", None)
        return _plain(item()) if callable(item) else str(value)
    return value if math.isfinite(value) else None

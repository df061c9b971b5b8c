from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest

from sherfctl.console import Console, Status
from sherfctl.console.layout import duration, size, table, wrap
from sherfctl.console.progress import Progress
from sherfctl.console.terminal import Terminal


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class AsciiStream(io.TextIOWrapper):
    """A stream that encodes to ASCII only."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]


def console(environment: dict[str, str] | None = None, *, terminal: bool = False) -> Console:
    stream = FakeTerminal if terminal else io.StringIO
    return Console(stream(), stream(), environment or {})


def out(console: Console) -> str:
    return console.out.stream.getvalue()  # type: ignore[attr-defined]


def err(console: Console) -> str:
    return console.err.stream.getvalue()  # type: ignore[attr-defined]


def test_results_and_news_go_to_different_streams() -> None:
    c = console()
    c.say("a result")
    c.note("news")
    c.warn("careful")
    assert out(c) == "a result\n"
    assert err(c) == "news\nwarning: careful\n"


@pytest.mark.parametrize(
    ("environment", "terminal", "colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_color(environment: dict[str, str], terminal: bool, colored: bool) -> None:
    c = console(environment, terminal=terminal)
    c.item(Status.FAIL, "broken")
    assert ("\x1b[31m" in out(c)) is colored


def test_ascii_only_terminals_get_ascii() -> None:
    stream = AsciiStream()
    c = Console(stream, stream, {})
    c.item(Status.PASS, "512² — fine… ∑")
    assert stream.text == "+ 512^2 - fine... ?\n"


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_text_keeps_to_the_width(columns: int) -> None:
    c = console({"COLUMNS": str(columns)})
    c.item(Status.WARN, "some words that go on " * 20, indent=2)
    c.say("more words here " * 20, indent=4)
    c.fields([("name", "value " * 40)])
    assert max(len(line) for line in out(c).splitlines()) <= columns


def test_paths_and_commands_are_never_cut() -> None:
    path = "/a/very/long/path/" + "x" * 100
    c = console({"COLUMNS": "40"})
    c.say(f"found {path} there")
    c.command(f"mv {path} assets/SMPL_NEUTRAL.pkl")
    assert path in out(c)
    assert f"mv {path} assets/SMPL_NEUTRAL.pkl" in out(c)


def test_json_mode_leaves_standard_output_to_the_document() -> None:
    c = console()
    c.use_json()
    c.say("silent")
    c.table(("a",), [("b",)])
    c.note("still said")
    c.document({"psnr": math.nan, "inf": [math.inf], "numpy": np.float32(1.5), "count": np.int64(3), "ok": True})
    assert json.loads(out(c)) == {"psnr": None, "inf": [None], "numpy": 1.5, "count": 3, "ok": True}
    assert err(c) == "still said\n"


def test_error_says_found_expected_and_fix() -> None:
    c = console()
    c.error("a.pkl is a web page", expected="a pickle", fix="log in", code="SMPL.HTML")
    assert err(c).splitlines() == [
        "error: a.pkl is a web page [SMPL.HTML]",
        "  expected: a pickle",
        "  fix:      log in",
    ]


def test_table_aligns_numbers_right_and_wraps_words() -> None:
    text = table(("who", "PSNR"), [("anna", "9.5"), ("bo", "21.25")], 80)
    assert text.splitlines() == ["who    PSNR", "────  ─────", "anna    9.5", "bo    21.25"]
    narrow = table(("name", "what"), [("cpu", "words and words and words")], 20)
    assert max(len(line) for line in narrow.splitlines()) <= 20
    assert narrow.splitlines()[2].startswith("cpu   words and")


def test_table_becomes_blocks_where_it_cannot_fit() -> None:
    text = table(("first", "second"), [("x" * 30, "y" * 30)], 40)
    assert text.splitlines() == ["first: " + "x" * 30, "second: " + "y" * 30]


def test_wrap_keeps_empty_lines_and_indents() -> None:
    assert wrap("a\n\nb", 40, first="* ", rest="  ") == "* a\n\n  b"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (12.4, "12 s"), (59.7, "1:00"), (185, "3:05"), (3723, "1:02:03")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512 B"), (1536, "1.5 KiB"), (5 * 2**20, "5.0 MiB"), (3000 * 2**30, "3000.0 GiB")]
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_estimates_the_time_left_without_resumed_items() -> None:
    clock = Clock()
    progress = Progress(Terminal.of(FakeTerminal(), {}), "evaluate", 100, "images", clock=clock)
    assert progress.seconds_left is None
    progress.skip(50)
    assert progress.seconds_left is None
    clock.now = 20.0
    progress.advance(10, "PSNR 24.1")
    assert progress.seconds_left == pytest.approx(80.0)  # 2 s each, 40 to go
    line = progress.line(100)
    assert "60/100 images" in line
    assert "1:20 left" in line
    assert "PSNR 24.1" in line


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_progress_fits_on_a_line(columns: int) -> None:
    stream = FakeTerminal()
    with Progress(Terminal.of(stream, {"COLUMNS": str(columns)}), "evaluate", 10, "images") as progress:
        progress.advance(3, "a note")
    assert len(progress.line(columns)) < columns


def test_progress_in_a_pipe_is_a_few_lines_without_control_letters() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(Terminal.of(stream, {}), "evaluate", 100, "images", clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.5
            progress.advance()
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()
    assert 3 <= len(lines) <= 6
    assert lines[-1] == "evaluate: 100 of 100 images in 50 s"


def test_a_note_takes_the_bar_away_first() -> None:
    c = console(terminal=True)
    with c.progress("evaluate", 2, "images") as progress:
        progress.advance()
        c.note("a note")
    assert "\r\x1b[2Ka note\n" in err(c)


def test_progress_of_nothing() -> None:
    stream = io.StringIO()
    with Progress(Terminal.of(stream, {}), "evaluate", 0, "images"):
        pass
    assert stream.getvalue().splitlines()[-1].startswith("evaluate: 0 of 0 images")

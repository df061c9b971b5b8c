"""What comes from outside never commands the terminal, whichever way it is shown; our own colours stay."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from sherfctl.console import Console, Status

EVIL = "a\x1b[31mEVIL\x07\x9b2J\x00\r b"
WAYS: dict[str, Callable[[Console], object]] = {
    "say": lambda console: console.say(EVIL),
    "heading": lambda console: console.heading(EVIL),
    "item": lambda console: console.item(Status.FAIL, EVIL),
    "command": lambda console: console.command(EVIL),
    "fields": lambda console: console.fields([(EVIL, EVIL)]),
    "table": lambda console: console.table(["a"], [[EVIL]]),
    "note": lambda console: console.note(EVIL),
    "note_command": lambda console: console.note_command(EVIL),
    "warn": lambda console: console.warn(EVIL),
    "error": lambda console: console.error(EVIL, expected=EVIL, fix=EVIL, code="X.Y"),
    "transfer": lambda console: console.transfer(EVIL).wait(EVIL),
    "progress": lambda console: console.progress(EVIL, 1).__enter__().advance(1, EVIL),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("color", [True, False])
def test_codes_of_others_are_shown_as_numbers(way: str, color: bool):
    out, error = io.StringIO(), io.StringIO()
    WAYS[way](Console(out, error, {"FORCE_COLOR": "1"} if color else {}))
    text = out.getvalue() + error.getvalue()
    assert not any(code in text for code in ("\x1b[31mEVIL", "\x07", "\x9b", "\x00", "\r"))
    if not color:
        assert "\x1b" not in text
    if way not in ("transfer", "progress"):
        assert "a\\x1b[31mEVIL\\x07\\x9b2J" in text
    if way == "error":
        assert text.startswith("\x1b[31merror:\x1b[0m" if color else "error:")


def test_line_ends_stay():
    out = io.StringIO()
    Console(out, io.StringIO(), {}).say("a\r\nb\nc\td")
    assert out.getvalue() == "a\nb\nc d\n"

from __future__ import annotations

import io

import pytest

from sherfctl.console import Console


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "meant"), [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False), ("yo\n", False)]
)
def test_only_yes_means_yes(monkeypatch: pytest.MonkeyPatch, typed: str, meant: bool) -> None:
    monkeypatch.setattr("sys.stdin", Screen(typed))
    out, err = io.StringIO(), Screen()
    assert Console(out, err, {}).ask("Do this?") is meant
    assert (out.getvalue(), err.getvalue()) == ("", "Do this? [y/N] ")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for stdin, err in ((io.StringIO("y\n"), Screen()), (Screen("y\n"), io.StringIO()), (None, Screen())):
        monkeypatch.setattr("sys.stdin", stdin)
        assert Console(io.StringIO(), err, {}).ask("Do this?") is None
        assert err.getvalue() == ""

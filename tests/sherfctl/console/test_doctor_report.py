from __future__ import annotations

import io
from typing import Any

import pytest

from checks import Diagnosis, Facts, Finding, Purpose, Severity
from checks.verdict import verdict
from sherfctl.console import Console
from sherfctl.console.doctor_report import show_report
from sherfctl.console.layout import printable
from sherfctl.console.steps import notebook_line
from tests.checks.corpus import machine


def finding(identifier: str, *fix: str, severity: Severity = Severity.BLOCK, **more: Any) -> Finding:
    return Finding(identifier, severity, "System", f"title of {identifier}", ("seen",), "It is so.", fix, **more)


def report(*findings: Finding, facts: Facts | None = None, **environment: str) -> list[str]:
    facts = facts or machine("cpu-laptop")
    diagnosis = Diagnosis(Purpose(), findings)
    stdout = io.StringIO()
    show_report(Console(stdout, io.StringIO(), environment), facts, diagnosis, verdict(facts, [diagnosis]))
    return stdout.getvalue().splitlines()


def steps(lines: list[str], identifier: str) -> list[str]:
    """The lines of a finding's fix."""
    start = next(number for number, line in enumerate(lines) if line.endswith(f"[{identifier}]"))
    rest = lines[start + 3 :]
    return rest[: next(number for number, line in enumerate(rest) if not line.startswith("    "))]


def test_commands_stand_on_lines_of_their_own() -> None:
    lines = report(finding("A.ONE", "first look", "$ cd 'a b' && make", "$ make test", "then go on"))
    assert steps(lines, "A.ONE") == [
        "    fix:  first look",
        "            cd 'a b' && make",
        "            make test",
        "          then go on",
    ]
    lines = report(finding("A.ONE", "$ make"))
    assert steps(lines, "A.ONE") == ["    fix:  run", "            make"]


def test_powershell_is_named() -> None:
    lines = report(finding("A.ONE", "PS> wsl --shutdown", "PS> wsl --update", "$ nvidia-smi"))
    assert steps(lines, "A.ONE") == [
        "    fix:  in PowerShell on Windows",
        "            wsl --shutdown",
        "            wsl --update",
        "          run",
        "            nvidia-smi",
    ]


def test_notebooks_get_cells() -> None:
    facts = machine("colab-t4")
    lines = report(finding("A.ONE", "$ pip install x", "in a cell: import os; os.environ['A'] = 'b: c'"), facts=facts)
    assert steps(lines, "A.ONE") == [
        "    fix:  in a cell",
        "            !pip install x",
        "            import os; os.environ['A'] = 'b: c'",
    ]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("ls -l", "!ls -l"),
        ("export A=1", "%env A=1"),
        ("cd data", "%cd data"),
        ("cd data && ls", "!cd data && ls"),
    ],
)
def test_what_a_notebooks_shell_would_forget_is_done_by_its_kernel(command: str, line: str) -> None:
    assert notebook_line(command) == line


def test_nothing_is_shown_twice() -> None:
    lines = report(
        finding("A.ONE", "$ make", "$ make test"),
        finding("A.TWO", "$ make", "$ make test"),
        finding("A.THREE", "$ make", "$ make clean"),
    )
    assert steps(lines, "A.TWO") == ["    fix:  as for A.ONE"]
    assert steps(lines, "A.THREE") == ["    fix:  the command of A.ONE, above", "            make clean"]


def test_the_parts_and_their_order() -> None:
    text = "\n".join(
        report(
            finding("A.ONE", "do it", link="https://example.org"),
            finding("A.TWO", "do it too", severity=Severity.WARN),
            finding("A.THREE", "no matter", severity=Severity.INFO),
            finding("A.FOUR", "later", silenced_by="A.ONE"),
            finding("A.FIVE", "no matter", severity=Severity.INFO, silenced_by="A.ONE"),
        )
    )
    parts = [
        "You cannot yet: evaluate on the demo data, because: title of A.ONE (A.ONE).",
        "To mend first (evaluate on the demo data)\n✗ title of A.ONE  [A.ONE]\n    seen\n    It is so.\n"
        "    fix:  do it\n"
        "    more: https://example.org",
        "Warnings (evaluate on the demo data)\n! title of A.TWO  [A.TWO]",
        "• title of A.FOUR  [A.FOUR], skipped: depends on A.ONE",
        "Checked\n✓ Python: 3.11.7",
        "Good to know (`sherfctl explain ID` says more)\n• title of A.THREE  [A.THREE]",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "A.FIVE" not in text
    assert "System:" not in text


def test_colour_only_where_it_is_wanted() -> None:
    one = finding("A.ONE", "do it")
    assert "\x1b" not in "".join(report(one))
    assert "\x1b[31m✗\x1b[0m title of A.ONE" in "\n".join(report(one, FORCE_COLOR="1"))
    assert "\x1b" not in "".join(report(one, FORCE_COLOR="1", NO_COLOR="1"))


def test_control_codes_are_shown_as_numbers() -> None:
    assert printable("a\x1b[2Jb\tc\x9bd é ✓") == "a\\x1b[2Jb\\x09c\\x9bd é ✓"

"""How the steps of a fix are shown: words, shell commands, PowerShell on the Windows side, cells of a notebook."""

from __future__ import annotations

import re

from sherfctl.console.console import Console
from sherfctl.console.layout import printable

SHELL, POWERSHELL = "$ ", "PS> "
FIX, RUN = "fix:", "run"
# Deeper than the words, so that a command is told from what leads to it.
COMMAND_INDENT = 12
CELL = re.compile(r"(?P<place>in a cell\b[^:]*): (?P<code>.+)")
# A notebook starts a new shell for each `!` line: these would be forgotten at once, so the kernel does them.
EXPORT = re.compile(r"export (\w+)=(.*)")
CHANGE_FOLDER = re.compile(r"cd ([^&;|]+)")


def notebook_line(command: str) -> str:
    """A shell command as a line of a notebook's cell."""
    export, change = EXPORT.fullmatch(command), CHANGE_FOLDER.fullmatch(command)
    if export:
        return f"%env {export[1]}={export[2]}"
    return f"%cd {change[1]}" if change else f"!{command}"


class ShownSteps:
    """Shows fixes one after the other; what was shown with an earlier finding is not shown again.

    Args:
        notebook: whether shell commands are shown as cells of a notebook.
    """

    def __init__(self, notebook: bool = False) -> None:
        self.notebook = notebook
        self.fixes: dict[tuple[str, ...], str] = {}
        self.commands: dict[str, str] = {}

    def show(self, console: Console, identifier: str, steps: tuple[str, ...]) -> None:
        """The steps of one finding's fix."""
        if steps in self.fixes:
            console.fields([(FIX, f"as for {self.fixes[steps]}")], indent=4)
            return
        self.fixes[steps] = identifier
        label, place_before, words = FIX, "", ""
        for step in steps:
            place, command = self._command(step)
            if not command:
                words = step
                console.fields([(label, printable(step))], indent=4)
            elif command in self.commands:
                console.fields([(label, f"the command of {self.commands[command]}, above")], indent=4)
            else:
                # After words that lead to it, a shell command needs no announcement; nor one for a named PowerShell.
                announced = label != FIX and (place == (place_before or RUN) or "PowerShell" in words)
                if not announced:
                    console.fields([(label, place)], indent=4)
                self.commands[command] = identifier
                console.command(command, indent=COMMAND_INDENT)
                words = ""
            label, place_before = " " * len(FIX), place

    def _command(self, step: str) -> tuple[str, str]:
        """Where a command is given, and the command as it is typed there; both empty for a step in words."""
        cell = CELL.fullmatch(step)
        if cell:
            return cell["place"], printable(cell["code"])
        if step.startswith(POWERSHELL):
            return "in PowerShell on Windows", printable(step.removeprefix(POWERSHELL))
        if not step.startswith(SHELL):
            return "", ""
        lines = [printable(line) for line in step.removeprefix(SHELL).splitlines()]
        if self.notebook:
            return "in a cell", "\n".join(notebook_line(line) for line in lines)
        return RUN, "\n".join(lines)

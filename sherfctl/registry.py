"""Which commands there are, and the lazy group that imports a command's file only when it is called."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

HelpFormatter: Any = typer.Context.formatter_class
NARROW, NARROW_COLUMN = 60, 6
"""Columns: of a terminal that counts as narrow, and of the names in its help."""


@dataclass(frozen=True)
class CommandEntry:
    """A command: its words, where its function is, and the line that help shows for it."""

    words: tuple[str, ...]
    module: str
    function: str
    summary: str


GROUPS = {
    "run": "Run a job: training, evaluation.",
    "data": "Bring your own pictures: check them, write an example.",
    "profiles": "List, show and check launch profiles, or make one from a published command.",
}

COMMANDS = (
    CommandEntry(
        ("doctor",), "sherfctl.commands.doctor", "doctor", "Say what this machine can run, what not, and what mends it."
    ),
    CommandEntry(("explain",), "sherfctl.commands.explain", "explain", "Say what an error message or a log means."),
    CommandEntry(
        ("run", "eval"),
        "sherfctl.commands.run_eval",
        "run_eval",
        "Make new views and poses from one picture.",
    ),
    CommandEntry(
        ("run", "train"),
        "sherfctl.commands.run_train",
        "run_train",
        "Train the model by the published recipe.",
    ),
    CommandEntry(
        ("make-people",),
        "sherfctl.commands.make_people",
        "make_people",
        "Write a data set of synthetic clothed people, free to use.",
    ),
    CommandEntry(
        ("data", "check"), "sherfctl.commands.data_check", "data_check", "Check your own data: every problem at once."
    ),
    CommandEntry(
        ("data", "example"), "sherfctl.commands.data_check", "data_example", "Write an example of own data to imitate."
    ),
    CommandEntry(
        ("fetch-assets",),
        "sherfctl.commands.fetch_assets",
        "fetch_assets",
        "Fetch the SMPL body, SHERF weights and data; check them.",
    ),
    CommandEntry(
        ("convert",),
        "sherfctl.commands.convert",
        "convert",
        "Turn published pickles into plain files.",
    ),
    CommandEntry(("profiles", "list"), "sherfctl.commands.profiles", "list_profiles", "List the launch profiles."),
    CommandEntry(
        ("profiles", "show"),
        "sherfctl.commands.profiles",
        "show_profile",
        "Show a profile and what it becomes on this machine.",
    ),
    CommandEntry(
        ("profiles", "validate"),
        "sherfctl.commands.profiles",
        "validate_profiles",
        "Check profile files: every problem with its line.",
    ),
    CommandEntry(
        ("profiles", "from-command"),
        "sherfctl.commands.profiles",
        "from_command",
        "Turn a published train.py command into a profile.",
    ),
)


class HelpContext(typer.Context):
    """Help that stays readable in narrow terminals: names on lines of their own, what they mean below them."""

    class Formatter(HelpFormatter):
        """Definition lists with a narrow first column where there is little room."""

        def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
            """Write names and what they mean."""
            super().write_dl(rows, col_max if self.width >= NARROW else NARROW_COLUMN, col_spacing)

    formatter_class = Formatter


class Command(TyperCommand):
    """A command with that help."""

    context_class = HelpContext


class LazyCommand(TyperCommand):
    """Stands for a command in help texts; `load` imports the real one."""

    def __init__(self, entry: CommandEntry) -> None:
        super().__init__(entry.words[-1], help=entry.summary, rich_markup_mode=None)
        self.entry = entry

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole summary: help wraps it, nothing is cut."""
        return self.entry.summary

    def load(self) -> Any:
        """Import the command's file and build the command from its function's signature."""
        function = getattr(importlib.import_module(self.entry.module), self.entry.function)
        application = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        application.command(self.entry.words[-1], cls=Command)(function)
        return typer.main.get_command(application)


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called, not when help lists them."""

    context_class = HelpContext

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole summary: help wraps it, nothing is cut."""
        return self.help or ""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments call, and load it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest


def build_group(root: LazyGroup, entries: tuple[CommandEntry, ...] = COMMANDS) -> LazyGroup:
    """Hang all commands below `root`."""
    for entry in entries:
        parent = root
        for word in entry.words[:-1]:
            if word not in parent.commands:
                subgroup = LazyGroup(name=word, help=GROUPS[word], no_args_is_help=True, rich_markup_mode=None)
                parent.add_command(subgroup, word)
            parent = parent.commands[word]  # type: ignore[assignment]
        parent.add_command(LazyCommand(entry), entry.words[-1])
    return root

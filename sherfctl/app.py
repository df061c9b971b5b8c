"""The program: reads the command line, starts one command, and turns every ending into an exit status."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TextIO

import typer

from sherfctl import __version__
from sherfctl.console import Console, console_of
from sherfctl.exit_codes import ExitCode
from sherfctl.failures import failure_of, save_traceback
from sherfctl.registry import LazyGroup, build_group

# The base of every complaint about the command line, whichever package of typer's holds it.
UsageError: Any = typer.BadParameter.__bases__[0]


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        console_of(context).say(f"sherfctl {__version__}")
        raise typer.Exit(ExitCode.FINE)


def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """New views and poses of a person from one image: check this machine, make data, evaluate."""


def build() -> LazyGroup:
    """The command line, with no command imported yet."""
    application = typer.Typer(
        cls=LazyGroup, callback=_root, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    root = typer.main.get_command(application)
    if not isinstance(root, LazyGroup):
        raise TypeError("typer did not use the lazy group")
    return build_group(root)


def run(
    arguments: Sequence[str],
    *,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run one command line and return its exit status; never raises.

    Args:
        arguments: the words after `sherfctl`.
        stdout: where results go, default the process's standard output.
        stderr: where news and errors go, default the process's standard error.
        environment: environment variables that decide the presentation, default the process's.
    """
    environment = os.environ if environment is None else environment
    console = Console(stdout, stderr, environment)
    words = list(arguments) or ["--help"]
    with contextlib.redirect_stdout(console.out.stream), contextlib.redirect_stderr(console.err.stream):
        try:
            status = _start(words, console, environment)
        except BrokenPipeError:
            status = ExitCode.FAILED
        except KeyboardInterrupt:
            status = ExitCode.INTERRUPTED
        if status == ExitCode.INTERRUPTED:
            with contextlib.suppress(BrokenPipeError):
                console.note("interrupted")
        try:
            console.out.stream.flush()
        except BrokenPipeError:
            _silence(console.out.stream)  # its reader went away, which is no finding: the status stands
    return int(status)


def main() -> int:
    """The entry point of the installed `sherfctl`."""
    return run(sys.argv[1:])


def _start(words: list[str], console: Console, environment: Mapping[str, str]) -> int:
    try:
        result = build().main(
            args=words, prog_name="sherfctl", standalone_mode=False, obj=console, terminal_width=console.out.width
        )
        return int(result) if isinstance(result, int) else ExitCode.FINE
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except UsageError as error:
        return _usage(error, words, console)
    except Exception as error:
        return _failed(error, words, console, environment)


def _usage(error: Any, words: list[str], console: Console) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        console.note(error.format_message())
        return ExitCode.USAGE
    console.use_json("--json" in words)
    fix = f"see `{error.ctx.command_path} --help`" if getattr(error, "ctx", None) is not None else ""
    found = error.format_message().replace("Value error, ", "")
    return _report(console, "UsageError", {"found": found, "fix": fix}, ExitCode.USAGE)


def _failed(error: Exception, words: list[str], console: Console, environment: Mapping[str, str]) -> int:
    # A command whose own imports fail has not read its options yet.
    console.use_json(console.json_mode or "--json" in words)
    failure = failure_of(error)
    if failure is not None:
        fields = {name: value or "" for name, value in failure.as_dict().items() if name not in {"type", "path"}}
        return _report(console, failure.type, fields, ExitCode.FAILED, path=failure.path)
    saved = save_traceback(error, words, environment)
    if saved is None:
        console.err.write("".join(traceback.format_exception(error)))
    summary = f"a defect in sherfctl: {type(error).__name__}: {error}"
    fix = f"please report it with the traceback in {saved}" if saved else "please report it with the traceback above"
    return _report(console, type(error).__name__, {"found": summary, "fix": fix}, ExitCode.INTERNAL)


def _report(console: Console, kind: str, fields: dict[str, str], status: ExitCode, path: str | None = None) -> int:
    if console.json_mode:
        console.document({"error": {"type": kind, "expected": "", "code": "", **fields, "path": path}})
    console.error(**fields)
    return status


def _silence(stream: TextIO) -> None:
    """After a reader went away (`| head`): let the interpreter's last flush go nowhere instead of failing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

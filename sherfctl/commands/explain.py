"""`sherfctl explain`: what an error message, a log, or an id of the doctor means, and what mends it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from sherfctl.console import console_of
from sherfctl.exit_codes import ExitCode

STANDARD_INPUT = "-"
# Words that can only have been meant as a file's name.
_FILE_NAME = re.compile(r"\S*(?:\.(?:log|txt|out|err)|/)|(?:\.{0,2}|~)/\S+")


def explain(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ID | TEXT | FILE | -",
            help="An id (SMPL.HTML), a group of them (SMPL), an error message, a log file, or - for standard input.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Say what an error message or a log means, and what mends it. It looks at the text only, not at this machine."""
    from checks.explain import Explained, Explanation, close_ids, explain, named
    from sherf_core.errors import SherfError
    from sherfctl.console.explain_report import explanation_document, show_explanation

    console = console_of(context)
    console.use_json(as_json)
    entries = named(words[0]) if len(words) == 1 else ()
    suggestions: tuple[str, ...] = ()
    if entries:
        explanation = Explanation(tuple(Explained(entry) for entry in entries))
    else:
        explanation = explain(_parts(words))
        if not explanation.findings:
            suggestions = close_ids(" ".join(words))
    if not entries and not explanation.characters:
        raise SherfError("there is nothing to explain: the text is empty", fix="give an error message or a log")
    if as_json:
        console.document(explanation_document(explanation))
    else:
        show_explanation(console, explanation, suggestions)
    return ExitCode.FINE if explanation.findings else ExitCode.FAILED


def _parts(words: list[str]) -> Iterator[str]:
    """The text to explain, in parts: standard input, a file's content, or the words themselves."""
    if words == [STANDARD_INPUT]:
        yield from _decoded(sys.stdin.buffer, "standard input")
        return
    if len(words) == 1 and words[0].strip() and _is_path(words[0]):
        path = Path(words[0]).expanduser()
        with path.open("rb") as stream:
            yield from _decoded(stream, str(path))
        return
    yield " ".join(words)


def _is_path(word: str) -> bool:
    try:
        return Path(word).expanduser().exists() or bool(_FILE_NAME.fullmatch(word))
    except (OSError, ValueError, RuntimeError):
        return False  # a long text, or one with a NUL, is no name of a file


def _decoded(stream: BinaryIO, name: str) -> Iterator[str]:
    from checks.explain.text import NotTextError, decoded
    from sherf_core.errors import SherfError

    try:
        yield from decoded(stream)
    except NotTextError:
        raise SherfError(
            f"{name} is no text: it holds binary data",
            expected="an error message or a log",
            fix="for body files, weights and data sets ask `sherfctl doctor`",
        ) from None

"""`sherfctl convert`: published pickles as plain files, without running anything of theirs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from sherfctl.console import Status, console_of
from sherfctl.exit_codes import ExitCode


class NetworkName(str, Enum):
    """Which weights of a published checkpoint."""

    G = "G"
    G_EMA = "G_ema"


def convert(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="SHERF_*.pkl, or a body: SMPL_NEUTRAL.pkl.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The new file [default: beside FILE, .safetensors or .npz]."),
    ] = None,
    which: Annotated[
        NetworkName | None,
        typer.Option(case_sensitive=False, help="Checkpoints: the raw weights G [default], or their average G_ema."),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Checkpoints: 16 bits a number, half the size.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Take the place of a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Turn a published pickle into a plain file: weights into .safetensors, an SMPL body into .npz.

    Pickles are read without running them. `run eval --checkpoint` does this by itself, once, into a cache.
    """
    from sherf_core.body.convert import convert_body
    from sherf_core.errors import ConfigurationError
    from sherf_core.io.convert import convert_checkpoint, is_checkpoint
    from sherfctl.console.layout import size

    console = console_of(context)
    console.use_json(as_json)
    _require_source(source)
    checkpoint = is_checkpoint(source)
    if not checkpoint and (which or half):
        raise ConfigurationError(
            f"{source} is no checkpoint: --which and --half are for those",
            expected="a SHERF_*.pkl of the published code",
            fix="leave them out to convert a body",
        )
    network = (which or NetworkName.G).value
    ending = ".safetensors" if checkpoint else ".npz"
    target = out or source.with_suffix(ending)
    _require_target(target, ending, "a checkpoint" if checkpoint else "a body")
    if target.exists() and (not overwrite or target.samefile(source)):
        fix = "name another file with --out" + ("" if target.samefile(source) else ", or say --overwrite")
        raise ConfigurationError(f"{target} is there already", fix=fix, path=target)
    if checkpoint:
        made = convert_checkpoint(source, target, which=network, half=half)
        words = f"{made.tensors} tensors of {network}{' in 16 bits' if half else ''}"
    else:
        names = convert_body(source, target)
        words = f"the body's arrays {', '.join(names)}"
    count = target.stat().st_size
    console.item(Status.PASS, f"{target} ({size(count)}): {words}")
    if checkpoint:
        console.command(f"sherfctl run eval --checkpoint {target}")
    if as_json:
        kind = "checkpoint" if checkpoint else "body"
        document = {"kind": kind, "source": str(source), "out": str(target), "bytes": count}
        console.document({**document, "network": network if checkpoint else None})
    return ExitCode.FINE


def _require_source(source: Path) -> None:
    """See that there is a file that can be converted."""
    from sherf_core.errors import ConfigurationError
    from sherf_core.io.sniff import FileKind, sniff

    facts = sniff(source)
    if facts.kind is FileKind.MISSING:
        raise ConfigurationError(f"{source} is not there", fix="check the path", path=source)
    if facts.kind is FileKind.UNREADABLE:
        raise ConfigurationError(
            f"{source} cannot be read: {facts.detail}",
            expected="a SHERF_*.pkl, or a body: SMPL_NEUTRAL.pkl",
            fix="name the file itself, and check its permissions",
            path=source,
        )
    if facts.kind is FileKind.SAFETENSORS:
        raise ConfigurationError(
            f"{source} is a plain file already: there is nothing to convert",
            expected="a pickle",
            fix="use it as it is",
            path=source,
        )


def _require_target(target: Path, ending: str, what: str) -> None:
    """See that the new file's name is one of a file of its kind."""
    from sherf_core.errors import ConfigurationError

    if target.is_dir():
        fix = f"name the file: --out {target / ('NAME' + ending)}"
        raise ConfigurationError(f"{target} is a folder", expected="a file to write", fix=fix, path=target)
    if target.suffix.lower() != ending:
        raise ConfigurationError(
            f"{what} becomes a {ending} file, and {target.name} is named otherwise",
            expected=f"a name that ends in {ending}",
            fix=f"--out {target.with_suffix(ending)}",
            path=target,
        )

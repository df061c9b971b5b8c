"""`sherfctl profiles list|show|validate|from-command`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sherfctl.console import Console, Status, console_of
from sherfctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from profiles import ResolvedProfile
    from profiles.translation import Translation

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
HEADINGS = {"wrong": "Wrong with the command", "differs": "Different here", "ignored": "Without a part here"}
MARKS = {"wrong": Status.WARN, "differs": Status.INFO, "ignored": Status.INFO}


def list_profiles(context: typer.Context, as_json: Json = False) -> ExitCode:
    """List the launch profiles: those that ship, and your own in ~/.config/sherfctl/profiles."""
    from profiles.store import AUTO, profile_entries, read_file
    from sherf_core.errors import ConfigurationError

    console = console_of(context)
    console.use_json(as_json)
    rows = [(AUTO, "", "", "Made for this machine from what is found (the default)")]
    document: list[dict[str, Any]] = []
    broken = []
    for entry in profile_entries():
        whose = "yours" if entry.owner == "yours" else ""
        described: dict[str, Any] = {"owner": entry.owner, "file": str(entry.path), "hides": entry.hides}
        try:
            profile = read_file(entry.path)
        except ConfigurationError as error:
            broken.append(entry.path)
            rows.append((entry.name, "?", whose, "broken: see `sherfctl profiles validate`"))
            document.append({**described, "name": entry.name, "error": error.found})
            continue
        hides = " (in place of the one that ships)" if entry.hides else ""
        devices = f"{profile.gpu_count} GPU{'s' if profile.gpu_count > 1 else ''}" if profile.gpu_count else "CPU"
        rows.append((entry.name, devices, whose, f"{profile.summary}{hides}"))
        document.append({**described, **profile.model_dump(mode="json"), "name": entry.name, "error": None})
    if as_json:
        console.document({"profiles": document})
        return ExitCode.FINE
    console.table(("name", "uses", "whose", "for"), rows)
    for path in broken:
        console.warn(f"{path} is broken: `sherfctl profiles validate {path}` says why")
    return ExitCode.FINE


def show_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A profile's name, auto, or a path to a .yaml file.")] = "auto",
    why: Annotated[bool, typer.Option("--why", help="Say where each value comes from.")] = False,
    as_json: Json = False,
) -> ExitCode:
    """Show a profile's own values, and what this machine makes of them; with --why what is used here."""
    from checks import machine_facts
    from profiles import UnknownProfileError, load_profile, resolve_profile

    console = console_of(context)
    console.use_json(as_json)
    try:
        here = resolve_profile(name, machine_facts())
    except UnknownProfileError as error:
        raise unknown_profile(error) from error
    own = here
    if here.file is not None:
        from profiles.store import find_profile

        own = replace(here, profile=load_profile(name), file=find_profile(name).path, reasons={})
    if as_json:
        console.document({"profile": own.as_dict(), "here": here.as_dict()})
        return ExitCode.FINE
    if why:
        for field, value in fields_of(here):
            console.fields([(f"{field}:", value)])
            console.say(reason_of(here, field), indent=4)
    else:
        console.fields(fields_of(own))
    if here.other_machine:
        console.item(Status.WARN, here.other_machine)
    for note in here.notes if why else (*here.notes, *_changes(own, here)):
        console.item(Status.INFO, note)
    return ExitCode.FINE


def _changes(own: ResolvedProfile, here: ResolvedProfile) -> list[str]:
    """What this machine makes of single values, where the notes do not say so already."""
    if here.file is None or here.profile.device != own.profile.device:
        return []
    said, used = dict(fields_of(own)), dict(fields_of(here))
    told = " ".join(here.notes)
    changes = []
    for field, reason in here.reasons.items():
        if reason.partition(" (the profile says")[0] not in told:
            value = f"{used[field]} is used here, " if said.get(field) != used.get(field) else ""
            changes.append(f"{field}: {value}{reason}")
    return changes


def validate_profiles(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Profile files.")],
    as_json: Json = False,
) -> ExitCode:
    """Check profile files; every problem is named with its line and field."""
    from profiles.complaints import ProfileFileError
    from profiles.store import read_file
    from sherf_core.errors import ConfigurationError

    console = console_of(context)
    console.use_json(as_json)
    results: list[dict[str, Any]] = []
    for path in files:
        problems: list[dict[str, Any]] = []
        try:
            read_file(path)
        except ProfileFileError as error:
            problems = [dict(vars(complaint)) for complaint in error.complaints]
        except ConfigurationError as error:
            problems = [{"line": None, "field": "", "message": error.found}]
        results.append({"file": str(path), "valid": not problems, "problems": problems})
        if not problems:
            console.item(Status.PASS, f"{path}: valid")
        for problem in problems:
            place = f"{path}:{problem['line']}" if problem["line"] else str(path)
            field = f"{problem['field']}: " if problem["field"] else ""
            console.item(Status.FAIL, f"{place}: {field}{problem['message']}")
    valid = all(result["valid"] for result in results)
    if as_json:
        console.document({"valid": valid, "files": results})
    return ExitCode.FINE if valid else ExitCode.FAILED


def from_command(
    context: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="A published command line, in quotes; - reads it.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write the profile there, not on standard output."),
    ] = None,
    as_json: Json = False,
) -> ExitCode:
    """Turn a published `python train.py …` command into a profile, and say what was wrong with it."""
    from checks import machine_facts
    from profiles.translation import translate

    console = console_of(context)
    console.use_json(as_json)
    text = _pasted(command)
    translation = translate(text, machine_facts())
    yaml = _yaml_of(translation)
    if out is not None:
        _write(out, yaml)
    if as_json:
        console.document(
            {
                "action": translation.action,
                "dataset": translation.dataset,
                "command": translation.command,
                "profile": translation.profile.model_dump(mode="json"),
                "yaml": yaml,
                "remarks": [dict(vars(remark)) for remark in translation.remarks],
                "file": None if out is None else str(out),
            }
        )
        return ExitCode.FINE
    if out is None:
        console.command(yaml.rstrip("\n"), indent=0)
    _tell(console, translation)
    if out is not None:
        console.note(f"the profile is in {out}")
    return ExitCode.FINE


def fields_of(resolved: ResolvedProfile) -> list[tuple[str, str]]:
    """A profile's values by dotted field, as text; what is not set is left out."""
    values: list[tuple[str, str]] = [("profile", resolved.name)]
    if resolved.file is not None:
        values.append(("file", str(resolved.file)))

    def walk(section: dict[str, Any], prefix: str) -> None:
        for name, value in section.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")
            elif value not in (None, "", []):
                shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                values.append((f"{prefix}{name}", shown))

    walk(resolved.profile.model_dump(mode="json", exclude={"name"}), "")
    return values


def reason_of(resolved: ResolvedProfile, field: str) -> str:
    """Where a value comes from."""
    if field in {"profile", "file"}:
        return f"asked for: {resolved.requested}"
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        reason = resolved.reasons.get(".".join(parts[:length]))
        if reason:
            return reason
    section: Any = resolved.profile
    for part in parts:
        if section is None or part not in section.model_fields_set:
            return "the default"
        section = getattr(section, part)
    return "for the reader" if resolved.file is None else f"written in {resolved.file.name}"


def unknown_profile(error: Any) -> typer.BadParameter:
    """A wrong profile name is a mistake on the command line."""
    hint = f" (did you mean {error.fix.removeprefix('--profile ')}?)" if error.fix.startswith("--profile") else ""
    return typer.BadParameter(f"{error.found}{hint}; there are {error.expected.removeprefix('one of ')}")


def _pasted(words: list[str]) -> str:
    if words == ["-"]:
        return typer.get_text_stream("stdin").read()
    # One quoted argument is the usual way; a command that was not quoted comes as its words.
    import shlex

    return words[0] if len(words) == 1 else shlex.join(words)


def _yaml_of(translation: Translation) -> str:
    from profiles.written import profile_text

    heading = "Made by `sherfctl profiles from-command` from a published command line."
    if translation.command:
        heading += " What it did is done by:"
    return profile_text(translation.profile, {}, heading, translation.command)


def _write(path: Path, text: str) -> None:
    from sherf_core.errors import ConfigurationError
    from sherf_core.io.atomic import atomic_write

    if path.exists():
        raise ConfigurationError(
            f"there is a file {path} already, which is not replaced",
            fix="name another file, or remove that one first",
            path=path,
        )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _tell(console: Console, translation: Translation) -> None:
    """What became of the command: news, so that standard output is the profile alone."""
    for kind, heading in HEADINGS.items():
        remarks = [remark for remark in translation.remarks if remark.kind == kind]
        if not remarks:
            continue
        console.note(f"{heading}:")
        for remark in remarks:
            option = f"--{remark.option}: " if remark.option else ""
            code = f" [{remark.code}]" if remark.code else ""
            console.note(f"  {MARKS[remark.kind].mark} {option}{remark.text}{code}")
    if translation.command:
        console.note("The command that does it here:")
        console.note_command(f"    {translation.command}")

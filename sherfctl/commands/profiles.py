"""`sherfctl profiles list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from sherfctl.console import Status, console_of
from sherfctl.exit_codes import ExitCode


def list_profiles(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """List the launch profiles."""
    from profiles.store import AUTO, load_profile, profile_names

    console = console_of(context)
    console.use_json(as_json)
    shipped = [load_profile(name) for name in profile_names() if name != AUTO]
    if as_json:
        console.document({"profiles": [profile.model_dump() for profile in shipped]})
        return ExitCode.FINE
    rows = [(AUTO, "", "The one of these that suits this machine (the default)")]
    rows += [(profile.name, profile.device, profile.summary) for profile in shipped]
    console.table(("name", "device", "for"), rows)
    return ExitCode.FINE


def show_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A profile's name, auto, or a path to a .yaml file.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> ExitCode:
    """Show what a profile becomes on this machine."""
    from checks import machine_facts
    from profiles.resolver import resolve_profile

    console = console_of(context)
    console.use_json(as_json)
    resolved = resolve_profile(name, machine_facts())
    if as_json:
        console.document({"profile": resolved.as_dict()})
        return ExitCode.FINE
    values = resolved.as_dict()
    console.fields((field, str(value)) for field, value in values.items() if field != "notes")
    for note in resolved.notes:
        console.item(Status.INFO, note)
    return ExitCode.FINE

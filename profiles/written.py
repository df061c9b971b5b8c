"""Profiles as YAML text with the reasons as comments, and the writing of one for this machine."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checks.facts.records import Facts
from checks.purpose import Purpose
from profiles.derive import derive
from profiles.schema import Profile
from sherf_core.errors import ConfigurationError
from sherf_core.io.atomic import atomic_write

WIDTH = 100
# Written even where they are the schema's own defaults: a reader wants to see them.
ALWAYS = ("name", "summary", "device", "gpus", "launcher", "evaluation", "training")


def profile_text(profile: Profile, reasons: Mapping[str, str], heading: str, command: str = "") -> str:
    """A profile as a YAML file.

    Args:
        profile: what is written; parts that only repeat the defaults are left out.
        reasons: comments, by dotted field.
        heading: sentences for the top of the file.
        command: a command below them, in one line however long it is.
    """
    document = profile.model_dump(mode="json", exclude_none=True)
    defaults = profile.model_dump(mode="json", exclude_defaults=True)
    kept = {name: value for name, value in document.items() if name in ALWAYS or name in defaults}
    if "needs" in kept:
        kept["needs"] = defaults["needs"]
    below = [f"#     {' '.join(command.split())}"] if command else []
    return "\n".join([*_comment(heading, ""), *below, *_lines(kept, reasons, "", "")]) + "\n"


def write_profile(path: Path, facts: Facts, purpose: Purpose | None = None) -> Profile:
    """Write the profile that suits this machine, with the reason of each value as a comment.

    Raises:
        ConfigurationError: there is a file of that name already; it is not replaced.
    """
    path = Path(path).expanduser()
    if path.exists() or path.is_symlink():
        raise ConfigurationError(
            f"there is a file {path} already, which is not replaced",
            fix="name another file, or remove that one first",
            path=path,
        )
    profile, reasons = derive(facts, purpose)
    heading = (
        f"A launch profile for one machine, made by `sherfctl doctor --write-profile`. Use it with --profile {path}, "
        "or put it into ~/.config/sherfctl/profiles/ and use it by its file's name."
    )
    text = profile_text(profile, reasons, heading)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return profile


def _lines(values: Mapping[str, Any], reasons: Mapping[str, str], prefix: str, indent: str) -> Iterator[str]:
    for name, value in values.items():
        field = f"{prefix}{name}"
        if field in reasons:
            yield from _comment(reasons[field], indent)
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, reasons, f"{field}.", f"{indent}  ")
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _scalar(value: Any) -> str:
    # JSON is YAML: quotes where text could be read as something else, plain where it cannot.
    if isinstance(value, str) and value.replace("-", "").isalnum() and value[0].isalpha() and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    return text.lower() not in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}

"""Finds and reads profile files; what is wrong in one is said with file and field."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import ValidationError

from profiles.schema import Profile
from sherf_core.errors import ConfigurationError

FOLDER = Path(__file__).parent
AUTO = "auto"
EXAMPLE = FOLDER / "cpu.yaml"


def profile_names() -> list[str]:
    """The shipped profiles' names, and `auto`."""
    return [AUTO, *sorted(path.stem for path in FOLDER.glob("*.yaml"))]


def load_profile(name: str | Path) -> Profile:
    """The profile of that name, or the one in that file.

    Raises:
        ConfigurationError: there is no such profile, or its file is wrong: which file and which field.
    """
    text = str(name)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return _read(Path(text).expanduser())
    path = FOLDER / f"{text}.yaml"
    if text not in profile_names() or text == AUTO:
        near = difflib.get_close_matches(text, profile_names(), n=1)
        raise ConfigurationError(
            f"there is no profile {text!r}",
            expected=f"one of {', '.join(profile_names())}, or a path to a .yaml file",
            fix=f"--profile {near[0]}" if near else "see `sherfctl profiles list`",
        )
    return _read(path)


def _read(path: Path) -> Profile:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"profile {path} cannot be read: {error}", fix="check the path", path=path) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"profile {path} is not YAML: {error}", fix="mend that line", path=path) from error
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"profile {path} is not a mapping",
            expected="lines of `field: value`",
            fix=f"start from a copy of a profile that ships: {EXAMPLE}",
            path=path,
        )
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        found = "; ".join(_complaint(item["loc"], item["msg"]) for item in error.errors())
        fields = ", ".join(Profile.model_fields)
        raise ConfigurationError(
            f"profile {path}: {found}",
            expected=f"the fields {fields}",
            fix=f"mend or remove what is named; for an example see {EXAMPLE}",
            path=path,
        ) from error


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in location)
    return f"{field}: {message}" if field else message.removeprefix("Value error, ")

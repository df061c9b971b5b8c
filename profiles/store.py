"""Finds and reads profile files: those that ship, the user's own, and any file that is named."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from profiles.complaints import Complaint, ProfileFileError, read_profile
from profiles.schema import Profile
from profiles.yaml_lines import read_document
from sherf_core.errors import ConfigurationError

FOLDER = Path(__file__).parent
AUTO = "auto"
EXAMPLE = FOLDER / "cpu.yaml"
SUFFIXES = (".yaml", ".yml")


class UnknownProfileError(ConfigurationError):
    """There is no profile of that name."""


@dataclass(frozen=True)
class Entry:
    """A profile that can be named.

    Args:
        name: its name on the command line: the file's, without `.yaml`.
        path: its file.
        owner: whether it ships or is the user's.
        hides: whether it is the user's and takes the place of one that ships.
    """

    name: str
    path: Path
    owner: Literal["shipped", "yours"]
    hides: bool = False


def user_folder() -> Path | None:
    """Where the user's own profiles lie, whether or not the folder is there; None without a home folder."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path counts as not set.
    if configured and Path(configured).is_absolute():
        return Path(configured) / "sherfctl" / "profiles"
    try:
        return Path.home() / ".config" / "sherfctl" / "profiles"
    except RuntimeError:
        return None


def profile_entries() -> list[Entry]:
    """All profiles that can be named, by name; a user's own comes before one that ships under the same name."""
    shipped = {path.stem: path for path in FOLDER.glob("*.yaml")}
    entries = {name: Entry(name, path, "shipped") for name, path in shipped.items()}
    for path in _user_files():
        entries[path.stem] = Entry(path.stem, path, "yours", hides=path.stem in shipped)
    return [entries[name] for name in sorted(entries)]


def profile_names() -> list[str]:
    """`auto` and the names of all profiles."""
    return [AUTO, *(entry.name for entry in profile_entries())]


def find_profile(name: str | Path) -> Entry:
    """The profile of that name, or the one in that file.

    Raises:
        UnknownProfileError: there is no such name.
    """
    text = str(name)
    if text.endswith(SUFFIXES) or "/" in text or os.sep in text:
        path = Path(text).expanduser()
        return Entry(path.stem, path, "yours")
    entries = {entry.name: entry for entry in profile_entries()}
    if text not in entries:
        names = [AUTO, *entries]
        near = difflib.get_close_matches(text, names, n=1)
        raise UnknownProfileError(
            f"there is no profile {text!r}",
            expected=f"one of {', '.join(names)}, or a path to a .yaml file",
            fix=f"--profile {near[0]}" if near else "see `sherfctl profiles list`",
        )
    return entries[text]


def load_profile(name: str | Path) -> Profile:
    """The profile of that name, or the one in that file.

    Raises:
        UnknownProfileError: there is no such name.
        ProfileFileError: its file is wrong: every problem with its line and field.
        ConfigurationError: its file cannot be read.
    """
    return read_file(find_profile(name).path)


def read_file(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        ProfileFileError: the file is wrong: every problem with its line and field.
        ConfigurationError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"profile {path} cannot be read: {error}", fix="check the path", path=path) from error
    try:
        document = read_document(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        words = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ProfileFileError(path, [Complaint(line, "", f"it is not YAML: {words}")], EXAMPLE) from error
    profile, complaints = read_profile(document)
    if profile is None:
        raise ProfileFileError(path, complaints, EXAMPLE)
    return profile


def _user_files() -> list[Path]:
    folder = user_folder()
    try:
        files = sorted(folder.iterdir()) if folder is not None else []
    except OSError:
        return []
    # `auto` always looks at the machine.
    return [path for path in files if path.suffix in SUFFIXES and path.stem != AUTO and not path.name.startswith(".")]

"""What is wrong in a profile file: every problem at once, each with its line and field."""

from __future__ import annotations

import difflib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from profiles.schema import ImpossibleCombination, Profile
from profiles.yaml_lines import Document
from sherf_core.errors import ConfigurationError


@dataclass(frozen=True)
class Complaint:
    """One problem.

    Args:
        line: of the file, counted from 1.
        field: dotted, "" for the file as a whole.
        message: what is wrong with it, and what would be right.
    """

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class ProfileFileError(ConfigurationError):
    """A profile file is wrong; `complaints` are all its problems."""

    def __init__(self, path: Path, complaints: list[Complaint], example: Path) -> None:
        self.complaints = tuple(complaints)
        problems = "a problem" if len(complaints) == 1 else f"{len(complaints)} problems"
        found = "\n".join([f"profile {path} has {problems}", *(f"{path}:{one.line}: {one}" for one in complaints)])
        super().__init__(found, fix=f"mend what is named; an example is {example}", path=path)


def read_profile(document: Document) -> tuple[Profile | None, list[Complaint]]:
    """The profile in a document, or everything that is wrong with it."""
    complaints = [
        Complaint(document.line(field), _dotted(field), "is there twice; keep one") for field in document.twice
    ]
    if not isinstance(document.content, dict):
        return None, [Complaint(1, "", "it is not a mapping: lines of `field: value` are expected")]
    profile = None
    try:
        profile = Profile.model_validate(document.content)
    except ValidationError as error:
        for details in error.errors():
            complaints += _complaints(details, document)
    complaints.sort(key=lambda complaint: complaint.line)
    return (None if complaints else profile), complaints


def _complaints(details: ErrorDetails, document: Document) -> list[Complaint]:
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, ImpossibleCombination):
        return [Complaint(document.line(tuple(field.split("."))), field, message) for field, message in cause.problems]
    field = details["loc"]
    return [Complaint(document.line(field), _dotted(field), _message(details))]


def _message(details: ErrorDetails) -> str:
    field, kind = details["loc"], details["type"]
    if kind == "extra_forbidden":
        return _unknown(field)
    if kind == "missing":
        return f"is missing: {_description(field)}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "a section is expected here: indented lines of `field: value`"
    words = details["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return words
    return f"{words[:1].lower()}{words[1:]}, not {_shown(details['input'])}"


def _unknown(field: tuple[str | int, ...]) -> str:
    section = _section(field[:-1])
    names = list(section.model_fields) if section is not None else []
    # Perhaps it belongs into a section, or out of one.
    holders: list[tuple[str, type[BaseModel]]] = [("", Profile), *_sections()]
    for place, holder in holders:
        if str(field[-1]) in holder.model_fields:
            return f"there is no such field here; it belongs {f'into the section {place}' if place else 'at the top'}"
    near = difflib.get_close_matches(str(field[-1]), names, n=1)
    if near:
        return f"there is no such field; did you mean {near[0]}?"
    return f"there is no such field; fields here are {', '.join(names)}"


def _description(field: tuple[str | int, ...]) -> str:
    section = _section(field[:-1])
    found = section.model_fields.get(str(field[-1])) if section is not None else None
    return (found.description if found is not None else None) or "it is needed"


def _section(path: tuple[str | int, ...]) -> type[BaseModel] | None:
    section: type[BaseModel] | None = Profile
    for name in path:
        field = section.model_fields.get(str(name)) if section is not None else None
        section = None if field is None else model_in(field.annotation)
    return section


def _sections() -> list[tuple[str, type[BaseModel]]]:
    found = ((name, model_in(field.annotation)) for name, field in Profile.model_fields.items())
    return [(name, section) for name, section in found if section is not None]


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field's type names, if it names one (perhaps beside None)."""
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _dotted(field: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in field)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

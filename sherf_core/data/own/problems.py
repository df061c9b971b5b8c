"""Problems of a data.json: each with its place, what is expected there, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sherf_core.data.parameters import numbers


@dataclass(frozen=True)
class Problem:
    """Something to mend.

    Attributes:
        file: where it is.
        field: which value of data.json, as `people.ann.frames[0].K`; "" where it is the file as a whole.
        found: what is there.
        expected: what would be right.
        fix: what to do.
        severity: "error", or "warning" where an evaluation runs but is likely to be wrong.
    """

    file: Path
    field: str
    found: str
    expected: str
    fix: str
    severity: str = "error"

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {**asdict(self), "file": str(self.file)}


@dataclass(frozen=True)
class Place:
    """A value in a data.json; what is wrong with it joins a common list.

    Its methods return something usable of the right shape even where they note a problem, so that reading goes on.
    """

    file: Path
    field: str
    problems: list[Problem]

    def at(self, key: str, index: int | None = None) -> Place:
        """A value inside this one."""
        name = f"{self.field}.{key}" if self.field else key
        return Place(self.file, name if index is None else f"{name}[{index}]", self.problems)

    def note(self, found: str, expected: str, fix: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(self.file, self.field, found, expected, fix))

    def is_table(self, value: Any, keys: Sequence[str] | None) -> bool:
        """Whether the value is a table; keys beside `keys` are problems."""
        if not isinstance(value, Mapping):
            self.note(f"is {_shown(value)}", "a table {...}", "see docs/own-data.md, or `sherfctl data example DIR`")
            return False
        for key in value if keys is not None else ():
            if key not in (keys or ()):
                close = get_close_matches(str(key), keys or (), n=1)
                fix = f"did you mean {close[0]}?" if close else "remove it"
                self.at(str(key)).note("is unknown here", f"one of {', '.join(keys or ())}", fix)
        return True

    def choice(self, value: Any, choices: Sequence[str]) -> str:
        """One of these texts."""
        if value not in choices:
            self.note(f"is {_shown(value)}", " or ".join(f'"{one}"' for one in choices), "write one of them")
            return choices[0]
        return str(value)

    def whole(self, value: Any) -> int:
        """A whole number from 0."""
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.note(f"is {_shown(value)}", "a whole number from 0", "write such a number, or leave the field away")
            return 0
        return value

    def file_inside(self, value: str) -> Path | None:
        """The path with slashes below the folder of data.json, None where it leads out."""
        plain = PurePosixPath(value.replace("\\", "/"))
        leads_out = plain.is_absolute() or ".." in plain.parts or not plain.parts or ":" in plain.parts[0]
        return None if leads_out or "\0" in value else self.file.parent / plain

    def file_named(self, value: Any) -> Path | None:
        """A path below the folder of data.json; whether the file is there is not asked here."""
        if not isinstance(value, str) or not value:
            self.note(f"is {_shown(value)}", "the path of a picture, from this folder", "name the file")
            return None
        path = self.file_inside(value)
        if path is None:
            self.note(f"is {value!r}", "a path inside the folder of data.json", "copy or link the file into the folder")
        return path

    def numbers(self, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Finite numbers of a shape; a unit matrix or zeros where they are not."""
        square = len(shape) == 2
        expected = f"{shape[0]}x{shape[1]} numbers, by rows" if square else f"{shape[0]} numbers"
        otherwise = np.eye(shape[0], dtype=np.float32) if square else np.zeros(shape, np.float32)
        return self.converted(value, lambda given: numbers(given, shape), expected, otherwise)

    def converted(
        self, value: Any, convert: Callable[[Any], np.ndarray], expected: str, otherwise: np.ndarray
    ) -> np.ndarray:
        """What `convert` makes of the value, `otherwise` where it cannot."""
        if value is None:
            self.note("is missing", expected, "add it")
            return otherwise
        try:
            return convert(value)
        except (ValueError, TypeError, OverflowError) as error:
            self.note(f"is {_shape_of(value)}: {error}", expected, "write finite numbers of that shape")
            return otherwise


def _shown(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _shape_of(value: Any) -> str:
    try:
        shape = np.shape(value)
    except ValueError:
        return "rows of different lengths"
    return "x".join(map(str, shape)) + " values" if shape else _shown(value)

"""Typed errors: each says what was found, what was expected and how to mend it."""

from __future__ import annotations

from pathlib import Path


class SherfError(Exception):
    """Base of every error that a user can cause and mend.

    Args:
        found: what was found, one sentence, with the file or value in it.
        expected: what would have been right (may be empty when `found` says it all).
        fix: what the user does next, ideally a command.
        code: the id of the doctor's check that explains this error (`SMPL.HTML`, ...), or "".
        path: the file concerned, if there is one.
    """

    def __init__(
        self, found: str, *, expected: str = "", fix: str = "", code: str = "", path: str | Path | None = None
    ) -> None:
        self.found, self.expected, self.fix, self.code = found, expected, fix, code
        self.path = Path(path) if path is not None else None
        super().__init__(found)

    def __str__(self) -> str:
        lines = [self.found]
        if self.expected:
            lines.append(f"expected: {self.expected}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)


class UnsafePickleError(SherfError):
    """A pickle names a global that is not on the allow-list; nothing of it was run."""


class BrokenFileError(SherfError):
    """A file is not what its name says: HTML, a Git LFS pointer, an archive, cut short."""


class BodyFileError(SherfError):
    """A body model file has wrong keys, shapes or values."""


class CheckpointError(SherfError):
    """A checkpoint's names or shapes are not those of the model."""


class DatasetError(SherfError):
    """A data set's folder, list, camera file or image is missing or malformed."""


class ConfigurationError(SherfError):
    """A profile or an option asks for something that cannot be."""


class TrainingError(SherfError):
    """A training cannot go on, or cannot be taken up again."""


class RankError(SherfError):
    """One of several processes failed, and the others were stopped."""

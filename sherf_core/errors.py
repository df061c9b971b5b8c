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


class FetchError(SherfError):
    """A file could not be fetched, or what came is not what was asked for; nothing of it was put in place.

    Its codes: FETCH.LOGIN (the server asks for a login, or refuses this one), FETCH.FORBIDDEN (403), FETCH.GONE (404,
    410), FETCH.BUSY (429 for too long), FETCH.NETWORK (no answer, after all attempts), FETCH.TLS (the certificate),
    FETCH.HTML, FETCH.LFS, FETCH.KIND (a web page, a Git LFS pointer, another kind of file), FETCH.SIZE, FETCH.HASH (not
    the bytes that were expected), FETCH.SPACE (the disk), FETCH.LOCKED (another process fetches it). Of the command:
    FETCH.CREDENTIALS (none given, and nobody to ask), FETCH.LICENCE (not accepted), FETCH.HUB (huggingface_hub is
    missing or failed), FETCH.UNKNOWN (a file that is none of the known assets), FETCH.EXISTS (another file is in its
    place), FETCH.ARCHIVE (a zip that is damaged or unsafe), FETCH.MANIFEST (the record of what was fetched is damaged),
    FETCH.MISSING (a recorded file is gone), FETCH.MANUAL (only a browser can fetch it), FETCH.CONFIRM (a large download
    that nobody said yes to).
    """

"""New files that take a name only if it is free, and new folders that can be taken back."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(Exception):
    """A remedy that is not carried out; its text says why."""


class FolderMaker:
    """Makes folders and remembers which were not there."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def make(self, folder: Path) -> None:
        """Make the folder and those above it."""
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def remove(self) -> None:
        """Take away what was made here, as far as nobody has put anything into it."""
        for path in reversed(self._made):
            try:
                path.rmdir()
            except OSError:
                return

    def undo(self) -> str:
        """The end of a shell command that takes them away, "" where none was made."""
        folders = " ".join(shlex.quote(str(path)) for path in reversed(self._made))
        return f" && rmdir {folders}" if folders else ""


@contextmanager
def claimed(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` to write to; it gets the name `target` when the block ends, if that is free.

    Raises:
        Refused: something has the name by then; it stays as it is, and what was written is gone.
    """
    # The ending stays: readers and writers of arrays go by it.
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        _claim(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _claim(temporary: Path, target: Path) -> None:
    try:
        # Unlike a rename, a hard link fails where the name is taken: nobody's file can be lost in between.
        os.link(temporary, target)
        return
    except FileExistsError:
        raise Refused(f"{target} is there already, and is not overwritten") from None
    except OSError:
        # FAT and some network drives have no hard links: there a name is looked up, then taken.
        if os.path.lexists(target):
            raise Refused(f"{target} is there already, and is not overwritten") from None
        os.rename(temporary, target)

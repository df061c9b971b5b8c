"""A folder that one training writes at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sherf_core.errors import TrainingError

LOCK = ".training"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """While the block lasts no other process can claim the folder; the claim ends with the process, however it ends.

    Where the file system knows no locks, nothing is claimed.

    Raises:
        TrainingError: another training writes there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        try:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(
                f"another training writes to {folder} at this moment",
                expected="one training for each folder",
                fix="wait for it or end it; or name another folder with --out DIR",
                path=folder,
            ) from error
        except (ImportError, OSError):
            pass
        yield
    finally:
        os.close(descriptor)

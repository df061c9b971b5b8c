"""One process at a time on a target. The kernel holds the lock, so it goes with its process, however that ends."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from sherf_core.errors import FetchError

try:
    import fcntl
except ImportError:  # Windows: downloads are not locked there
    fcntl = None  # type: ignore[assignment]


def can_lock() -> bool:
    """Whether this system has locks."""
    return fcntl is not None


class TargetLock:
    """Holds `NAME.lock` beside the target while the block runs, and removes it at the end.

    A second process is refused at once: the first may take hours, and its user wants to know. A file that a dead
    process left is simply locked anew.

    Raises:
        FetchError: FETCH.LOCKED, another process holds it.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f"{target.name}.lock")
        self._handle: int | None = None

    def __enter__(self) -> None:
        while fcntl is not None and self._handle is None:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._take(handle)
                if self._is_in_place(handle):
                    self._handle = handle
                    os.truncate(handle, 0)
                    os.write(handle, f"{os.getpid()}\n".encode())
            finally:
                # Its holder removed the file between our opening and our locking it: there may be a new one.
                if self._handle is None:
                    os.close(handle)

    def _take(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
        except OSError:
            return  # a file system without locks: better unlocked than not at all
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise FetchError(
            f"{self._target} is being fetched by {who}",
            fix="wait until it is done" + (f", or end it: kill {holder}" if holder.isdigit() else ""),
            code="FETCH.LOCKED",
            path=self._target,
        )

    def _is_in_place(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self._path))
        except FileNotFoundError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            # Removed while still held, or it could be another process's lock by now.
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

"""What was put in place, and where it came from: assets/manifest.json. It holds no secret."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

from sherf_core.assets.lock import TargetLock
from sherf_core.errors import FetchError
from sherf_core.io.atomic import write_text

MANIFEST = Path("assets") / "manifest.json"
_VERSION = 1
_PATIENCE = 10.0


@dataclass(frozen=True)
class Entry:
    """A file (or the many of a data set) in place.

    Args:
        asset: what it is, by the catalogue's name.
        name: the file's name where it came from.
        path: where it is, from the manifest's root with `/`.
        bytes: its size; of a data set, of all its files.
        sha256: of its bytes; of a data set, of its listing.
        source: an address without secrets, or a file of the user's.
        licence: its terms.
        accepted: when they were accepted here (ISO 8601); "" where nobody was asked.
        when: when it was put in place (ISO 8601).
        version: of sherfctl.
        revision: the commit of a repository; "" for others.
        listing: of a data set, the file that lists its files, from the manifest's root.
    """

    asset: str
    name: str
    path: str
    bytes: int
    sha256: str
    source: str
    licence: str = ""
    accepted: str = ""
    when: str = ""
    version: str = ""
    revision: str = ""
    listing: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one entry: its path, and its listing, as several archives may fill one folder."""
        return self.path, self.listing


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def relative(root: Path, path: Path) -> str:
    """A path as the manifest writes it."""
    return Path(os.path.relpath(path, root)).as_posix()


def read_entries(root: Path) -> list[Entry]:
    """What the manifest under `root` says, [] where there is none.

    Raises:
        FetchError: FETCH.MANIFEST, it is damaged.
    """
    path = root / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        names = {field.name for field in fields(Entry)}
        return [_entry({key: row[key] for key in row.keys() & names}) for row in document["files"]]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, IsADirectoryError) as error:
        away = f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}"
        raise FetchError(
            f"{path} cannot be read: {type(error).__name__}: {str(error)[:300]}",
            expected="the record that `sherfctl fetch-assets` wrote",
            fix=f"move it away ({away}): the files stay, and are recorded when they are fetched again",
            code="FETCH.MANIFEST",
            path=path,
        ) from error


def _entry(row: dict[str, object]) -> Entry:
    for field in fields(Entry):
        wanted = int if field.name == "bytes" else str
        if field.name in row and type(row[field.name]) is not wanted:
            raise TypeError(f"{field.name} is no {wanted.__name__}")
    entry = Entry(**row)  # type: ignore[arg-type]  # the loop above has seen to the types
    if Path(entry.path).is_absolute() or Path(entry.listing).is_absolute():
        raise ValueError("a path that is absolute")
    if "\0" in entry.path + entry.listing:
        raise ValueError("a path that is none")
    return entry


def add_entries(root: Path, new: Iterable[Entry]) -> None:
    """Write entries down; an older one of the same file goes. Processes that do so at once wait for each other.

    Raises:
        FetchError: FETCH.MANIFEST, or FETCH.LOCKED after ten seconds.
    """
    added, path = list(new), root / MANIFEST
    path.parent.mkdir(parents=True, exist_ok=True)
    places = {entry.key for entry in added}
    with _turn(path):
        kept = [entry for entry in read_entries(root) if entry.key not in places]
        rows = [asdict(entry) for entry in sorted(kept + added, key=lambda entry: entry.key)]
        # ASCII, as names of files may hold bytes that are no UTF-8.
        write_text(path, json.dumps({"version": _VERSION, "files": rows}, indent=2) + "\n")


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    ends = time.monotonic() + _PATIENCE
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(TargetLock(path))
                break
            except FetchError as error:
                if error.code != "FETCH.LOCKED" or time.monotonic() > ends:
                    raise
                time.sleep(0.05)
        yield

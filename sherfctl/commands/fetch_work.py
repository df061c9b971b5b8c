"""The work of `fetch-assets`: fetch one asset, take files of the user's, wait for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sherf_core.assets.catalogue import Asset, asset, smpl_archive
from sherf_core.assets.record import read_entries
from sherf_core.errors import FetchError, SherfError
from sherfctl import __version__
from sherfctl.commands.fetch_licence import accepted_licence
from sherfctl.commands.fetch_login import smpl_credentials
from sherfctl.commands.fetch_show import show_installed, show_steps
from sherfctl.console import Console
from sherfctl.console.layout import duration, size

if TYPE_CHECKING:
    from sherf_core.assets.install import Installed, Origin
    from sherf_core.assets.recognise import Candidate
    from sherf_core.assets.smpl import Credentials
    from sherf_core.assets.transport import Progress
    from sherfctl.console.transfer import Transfer

LARGE = 2 << 30
"""Bytes above which a download is asked about."""


@dataclass(frozen=True)
class Job:
    """What the command line asked for."""

    console: Console
    root: Path
    accepted: Collection[str] = ()
    dataset: str = ""
    revision: str = ""
    yes: bool = False

    def origin(self, source: str, accepted: str = "", revision: str = "") -> Origin:
        """For the record."""
        from sherf_core.assets.install import Origin

        return Origin(source, accepted, __version__, revision)


def fetch(job: Job, entry: Asset) -> list[Installed]:
    """Put one asset in place, from wherever it is published.

    Raises:
        SherfError: it could not be done.
    """
    if entry.name == "smpl":
        return [_fetch_smpl(job, entry)]
    if entry.name == "sherf":
        return _fetch_sherf(job)
    if entry.name in ("perceptual", "resnet"):
        return [_fetch_torch_file(job, entry)]
    return _fetch_repository(job, entry)


def _there(job: Job, name: str) -> list[Installed]:
    """What is in place already, checked and written down.

    Raises:
        FetchError: FETCH.EXISTS, what is there is broken.
    """
    from sherf_core.assets.install import Installed, register
    from sherf_core.assets.placing import Placed, moved_away
    from sherf_core.assets.recognise import Candidate
    from sherf_core.assets.verify import usual_files, verdict_on
    from sherf_core.io.digest import sha256

    found = []
    recorded = {(job.root / entry.path).resolve(): entry for entry in read_entries(job.root)}
    for kind, path in usual_files(job.root):
        candidate = Candidate(kind, path)
        if kind != name or (name == "sherf" and job.dataset not in ("", candidate.dataset)):
            continue
        entry = recorded.get(path.resolve())
        verdict = verdict_on(job.root, name, path, entry)
        if not verdict.fine:
            raise FetchError(
                f"another file is at {path} already, and stays: {'; '.join(verdict.wrong)}",
                expected=f"no file there, or a sound one ({asset(name).title})",
                fix=f"move it away ({moved_away(path)}) and run it again",
                code="FETCH.EXISTS",
                path=path,
            )
        if entry is not None:
            found.append(Installed(entry, False, verdict.note))
        else:
            placed = Placed(path, path.stat().st_size, sha256(path), new=False)
            found.append(register(candidate, job.root, placed, job.origin("found in its place"), verdict.note))
    return found


def _fetch_smpl(job: Job, entry: Asset) -> Installed:
    from sherf_core.assets import smpl
    from sherf_core.assets.remote import shown

    there = _there(job, "smpl")
    if there:
        return there[0]
    console, source = job.console, smpl.address()
    accepted = accepted_licence(console, entry, job.accepted)

    def login() -> Credentials:
        if smpl.server() != smpl_archive().server:
            console.warn(f"{smpl.SERVER_VARIABLE} is set: your login goes to {shown(smpl.server())}")
        return smpl_credentials(console)

    origin = job.origin(f"{shown(source)} ({smpl_archive().name})", accepted)
    with console.transfer(smpl_archive().name) as transfer:
        return smpl.fetch_smpl(job.root, login, origin, on_progress=_Reporter(console, transfer))


def _fetch_sherf(job: Job) -> list[Installed]:
    there = _there(job, "sherf")
    if there:
        return there
    show_steps(job.console)
    raise FetchError(
        "the published SHERF weights have no stable public link: they cannot be fetched from here",
        expected="a file that you fetched with a browser",
        fix="follow the steps, then: sherfctl fetch-assets sherf --from-file FILE (or --watch ~/Downloads)",
        code="FETCH.MANUAL",
    )


def _fetch_torch_file(job: Job, entry: Asset) -> Installed:
    from sherf_core.assets import torchvision_files
    from sherf_core.assets.remote import shown

    known = torchvision_files.published(entry.name)
    job.console.note(f"{entry.title}: {entry.licence.name}")
    with job.console.transfer(known.name) as transfer:
        return torchvision_files.fetch_torch_file(
            entry.name, job.root, job.origin(shown(known.address)), on_progress=_Reporter(job.console, transfer)
        )


def pinned(root: Path, name: str) -> str:
    """The commit that the first fetch of a repository met; "" before it."""
    recorded = [entry for entry in read_entries(root) if entry.asset == name and entry.revision]
    return max(recorded, key=lambda entry: entry.when).revision if recorded else ""


def _fetch_repository(job: Job, entry: Asset) -> list[Installed]:
    from sherf_core.assets import hub

    console = job.console
    accepted = accepted_licence(console, entry, job.accepted)
    found = hub.contents(entry.name, job.revision or pinned(job.root, entry.name))
    console.note(f"{entry.title}: {found.address}, {len(found.files)} files, {size(found.bytes)}")
    if found.bytes > LARGE and not job.yes:
        answer = console.ask(f"Fetch {size(found.bytes)}, and unpack as much again?")
        if not answer:
            raise FetchError(
                f"{entry.name} is {size(found.bytes)}, and " + ("nobody said yes" if answer is None else "you said no"),
                fix=f"sherfctl fetch-assets {entry.name} --yes",
                code="FETCH.CONFIRM",
            )
    origin = job.origin(found.address, accepted, found.revision)
    with console.transfer(f"unpack {entry.name}") as transfer:
        return hub.fetch_repository(
            entry.name,
            found,
            job.root,
            origin,
            on_file=lambda file: console.note(f"{file.name} ({size(file.bytes or 0)})"),
            on_progress=transfer.update,
            on_remark=console.warn,
        )


def take_file(job: Job, path: Path, wanted: Collection[str]) -> list[Installed]:
    """Check a file, archive or folder of the user's and copy what it holds to its place.

    Raises:
        SherfError: it holds nothing of it, or what it holds is broken.
    """
    from sherf_core.assets.handed_over import choose

    chosen = choose(path, wanted, job.dataset)
    return [take(job, candidate) for candidate in chosen]


def take(job: Job, candidate: Candidate) -> Installed:
    """Check one file of the user's and copy it to its place."""
    from sherf_core.assets.install import install

    with job.console.transfer(f"unpack {candidate.asset}") as transfer:
        return install(
            candidate, job.root, job.origin(str(candidate)), dataset=job.dataset, on_progress=transfer.update
        )


def wait_for(job: Job, folder: Path, wanted: Collection[str]) -> list[Installed]:
    """Wait until each of the wanted assets has come to a folder (without any: until one has); Ctrl-C ends it."""
    from sherf_core.assets.handed_over import ALL
    from sherf_core.assets.watch import Watcher, watch

    console, done = job.console, []
    left = list(wanted)
    console.note(f"waiting for {', '.join(left) or 'any asset'} in {folder}; Ctrl-C ends it")
    watcher = Watcher(folder, left or ALL)
    with console.transfer("watch") as line:

        def tell(seconds: float) -> None:
            while watcher.remarks:
                console.warn(watcher.remarks.pop(0))
            line.wait(f"waiting for {', '.join(left) or 'any asset'} in {folder}, {duration(seconds)}")

        def accept(candidate: Candidate) -> bool:
            console.note(f"{candidate} looks like {candidate.asset}; checking it")
            try:
                done.append(take(job, candidate))
            except SherfError as error:
                console.warn(f"{error.found}. {error.fix}" if error.fix else error.found)
                return False
            return True

        while True:
            watch(watcher, accept, tell)
            if not left:
                return done
            left.remove(done[-1].entry.asset)
            show_installed(console, done[-1], job.root / done[-1].entry.path)
            if not left:
                return done
            watcher.wanted = left


@dataclass(frozen=True)
class _Reporter:
    """Shows a download's progress, and its notes above the line."""

    console: Console
    transfer: Transfer

    def __call__(self, progress: Progress) -> None:
        if progress.note:
            self.console.note(progress.note)
        self.transfer.update(progress.done, progress.total, progress.bytes_per_second)


@contextmanager
def each(console: Console, failures: list[SherfError], alone: bool) -> Iterator[None]:
    """Let one asset of several fail without keeping the others from coming."""
    try:
        yield
    except SherfError as error:
        if alone:
            raise
        failures.append(error)
        console.error(error.found, expected=error.expected, fix=error.fix, code=error.code)

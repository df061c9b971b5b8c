"""Check what was fetched or handed over, and put it where the programs look for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from sherf_core.assets import record
from sherf_core.assets.archive import extract_member, members, safe_path, unpack
from sherf_core.assets.catalogue import asset, known_body, torch_file
from sherf_core.assets.dataset_places import PLACES
from sherf_core.assets.leftovers import scratch_folder, sweep_folders
from sherf_core.assets.listing import write_listing
from sherf_core.assets.lock import TargetLock
from sherf_core.assets.placing import Placed, place
from sherf_core.assets.recognise import DATASET_ASSETS, TORCH_ASSETS, Candidate, is_gendered
from sherf_core.body.files import load_body
from sherf_core.data.locations import BODY_FOLDERS, CHECKPOINT_FOLDERS, checkpoint_name
from sherf_core.errors import BodyFileError, FetchError
from sherf_core.io.digest import sha256
from sherf_core.io.sniff import FileKind, sniff

LARGEST_BODY = 2 << 30
LARGEST_CHECKPOINT = 4 << 30


@dataclass(frozen=True)
class Origin:
    """Where a file comes from, for the record: `accepted` is when its licence was, "" where nobody was asked."""

    source: str
    accepted: str = ""
    version: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Installed:
    """What is in place: its entry in the manifest, whether it is new there, and what is worth a note."""

    entry: record.Entry
    new: bool
    note: str = ""


def install(
    candidate: Candidate,
    root: Path,
    origin: Origin,
    *,
    dataset: str = "",
    name: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Installed:
    """Check a file of the user's (or one that was just fetched), copy it to its place and write it down.

    Args:
        candidate: what it is and where.
        root: the folder that gets `assets/`, `models/` and `data/`.
        origin: for the record.
        dataset: which data set a checkpoint was trained on, where its name does not say so.
        name: of an archive that holds a data set, what tells it from others of the same file name (its path in a
            repository); "": the file name itself.
        on_progress: bytes done and bytes in all, of archives that hold a data set.

    Raises:
        FetchError, BodyFileError, CheckpointError, UnsafePickleError: it is damaged, or not what it should be, or
            another file is in its place.
    """
    if candidate.asset in DATASET_ASSETS:
        installed = _dataset(candidate, root, origin, name or candidate.name, on_progress)
    else:
        with unpacked(candidate) as file:
            digest = sha256(file)
            target, note = _checked(candidate, file, root, digest, dataset)
            return register(candidate, root, place(file, target, digest), origin, note)
    record.add_entries(root, [installed.entry])
    return installed


def register(candidate: Candidate, root: Path, placed: Placed, origin: Origin, note: str = "") -> Installed:
    """Write a checked file down that is in its place."""
    installed = Installed(_entry(candidate, root, placed, origin), placed.new, note)
    record.add_entries(root, [installed.entry])
    return installed


@contextmanager
def unpacked(candidate: Candidate) -> Iterator[Path]:
    """The candidate as a file of its own: itself, or taken out of its archive until the block ends."""
    if candidate.member is None:
        yield candidate.path
        return
    most = LARGEST_BODY if candidate.asset == "smpl" else LARGEST_CHECKPOINT
    with scratch_folder() as folder:
        file = folder / candidate.name
        extract_member(candidate.path, candidate.member, file, most_bytes=most)
        yield file


def _checked(candidate: Candidate, file: Path, root: Path, digest: str, dataset: str) -> tuple[Path, str]:
    """The place of a file that is what it should be, and a note on it."""
    if candidate.asset == "smpl":
        return _check_body(candidate, file, root, digest)
    if candidate.asset in TORCH_ASSETS:
        return require_torch_file(file, candidate.asset, root, digest), ""
    return _check_checkpoint(candidate, file, root, dataset)


def _check_body(candidate: Candidate, file: Path, root: Path, digest: str) -> tuple[Path, str]:
    require_neutral(str(candidate), candidate.name, digest)
    load_body(file)
    known = known_body(digest)
    ending = ".npz" if sniff(file).kind is FileKind.ZIP else ".pkl"
    note = str(known) if known is not None else "its sum is none of the published files'; its structure is right"
    return root / BODY_FOLDERS[0] / f"SMPL_NEUTRAL{ending}", note


def require_neutral(where: str, name: str, digest: str) -> None:
    """See that neither its sum nor its name says that a body file is one of a gender.

    Args:
        where: the file, for the message.
        name: its own name.
        digest: its sha256.

    Raises:
        BodyFileError: SMPL.GENDER.
    """
    known = known_body(digest)
    if known is None and is_gendered(name):
        what = "the body of one gender, by its name"
    elif known is not None and known.gender != "neutral":
        what = str(known)
    else:
        return
    raise BodyFileError(
        f"{where} is {what}",
        expected="the neutral body",
        fix="take basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl of the same archive",
        code="SMPL.GENDER",
    )


def _check_checkpoint(candidate: Candidate, file: Path, root: Path, dataset: str) -> tuple[Path, str]:
    from sherf_core.io.weights import check_header

    check_header(file)
    named = dataset or candidate.dataset
    if not named:
        raise FetchError(
            f"{candidate.name} does not say which data set it was trained on",
            expected="a name such as SHERF_RenderPeople.pkl",
            fix="say it: --dataset RenderPeople (or THuman, HuMMan, ZJU-MoCap)",
            code="FETCH.UNKNOWN",
            path=candidate.path,
        )
    ending = ".safetensors" if sniff(file).kind is FileKind.SAFETENSORS else ".pkl"
    return root / CHECKPOINT_FOLDERS[0] / f"{checkpoint_name(named)}{ending}", f"weights for {named}"


def require_torch_file(file: Path, name: str, root: Path, digest: str) -> Path:
    """The place of torchvision's file, if its sum is the one that its name promises.

    Raises:
        FetchError: FETCH.HASH.
    """
    known = torch_file(name)
    if not digest.startswith(known.digits):
        raise FetchError(
            f"{file} is not torchvision's {known.name}: its sha256 is {digest}",
            expected=f"a sha256 that begins with {known.digits}",
            fix=f"fetch it again: sherfctl fetch-assets {name}",
            code="FETCH.HASH",
            path=file,
        )
    return root / asset(name).place


def _entry(candidate: Candidate, root: Path, placed: Placed, origin: Origin) -> record.Entry:
    path = record.relative(root, placed.path)
    return _kept(
        root,
        record.Entry(
            asset=candidate.asset,
            name=candidate.name,
            path=path,
            bytes=placed.bytes,
            sha256=placed.sha256,
            source=origin.source,
            licence=asset(candidate.asset).licence.name,
            accepted=origin.accepted,
            when=record.now(),
            version=origin.version,
            revision=origin.revision,
        ),
    )


def _kept(root: Path, entry: record.Entry) -> record.Entry:
    """The entry; of a file that was recorded before, with the day on which its licence was accepted then."""
    before = [old for old in record.read_entries(root) if old.path == entry.path and old.sha256 == entry.sha256]
    return replace(entry, accepted=entry.accepted or before[0].accepted) if before else entry


def _dataset(
    candidate: Candidate, root: Path, origin: Origin, name: str, on_progress: Callable[[int, int], None]
) -> Installed:
    """Unpack an archive of a data set; files that are there already stay."""
    where = PLACES[candidate.asset]
    paths = [safe_path(candidate.path, info.filename) for info in members(candidate.path)]
    folder = root / where.folder
    listing = (
        root
        / "assets"
        / f"{candidate.asset}-{quote(name.removesuffix('.zip'), safe='', errors='surrogateescape')}.listing"
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TargetLock(folder):
        place_of = where.of(paths)
        sweep_folders((folder / target).parent for target in map(place_of, paths) if target is not None)
        listed = unpack(candidate.path, place_of, folder, on_progress)
        if hasattr(os, "sync"):  # not on Windows
            os.sync()
        digest = write_listing(listing, folder, listed)
    note = f"{len(listed):,} files; {len(paths) - len(listed):,} others in the archive were left out"
    placed = Placed(folder, sum(size for _, size, _ in listed), digest, new=True)
    entry = replace(_entry(candidate, root, placed, origin), name=name, listing=record.relative(root, listing))
    return Installed(entry, True, note)

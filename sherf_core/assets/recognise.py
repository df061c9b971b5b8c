"""What a file, an archive or a folder of the user's holds of the assets: told by content, with names as a hint."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sherf_core.assets.archive import members, name_problem
from sherf_core.assets.catalogue import torch_file
from sherf_core.assets.dataset_places import PLACES
from sherf_core.data.locations import CHECKPOINT_NAMES, DATASET_FOLDERS, checkpoint_name
from sherf_core.errors import FetchError
from sherf_core.io.digest import sha256
from sherf_core.io.sniff import FileKind, inspect_pickle, sniff

UNFINISHED = (".crdownload", ".part", ".partial", ".tmp", ".download", ".opdownload")
"""Endings that browsers give to downloads under way."""
NEUTRAL_BODY = re.compile(r"(basicmodel_neutral_lbs_10_207_0_v1\.\d\.\d|smpl_neutral)\.(pkl|npz)", re.IGNORECASE)
BODY_OF_A_GENDER = re.compile(r"basicmodel_([mf])_lbs_10_207_0_v1\.\d\.\d\.(pkl|npz)|smpl_(fe)?male\.(pkl|npz)", re.I)
CHECKPOINT = re.compile(r"sherf[^/]*\.(pkl|safetensors)", re.IGNORECASE)
_PERSISTENT = "torch_utils.persistence."
_BODY_PACKAGES = ("chumpy", "scipy.sparse", "numpy")
_DEEPEST, _MOST_FILES = 4, 2000
TORCH_ASSETS = ("perceptual", "resnet")
DATASET_ASSETS = tuple(PLACES)


@dataclass(frozen=True)
class Candidate:
    """Something that can be put in place.

    Args:
        asset: what it is.
        path: the file or archive that it is, or lies in.
        member: the file's entry in the archive, if it lies in one.
    """

    asset: str
    path: Path
    member: zipfile.ZipInfo | None = None

    @property
    def name(self) -> str:
        """The name of the file itself."""
        return self.path.name if self.member is None else PurePosixPath(self.member.filename.replace("\\", "/")).name

    @property
    def dataset(self) -> str:
        """The data set that a checkpoint's name tells, or ""."""
        stem = Path(self.name).stem.lower()
        names = {checkpoint_name(dataset).lower(): dataset for dataset in (*DATASET_FOLDERS, *CHECKPOINT_NAMES)}
        return next((dataset for name, dataset in names.items() if stem.startswith(name)), "")

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path} ({self.name})"


def candidates(path: Path, wanted: Collection[str]) -> list[Candidate]:
    """What `path` holds of the wanted assets; a folder's files are looked through, four levels deep.

    Raises:
        FetchError: FETCH.ARCHIVE, an archive that was named itself is damaged.
    """
    if path.is_dir():
        return [found for file in _files_in(path) for found in _quietly(file, wanted)]
    return list(_of_file(path, wanted))


def _quietly(path: Path, wanted: Collection[str]) -> list[Candidate]:
    """Of a file that nobody named: damaged archives are none of ours."""
    try:
        return list(_of_file(path, wanted))
    except (FetchError, OSError):
        return []


def _of_file(path: Path, wanted: Collection[str]) -> Iterator[Candidate]:
    kind = sniff(path).kind
    for name in TORCH_ASSETS:
        if name in wanted and kind in (FileKind.PICKLE, FileKind.ZIP) and _is_torch_file(path, name):
            yield Candidate(name, path)
            return
    if kind is FileKind.PICKLE:
        asset = asset_of_pickle(path)
        if asset in wanted:
            yield Candidate(asset, path)
    elif kind is FileKind.SAFETENSORS and "sherf" in wanted:
        yield Candidate("sherf", path)
    elif kind is FileKind.ZIP and path.suffix.lower() == ".npz":
        if "smpl" in wanted and any(info.filename == "v_template.npy" for info in members(path)):
            yield Candidate("smpl", path)
    elif kind is FileKind.ZIP:
        yield from _of_archive(path, wanted)


def _of_archive(path: Path, wanted: Collection[str]) -> Iterator[Candidate]:
    inside = members(path)
    for info in inside:
        name = PurePosixPath(info.filename.replace("\\", "/")).name
        # Such a file is taken out by its own name, wherever the archive wants it to be.
        if "smpl" in wanted and NEUTRAL_BODY.fullmatch(name):
            yield Candidate("smpl", path, info)
        elif "sherf" in wanted and CHECKPOINT.fullmatch(name) and not name_problem(name):
            yield Candidate("sherf", path, info)
    # `unpack` says what is wrong with the other names.
    usable = [info.filename for info in inside if not name_problem(info.filename)]
    paths = [PurePosixPath(name.replace("\\", "/")) for name in usable]
    for asset, place in PLACES.items():
        if asset in wanted and any(target is not None for target in map(place.of(paths), paths)):
            yield Candidate(asset, path)


def asset_of_pickle(path: Path) -> str:
    """What a pickle is by the things that it names, without building any: "smpl", "sherf" or ""."""
    facts = inspect_pickle(path)
    if facts.problem:
        return ""
    if any(name.startswith(_PERSISTENT) for name in facts.globals):
        return "sherf"
    arrays = any(name.startswith(_BODY_PACKAGES) for name in facts.globals)
    # torch's own files start with a number, name nothing of numpy's, or name torch.
    return "smpl" if arrays and not any(name.startswith("torch") for name in facts.globals) else ""


def is_gendered(name: str) -> bool:
    """Whether a body file's name says that it is the male or the female body."""
    return BODY_OF_A_GENDER.fullmatch(name) is not None


def _is_torch_file(path: Path, asset: str) -> bool:
    """Whether it is torchvision's file, which any name may have: the sum decides, where the name makes it likely."""
    start = torch_file(asset).name.partition("-")[0]
    if not path.name.lower().startswith(start) and path.suffix.lower() != ".pth":
        return False
    return sha256(path).startswith(torch_file(asset).digits)


def _files_in(folder: Path) -> Iterator[Path]:
    seen = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        if depth >= _DEEPEST:
            folders.clear()
        folders.sort()
        for name in sorted(names):
            seen += 1
            if seen > _MOST_FILES:
                return
            usual = not name.lower().endswith(UNFINISHED) and not name.startswith(".")
            if usual and os.path.isfile(os.path.join(place, name)):  # unlike Path's, never raises
                yield Path(place) / name

"""Collector for body files that have another name, or lie in another place, than the one that is looked for."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Container, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from checks.facts.records import NamedBody
from sherf_core.data import locations

Gender = Literal["neutral", "male", "female"]

# v1.1.0 is in small letters, v1.0.0 writes basicModel; the first releases named men and women by a letter.
PUBLISHED_NAME = re.compile(
    r"basicmodel_(neutral|male|female|m|f)_lbs_10_207_0_v(\d\.\d\.\d)\.(pkl|npz)", re.IGNORECASE
)
COMMON_NAME = re.compile(r"SMPL_(NEUTRAL|MALE|FEMALE)\.(pkl|npz)", re.IGNORECASE)
GENDERS: dict[str, Gender] = {"neutral": "neutral", "male": "male", "m": "male", "female": "female", "f": "female"}
# What SMPL's and SMPLify's archives unpack to, and what they are called.
UNPACKED = ("smpl/models", "SMPL_python_v.*/smpl/models", "smplify_public/code/models")
ARCHIVE = re.compile(r".*(smpl(_python|ify)).*\.zip", re.IGNORECASE)
# An archive with more members than this is not one of theirs.
MOST_MEMBERS = 10_000


def named_bodies(roots: Iterable[Path] | None = None, downloads: Path | None = None) -> tuple[NamedBody, ...]:
    """Bodies under their publisher's names, men's and women's, and what lies in a wrong folder or still packed.

    Args:
        roots: the folders that may hold `assets/`, default the usual ones.
        downloads: where a browser saves files, default ~/Downloads.
    """
    roots = tuple(locations.search_roots() if roots is None else roots)
    downloads = locations.downloads_folder() if downloads is None else downloads
    searched = {root / name for root in roots for name in locations.BODY_FOLDERS}
    used = {path.absolute() for path in locations.body_candidates(roots)}
    found: dict[str, NamedBody] = {}
    for folder in _places(roots, downloads):
        for path in _listed(folder):
            for body in _bodies_in(path):
                if body.member or path.absolute() not in used:
                    found.setdefault(f"{os.path.realpath(path)}:{body.member}", body)
    for path in locations.body_candidates(roots):
        # An archive that was given the body's name.
        for body in _packed(path) if path.suffix.lower() == ".pkl" else ():
            found.setdefault(f"{os.path.realpath(path)}:{body.member}", body)
    home = roots[0] if roots else Path()
    return tuple(body.model_copy(update={"place": _place_of(body, searched, home)}) for body in found.values())


def _place_of(body: NamedBody, searched: Container[Path], home: Path) -> str:
    """Beside the file, if bodies are looked for there; else in the first folder of all."""
    source = Path(body.path)
    name = f"SMPL_{body.gender.upper()}{PurePosixPath(body.member or body.path).suffix.lower()}"
    return str(source.parent / name if source.parent in searched else home / locations.BODY_FOLDERS[0] / name)


def body_named(name: str) -> tuple[Gender, str] | None:
    """Whose body a file of this name holds, and its version ("" where the name does not tell); None for others."""
    match = PUBLISHED_NAME.fullmatch(name)
    if match:
        return GENDERS[match[1].lower()], match[2]
    match = COMMON_NAME.fullmatch(name)
    return (GENDERS[match[1].lower()], "") if match else None


def _places(roots: tuple[Path, ...], downloads: Path | None) -> Iterator[Path]:
    for root in roots:
        yield from (root / name for name in locations.BODY_FOLDERS)
        yield root
        for name in UNPACKED:
            yield from _globbed(root, name)
            yield from _globbed(root / "assets", name)
    if downloads is not None:
        yield downloads
        for name in UNPACKED:
            yield from _globbed(downloads, name)


def _globbed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _may_be_body(path.name) and path.is_file())
    except OSError:
        return []


def _may_be_body(name: str) -> bool:
    return body_named(name) is not None or ARCHIVE.fullmatch(name) is not None


def _bodies_in(path: Path) -> Iterator[NamedBody]:
    known = body_named(path.name)
    if known is None:
        yield from _packed(path)
    else:
        yield NamedBody(path=str(path), gender=known[0], version=known[1])


def _packed(path: Path) -> Iterator[NamedBody]:
    """Bodies in an archive, by its table of contents."""
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:MOST_MEMBERS]
    except (OSError, ValueError, zipfile.BadZipFile):
        return
    for name in names:
        known = body_named(PurePosixPath(name).name)
        # Names that lead out of the folder are no names of a published archive.
        if known is not None and not name.startswith("/") and ".." not in PurePosixPath(name).parts:
            yield NamedBody(path=str(path), gender=known[0], version=known[1], member=name)

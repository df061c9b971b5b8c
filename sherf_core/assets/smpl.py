"""SMPL from its publisher's site: a login, an archive, and the one file in it that is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sherf_core.assets.catalogue import smpl_archive
from sherf_core.assets.install import Installed, Origin, install
from sherf_core.assets.lock import TargetLock
from sherf_core.assets.mirror import server_from
from sherf_core.assets.recognise import candidates
from sherf_core.assets.transport import Policy, Progress, Remote, download
from sherf_core.errors import BodyFileError
from sherf_core.io.convert import cache_folder
from sherf_core.io.sniff import FileKind

SERVER_VARIABLE = "SHERFCTL_SMPL_URL"
"""Another server that speaks the same protocol: a mirror within a house, or a test."""
DOWNLOADS = "downloads"
_CHUNK_BYTES = 1 << 20
_AGENT = "Mozilla/5.0 (compatible; sherfctl)"


@dataclass(frozen=True, repr=False)
class Credentials:
    """Who logs in. Nothing ever writes the password."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def server() -> str:
    """The server that is asked; it may hold a login of its own.

    Raises:
        ConfigurationError: SHERFCTL_SMPL_URL is none that a password may go to.
    """
    return server_from(SERVER_VARIABLE, smpl_archive().server)


def address() -> str:
    """Where the archive is fetched from."""
    return server() + smpl_archive().query


def cached_archive() -> Path:
    """Where the archive is kept until its body is in place."""
    return cache_folder() / DOWNLOADS / smpl_archive().name


def fetch_smpl(
    root: Path,
    login: Callable[[], Credentials],
    origin: Origin,
    *,
    policy: Policy | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Installed:
    """Log in, fetch the archive (or go on with it), and put the neutral body in place.

    Args:
        root: the folder that gets `assets/`.
        login: who logs in; not asked where a run that was ended has left the whole archive.
        origin: for the record.
        policy: of the download.
        on_progress: of the download.

    Raises:
        FetchError: the server, the network or the archive.
        BodyFileError: SMPL.NO_NEUTRAL, or what `load_body` says of it.
    """
    archive = cached_archive()
    if not (archive.is_file() and md5(archive) == smpl_archive().md5):
        credentials = login()
        remote = Remote(
            url=address(),
            form={"username": credentials.username, "password": credentials.password},
            headers={"Referer": smpl_archive().referer, "User-Agent": _AGENT},
            visit_first=address(),
            kinds=(FileKind.ZIP,),
        )
        download(remote, archive, policy=policy or Policy(), on_progress=on_progress)
    found = candidates(archive, ("smpl",))
    if not found:
        raise no_neutral(archive)
    installed, known = install(found[0], root, origin), md5(archive) == smpl_archive().md5
    with TargetLock(archive):  # another run may be at it
        archive.unlink(missing_ok=True)  # its body is in place, and checked
    if known:
        return installed
    # Its content was checked: a note, as with bodies, should the publisher pack it anew.
    return replace(installed, note="; ".join(filter(None, (installed.note, "the archive's MD5 is not the known one"))))


def no_neutral(archive: Path) -> BodyFileError:
    """The error for an archive without the neutral body."""
    return BodyFileError(
        f"{archive} holds no neutral body",
        expected="basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl in it",
        fix=f"take {smpl_archive().name} (version 1.1.0 for Python): the one of 1.0.0 has the male and the female "
        "body only",
        code="SMPL.NO_NEUTRAL",
        path=archive,
    )


def md5(path: Path) -> str:
    """The MD5 of a file: the only sum of the archive that is known, and no protection against forgery."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()

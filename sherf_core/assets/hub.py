"""Repositories of the Hugging Face hub, through its own library, which an extra installs (`sherfctl[hub]`).

The library reads HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE itself. A revision is always a commit here: the one
that the first fetch met is written to the manifest, and used from then on.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sherf_core.assets.catalogue import Repository, repository
from sherf_core.assets.dataset_places import PLACES
from sherf_core.assets.install import Installed, Origin, install, register
from sherf_core.assets.placing import place
from sherf_core.assets.recognise import Candidate
from sherf_core.assets.space import nearest_folder, require_space
from sherf_core.data.subjects import LIST_NAME
from sherf_core.errors import FetchError
from sherf_core.io.digest import sha256

MAIN = "main"
_SHOWN = 8
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOGIN = re.compile(r"(https?://)[^/\s]*@")
_QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#][^\s'\")]*")
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: `bytes` None and `sha256` "" where the hub does not say."""

    name: str
    bytes: int | None
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a repository holds of an asset, at one commit."""

    repository: Repository
    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        """All of them, as far as the hub says."""
        return sum(file.bytes or 0 for file in self.files)

    @property
    def address(self) -> str:
        """The repository's page at that commit."""
        folder = "datasets/" if self.repository.kind == "dataset" else ""
        return f"https://huggingface.co/{folder}{self.repository.name}/tree/{self.revision}"


def contents(asset: str, revision: str = "") -> Contents:
    """The files of an asset in its repository.

    Args:
        asset: `renderpeople` or `thuman-params`.
        revision: a commit, branch or tag; "" is the newest.

    Raises:
        FetchError: FETCH.HUB, the library is missing, or the hub does not answer, or has no such files.
    """
    chosen, hub = repository(asset), _library()
    with _hub_errors(chosen):
        if _is_offline():
            commit, files = _cached(hub, chosen, revision or MAIN)
        else:
            info = hub.HfApi().repo_info(
                chosen.name, repo_type=chosen.kind, revision=revision or MAIN, files_metadata=True
            )
            commit = str(info.sha)
            files = [
                RemoteFile(sibling.rfilename, sibling.size, getattr(sibling.lfs, "sha256", "") if sibling.lfs else "")
                for sibling in info.siblings or []
            ]
    if not _COMMIT.fullmatch(commit):
        raise _failed(chosen, f"names no commit for {revision or MAIN} (it says {commit[:50]!r})", "try it again later")
    wanted = tuple(file for file in files if re.search(chosen.files, file.name, re.IGNORECASE))
    if not wanted:
        names = ", ".join(file.name for file in files[:_SHOWN]) or "nothing"
        raise _failed(
            chosen,
            f"holds no file like {chosen.files} at {commit[:12]} (it holds {names})",
            "look at the page; fetch it with a browser, then: sherfctl fetch-assets "
            f"{asset} --from-file FILE (or another --revision)",
        )
    return Contents(chosen, commit, wanted)


def fetch_repository(
    asset: str,
    found: Contents,
    root: Path,
    origin: Origin,
    *,
    on_file: Callable[[RemoteFile], None] = lambda file: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_remark: Callable[[str], None] = lambda remark: None,
) -> list[Installed]:
    """Fetch the files (the library goes on with what is half there) and unpack them into the data set's folder.

    `on_remark` is told of each file that was fetched and is not put in place.

    Raises:
        FetchError: FETCH.HUB, FETCH.HASH, FETCH.SPACE, or what unpacking says.
    """
    hub, done, lists = _library(), [], []
    _require_space(hub, found, root)
    for file in found.files:
        on_file(file)
        with _hub_errors(found.repository):
            path = Path(
                hub.hf_hub_download(
                    found.repository.name, file.name, repo_type=found.repository.kind, revision=found.revision
                )
            )
        if file.sha256 and sha256(path) != file.sha256:
            raise FetchError(
                f"{file.name} came with another content than the hub says",
                expected=f"sha256 {file.sha256}",
                fix=f"remove {path} and run it again",
                code="FETCH.HASH",
                path=path,
            )
        if path.suffix.lower() == ".zip":
            done.append(install(Candidate(asset, path), root, origin, name=file.name, on_progress=on_progress))
        elif path.name == LIST_NAME and asset == "renderpeople":
            lists.append((file.name, path))
        else:
            on_remark(f"{file.name} is no zip archive and stays at {path}: copy or unpack it to {PLACES[asset].folder}")
    if not done:
        names = ", ".join(file.name for file in found.files[:_SHOWN])
        raise _failed(
            found.repository,
            f"holds no zip archive among {names}",
            f"they are in the library's cache; copy what you need to {PLACES[asset].folder}",
        )
    # After the archives, which may hold a list of their own.
    return done + [placed for name, path in lists if (placed := _place_list(name, path, root, origin, on_remark))]


def _place_list(
    name: str, path: Path, root: Path, origin: Origin, on_remark: Callable[[str], None]
) -> Installed | None:
    """Put a list of people in place; None where another one is there, which stays."""
    target = root / PLACES["renderpeople"].folder / LIST_NAME
    try:
        placed = place(path, target, sha256(path))
    except FetchError as error:
        if error.code != "FETCH.EXISTS":
            raise
        on_remark(f"{name} stays at {path}: {error.found}")
        return None
    return register(Candidate("renderpeople", path), root, placed, origin)


def _require_space(hub: Any, found: Contents, root: Path) -> None:
    """Refuse what the disks cannot hold: the files in the library's cache, and about as much unpacked."""
    missing = 0
    for file in found.files:
        cached = hub.try_to_load_from_cache(
            found.repository.name, file.name, repo_type=found.repository.kind, revision=found.revision
        )
        missing += 0 if isinstance(cached, str) else file.bytes or 0
    cache = nearest_folder(Path(importlib.import_module("huggingface_hub.constants").HF_HUB_CACHE))
    place_of_root = nearest_folder(root)
    shared = cache.stat().st_dev == place_of_root.stat().st_dev
    require_space(cache / found.repository.name.rpartition("/")[2], 2 * missing if shared else missing)
    if not shared:
        require_space(place_of_root / found.repository.name.rpartition("/")[2], missing)


def _cached(hub: Any, chosen: Repository, revision: str) -> tuple[str, list[RemoteFile]]:
    """What an earlier fetch left in the library's cache."""
    folder = Path(hub.snapshot_download(chosen.name, repo_type=chosen.kind, revision=revision, local_files_only=True))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return folder.name, [RemoteFile(path.relative_to(folder).as_posix(), path.stat().st_size, "") for path in files]


def _is_offline() -> bool:
    """Whether the library was told not to use the network."""
    return bool(importlib.import_module("huggingface_hub.constants").HF_HUB_OFFLINE)


def _library() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise FetchError(
            "the package huggingface_hub is not installed",
            expected="it, for files of the Hugging Face hub",
            fix="pip install 'sherfctl[hub]' (or: pip install huggingface_hub)",
            code="FETCH.HUB",
        ) from error


@contextmanager
def _hub_errors(chosen: Repository) -> Iterator[None]:
    """The library's errors, and those of the network below it, as one of ours; a token in them is taken out."""
    try:
        yield
    except (FetchError, AttributeError, NameError):
        raise  # ours, or a defect
    except Exception as error:  # its errors have no common base, and differ from version to version
        kind = type(error).__name__
        words = without_secrets(str(error).strip().splitlines()[0] if str(error).strip() else "")
        # Not chained: the library's errors may hold the request with its headers.
        raise _failed(chosen, f"cannot be had: {kind}: {words[:300]}", _fix(kind, chosen)) from None


def _fix(kind: str, chosen: Repository) -> str:
    page = f"https://huggingface.co/{'datasets/' if chosen.kind == 'dataset' else ''}{chosen.name}"
    if kind in ("OfflineModeIsEnabled", "LocalEntryNotFoundError"):
        return "it is not in the library's cache: check the network, or take HF_HUB_OFFLINE away (unset HF_HUB_OFFLINE)"
    if kind in ("GatedRepoError", "RepositoryNotFoundError"):
        return f"open {page}: if it wants a login, accept its terms there and set HF_TOKEN to a token of yours"
    if kind == "RevisionNotFoundError":
        return f"name another --revision; {page}/commits/main lists them"
    return "check the network (and HTTPS_PROXY, HF_ENDPOINT), then run it again: what has come is kept"


def without_secrets(text: str) -> str:
    """The text with the values of token variables taken out, and logins and queries out of addresses."""
    for name in _SECRETS:
        if os.environ.get(name):
            text = text.replace(os.environ[name], "***")
    return _QUERY.sub(r"\1", _LOGIN.sub(r"\1", text))


def _failed(chosen: Repository, found: str, fix: str) -> FetchError:
    return FetchError(f"the {chosen.kind} {chosen.name} on Hugging Face {found}", fix=fix, code="FETCH.HUB")

"""Files that users fetched themselves: which of them to take, and the right complaint about those that are none."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sherf_core.assets.catalogue import assets
from sherf_core.assets.recognise import NEUTRAL_BODY, TORCH_ASSETS, Candidate, candidates, is_gendered
from sherf_core.assets.smpl import no_neutral
from sherf_core.errors import FetchError
from sherf_core.io.sniff import FileKind, sniff

ALL = tuple(asset.name for asset in assets())


def choose(path: Path, wanted: Collection[str], dataset: str = "") -> list[Candidate]:
    """What to take of a file, archive or folder: one body, and one checkpoint for each data set.

    Args:
        path: what the user named.
        wanted: assets to look for; empty: all.
        dataset: the only data set whose checkpoint is wanted; "": all.

    Raises:
        FetchError: FETCH.UNKNOWN, there is nothing of them in it; FETCH.ARCHIVE.
        BodyFileError: SMPL.NO_NEUTRAL.
    """
    if not path.exists():
        raise _unknown(path, f"there is no file or folder {path}", "check the path of --from-file")
    found = candidates(path, wanted or ALL)
    taken: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(found, key=_rank):
        if path.is_dir() and candidate.asset == "smpl" and is_gendered(candidate.name):
            continue
        if candidate.asset == "sherf" and len(found) > 1 and dataset not in ("", candidate.dataset):
            continue
        key = (candidate.asset, candidate.dataset if candidate.asset == "sherf" else "")
        taken.setdefault(key, candidate)
    return list(taken.values()) or [_nothing(path, wanted)]


def _rank(candidate: Candidate) -> tuple[bool, str]:
    """Bodies that are called neutral come first; then by path."""
    neutral = candidate.asset == "smpl" and NEUTRAL_BODY.fullmatch(candidate.name) is not None
    return not neutral, str(candidate)


def _nothing(path: Path, wanted: Collection[str]) -> Candidate:
    """A candidate whose check says what is wrong with the file, where its name tells what it should have been.

    Raises:
        FetchError, BodyFileError: where there is nothing better to say.
    """
    kind = sniff(path).kind
    meant = _meant(path, wanted) if path.is_file() else ""
    if meant == "smpl" and kind is FileKind.ZIP and path.suffix.lower() != ".npz":
        raise no_neutral(path)
    if meant and (kind is not FileKind.ZIP or meant in TORCH_ASSETS):
        return Candidate(meant, path)
    what = "a folder without any of them" if path.is_dir() else f"{kind.value}, and none of them"
    names = ", ".join(wanted or ALL)
    raise _unknown(path, f"{path} is {what}: {names}", "`sherfctl fetch-assets --list` says what each is")


def _meant(path: Path, wanted: Collection[str]) -> str:
    """What a file was meant to be: what was asked for, or by its name."""
    if len(wanted) == 1 and (only := next(iter(wanted))) in ("smpl", "sherf", *TORCH_ASSETS):
        return only
    name = path.name.lower()
    hints = {"sherf": "sherf", "smpl": "smpl", "basicmodel": "smpl", "vgg16-": "perceptual", "resnet18-": "resnet"}
    meant = next((asset for hint, asset in hints.items() if name.startswith(hint)), "")
    return meant if not wanted or meant in wanted else ""


def _unknown(path: Path, found: str, fix: str) -> FetchError:
    return FetchError(
        found,
        expected="a file of one of the assets, a zip archive or a folder that holds it",
        fix=fix,
        code="FETCH.UNKNOWN",
        path=path,
    )

"""Where users put their files: the SMPL body, checkpoints, data sets. Only names are looked at, no file is read.

Folders are looked for in the current folder, then in the one that the environment variable SHERFCTL_HOME names, then in
the source checkout if the program runs from one. The doctor uses this: nothing heavy is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

HOME_VARIABLE = "SHERFCTL_HOME"

BODY_FOLDERS = ("assets", "models/smpl", "models", "smpl_models", "smpl_models/smpl", "smpl/models", "sherf/assets")
BODY_NAMES = ("SMPL_NEUTRAL.pkl", "SMPL_NEUTRAL.npz")

CHECKPOINT_FOLDERS = ("models/smpl", "models", "assets")
CHECKPOINT_SUFFIXES = (".safetensors", ".pkl")
# Published under a name of its own.
CHECKPOINT_NAMES = {"ZJU-MoCap": "SHERF_zju_mocap"}
# Where the published training writes, folders deep; a run leaves hundreds of files there, a user many runs.
LOG_FOLDER = "logs"
LOG_DEPTH = 6
LOG_ENTRIES = 5000

DATASET_FOLDERS = {
    "RenderPeople": ("data/RenderPeople_recon/20230228", "data/RenderPeople_recon", "data/RenderPeople"),
    "THuman": ("data/THuman/nerf_data_", "data/THuman/nerf_data", "data/THuman"),
    "HuMMan": ("data/HuMMan/recon", "data/HuMMan"),
    "ZJU-MoCap": ("data/zju_mocap", "data/ZJU-MoCap", "data/ZJU_MoCap"),
}
"""Roots of the data sets: first the published place, then what people make of it."""


def search_roots() -> tuple[Path, ...]:
    """The folders in which `assets/`, `models/` and `data/` are looked for, best first, no duplicates."""
    candidates = [Path.cwd()]
    if os.environ.get(HOME_VARIABLE):
        candidates.append(Path(os.environ[HOME_VARIABLE]).expanduser())
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        candidates.append(checkout)
    return tuple(dict.fromkeys(path.resolve() for path in candidates))


def downloads_folder() -> Path | None:
    """Where browsers put what they fetch, None without a home folder."""
    try:
        return Path.home() / "Downloads"
    except RuntimeError:
        return None


def body_candidates(roots: Iterable[Path] | None = None) -> list[Path]:
    """Files that are named like the neutral SMPL body, best place first, whatever the case of their letters."""
    wanted = [name.lower() for name in BODY_NAMES]
    found = []
    for folder in _folders(roots, BODY_FOLDERS):
        files = _files(folder)
        for name in wanted:
            found += [path for path in files if path.name.lower() == name]
    return _unique(found)


def find_body(roots: Iterable[Path] | None = None) -> Path | None:
    """The user's neutral SMPL body, or None; a link that leads nowhere only where there is no other."""
    candidates = body_candidates(roots)
    return next((path for path in candidates if _is_there(path)), next(iter(candidates), None))


def checkpoint_name(dataset: str) -> str:
    """What the trained weights for a data set are called, without the ending."""
    return CHECKPOINT_NAMES.get(dataset, f"SHERF_{dataset}")


def find_checkpoint(dataset: str, roots: Iterable[Path] | None = None) -> Path | None:
    """The user's trained weights for a data set (`SHERF_<dataset>.safetensors` or `.pkl`), or None.

    The usual folders come first, then whatever lies under `logs/`, where the published training writes.
    """
    wanted = [f"{checkpoint_name(dataset)}{suffix}".lower() for suffix in CHECKPOINT_SUFFIXES]
    for folder in _folders(roots, CHECKPOINT_FOLDERS):
        files = _files(folder)
        for name in wanted:
            for path in files:
                if path.name.lower() == name:
                    return path
    logs = [path for folder in _folders(roots, [LOG_FOLDER]) for path in _walk(folder) if path.name.lower() in wanted]
    return min(logs, key=lambda path: wanted.index(path.name.lower()), default=None)


def find_dataset(dataset: str, roots: Iterable[Path] | None = None) -> Path | None:
    """The user's copy of a data set: the folder that holds the subjects' folders, or None."""
    return next(iter(_folders(roots, DATASET_FOLDERS.get(dataset, ()))), None)


def _folders(roots: Iterable[Path] | None, names: Iterable[str]) -> list[Path]:
    chosen = search_roots() if roots is None else roots
    names = list(names)
    return [root / name for root in chosen for name in names if _is_folder(root / name)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() or path.is_symlink())
    except OSError:
        return []


def _walk(folder: Path) -> Iterator[Path]:
    """Files under a folder, near ones first, by name; ends after LOG_DEPTH levels or LOG_ENTRIES entries."""
    level, left = [folder], LOG_ENTRIES
    for _ in range(LOG_DEPTH):
        deeper: list[Path] = []
        for place in level:
            try:
                with os.scandir(place) as entries:
                    seen = sorted(islice(entries, left), key=lambda entry: entry.name)
            except OSError:
                continue
            left -= len(seen)
            yield from (Path(entry.path) for entry in seen if _is_file(entry))
            # Links are not followed: they may lead in a circle.
            deeper += [Path(entry.path) for entry in seen if entry.is_dir(follow_symlinks=False)]
        level = deeper


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _unique(paths: list[Path]) -> list[Path]:
    return list(dict.fromkeys(paths))

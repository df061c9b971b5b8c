"""Which data, body and weights an evaluation uses: the user's own where they lie, otherwise the embedded ones.

Looked for in the usual places (sherf_core/data/locations.py), of which the first are

    data/RenderPeople_recon/20230228                   the data set
    assets/SMPL_NEUTRAL.pkl (or .npz)                  the body model
    models/smpl/SHERF_RenderPeople.safetensors         the weights

Without an explicit choice the data decides: RenderPeople when its folder is there, else the embedded demo. The demo
always uses the embedded body and, unless a checkpoint is named, the embedded weights. RenderPeople's fits belong to
SMPL, so there a missing body or missing weights are an error, never a silent replacement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sherf_core.data.locations import (
    BODY_FOLDERS,
    BODY_NAMES,
    CHECKPOINT_FOLDERS,
    CHECKPOINT_SUFFIXES,
    DATASET_FOLDERS,
    find_body,
    find_checkpoint,
    find_dataset,
)
from sherf_core.data.splits import DEMO, RENDERPEOPLE, Split, split_of
from sherf_core.errors import BodyFileError, CheckpointError, ConfigurationError, DatasetError

USUAL_DATA = Path(DATASET_FOLDERS[RENDERPEOPLE.dataset][0])
USUAL_BODY = Path(BODY_FOLDERS[0]) / BODY_NAMES[0]
USUAL_CHECKPOINT = Path(CHECKPOINT_FOLDERS[0]) / f"SHERF_{RENDERPEOPLE.dataset}{CHECKPOINT_SUFFIXES[0]}"
READABLE = (DEMO, RENDERPEOPLE)
"""Splits whose data have a reader."""
DEMO_ROOT = Path(__file__).parent / "demo"

EMBEDDED = "embedded"
"""As a body or checkpoint on the command line: the one that comes with the package."""
UNTRAINED = "untrained"
"""As a checkpoint on the command line: weights as they are before training."""


class WeightKind(str, Enum):
    """Where a model's weights come from, and so what its pictures are worth."""

    CHECKPOINT = "checkpoint"
    DEMO = "demo"
    UNTRAINED = "untrained"


@dataclass(frozen=True)
class UserFiles:
    """The user's own files, each None where there is none."""

    data: Path | None = None
    body: Path | None = None
    checkpoint: Path | None = None


def user_files(roots: Iterable[Path]) -> UserFiles:
    """Look for the user's files in the usual places under these folders."""
    roots, name = tuple(roots), RENDERPEOPLE.dataset
    return UserFiles(find_dataset(name, roots), find_body(roots), find_checkpoint(name, roots))


@dataclass(frozen=True)
class Sources:
    """The files of one evaluation; `body` None is the embedded body, `notes` say what was found and not used."""

    split: Split
    data: Path
    body: Path | None
    checkpoint: Path | None
    weights: WeightKind
    notes: tuple[str, ...] = ()


def find_sources(
    files: UserFiles,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    body: str | None = None,
    checkpoint: str | None = None,
) -> Sources:
    """Settle which data, body and weights to use.

    Args:
        files: what the user has in the usual places.
        dataset: "demo", "RenderPeople", or None to decide by what is there.
        data: the data set's folder; without `dataset` it is taken as RenderPeople's layout and split.
        body: a file, "embedded", or None to decide.
        checkpoint: a file, "embedded", "untrained", or None to decide.

    Raises:
        ConfigurationError: there is no such data set, or no reader for it.
        DatasetError, BodyFileError, CheckpointError: RenderPeople without its data, body or weights, or a named file
            is missing.
    """
    split = split_of(dataset) if dataset is not None else DEMO if data is None and files.data is None else RENDERPEOPLE
    if split not in READABLE:
        raise ConfigurationError(
            f"this version cannot read {split.dataset} yet",
            expected=" or ".join(readable.dataset for readable in READABLE),
            fix="choose one with --dataset",
        )
    root = data or (DEMO_ROOT if split is DEMO else files.data)
    if root is None:
        raise DatasetError(
            f"there is no RenderPeople data at {USUAL_DATA}",
            fix="name its folder with --data DIR, or use the embedded people with --dataset demo",
            code="DATA.MISSING",
            path=USUAL_DATA,
        )
    body_path = _find_body(files, split, body)
    checkpoint_path, weights = _find_checkpoint(files, split, checkpoint)
    return Sources(split, root, body_path, checkpoint_path, weights, _notes(files, split, body, checkpoint))


def _find_body(files: UserFiles, split: Split, body: str | None) -> Path | None:
    if body == EMBEDDED or (body is None and split is DEMO):
        return None
    if body is not None:
        if not Path(body).is_file():
            raise BodyFileError(
                f"there is no body model {body}",
                fix=f"check the path of --body FILE; --body {EMBEDDED} takes the free one that ships",
                code="SMPL.MISSING",
                path=body,
            )
        return Path(body)
    if files.body is None:
        raise BodyFileError(
            f"RenderPeople needs the SMPL body model, and {USUAL_BODY} is not there",
            fix=f"sherfctl fetch-assets smpl, or mv SMPL_NEUTRAL.pkl {USUAL_BODY}, or name it with --body FILE "
            f"(--body {EMBEDDED} for people that `sherfctl make-people` made)",
            code="SMPL.MISSING",
            path=USUAL_BODY,
        )
    return files.body


def _find_checkpoint(files: UserFiles, split: Split, checkpoint: str | None) -> tuple[Path | None, WeightKind]:
    if checkpoint == UNTRAINED:
        return None, WeightKind.UNTRAINED
    if checkpoint == EMBEDDED or (checkpoint is None and split is DEMO):
        return None, WeightKind.DEMO
    path = Path(checkpoint) if checkpoint is not None else files.checkpoint
    if path is None or not path.is_file():
        raise CheckpointError(
            f"there are no trained weights at {path or USUAL_CHECKPOINT}",
            expected="a published SHERF_*.pkl, or a .safetensors file with the model's parameter names",
            fix="`sherfctl fetch-assets sherf` says how to get them; put them there, or name them: --checkpoint FILE; "
            f"--checkpoint {UNTRAINED} runs with untrained weights",
            code="CKPT.MISSING",
            path=path or USUAL_CHECKPOINT,
        )
    return path, WeightKind.CHECKPOINT


def _notes(files: UserFiles, split: Split, body: str | None, checkpoint: str | None) -> tuple[str, ...]:
    """What lies in the user's folder though the demo does not use it."""
    if split is not DEMO:
        return ()
    notes = []
    if body is None and files.body is not None:
        notes.append(f"the demo uses the embedded body, because its people were made on it, and not {files.body}")
    if checkpoint is None and files.checkpoint is not None:
        notes.append(f"the demo uses its own weights; --checkpoint {files.checkpoint} uses yours")
    return tuple(notes)

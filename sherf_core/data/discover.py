"""Which data, body and weights an evaluation uses: the user's own where they lie, otherwise the embedded ones.

Looked for in the usual places (sherf_core/data/locations.py), of which the first for RenderPeople are

    data/RenderPeople_recon/20230228                   the data set
    assets/SMPL_NEUTRAL.pkl (or .npz)                  the body model
    models/smpl/SHERF_RenderPeople.safetensors         the weights

Without an explicit choice the data decides: RenderPeople when its folder is there, else the embedded demo. The demo
always uses the embedded body and, unless a checkpoint is named, the embedded weights. The published data sets belong to
SMPL, so there a missing body or missing weights are an error, never a silent replacement. Own data says in its file
which body it was fitted with; on the embedded body it is treated like the demo, else with RenderPeople's weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sherf_core.data.locations import (
    BODY_FOLDERS,
    BODY_NAMES,
    CHECKPOINT_FOLDERS,
    CHECKPOINT_SUFFIXES,
    DATASET_FOLDERS,
    checkpoint_name,
    find_body,
    find_checkpoint,
    find_dataset,
)
from sherf_core.data.own.layout import EMBEDDED_BODY, OWN, read_own
from sherf_core.data.splits import DEMO, RENDERPEOPLE, SPLITS, Split, split_of
from sherf_core.errors import BodyFileError, CheckpointError, DatasetError

USUAL_DATA = Path(DATASET_FOLDERS[RENDERPEOPLE.dataset][0])
USUAL_BODY = Path(BODY_FOLDERS[0]) / BODY_NAMES[0]
USUAL_CHECKPOINT = Path(CHECKPOINT_FOLDERS[0]) / f"SHERF_{RENDERPEOPLE.dataset}{CHECKPOINT_SUFFIXES[0]}"
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
    """The user's own files, each None where there is none.

    Attributes:
        data: RenderPeople's folder.
        body: the neutral SMPL model.
        checkpoint: weights trained on RenderPeople.
        datasets: folders of the other data sets, by name.
        checkpoints: weights trained on them, by name.
    """

    data: Path | None = None
    body: Path | None = None
    checkpoint: Path | None = None
    datasets: Mapping[str, Path] = field(default_factory=dict)
    checkpoints: Mapping[str, Path] = field(default_factory=dict)

    def data_of(self, dataset: str) -> Path | None:
        """The folder of a data set."""
        return self.data if dataset == RENDERPEOPLE.dataset else self.datasets.get(dataset)

    def checkpoint_of(self, dataset: str) -> Path | None:
        """The weights trained on a data set; of own data those of RenderPeople, which has the most people."""
        own = dataset in (RENDERPEOPLE.dataset, DEMO.dataset, OWN)
        return self.checkpoint if own else self.checkpoints.get(dataset)


def user_files(roots: Iterable[Path]) -> UserFiles:
    """Look for the user's files in the usual places under these folders."""
    roots = tuple(roots)
    datasets = {name: path for name in SPLITS if (path := find_dataset(name, roots))}
    checkpoints = {name: path for name in SPLITS if (path := find_checkpoint(name, roots))}
    name = RENDERPEOPLE.dataset
    return UserFiles(datasets.pop(name, None), find_body(roots), checkpoints.pop(name, None), datasets, checkpoints)


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
        dataset: a split's name, "own", or None to decide by what is there.
        data: the data set's folder; without `dataset` it is taken as RenderPeople's layout and split.
        body: a file, "embedded", or None to decide.
        checkpoint: a file, "embedded", "untrained", or None to decide.

    Raises:
        ConfigurationError: there is no such data set.
        DatasetError, BodyFileError, CheckpointError: a data set without its data, body or weights, or a named file
            is missing.
    """
    split, root = _find_data(files, dataset, data)
    body_path = _find_body(files, split, root, body)
    embedded = body_path is None and split.dataset in (DEMO.dataset, OWN)
    checkpoint_path, weights = _find_checkpoint(files, split, checkpoint, embedded)
    return Sources(split, root, body_path, checkpoint_path, weights, _notes(files, split, body, checkpoint))


def _find_data(files: UserFiles, dataset: str | None, data: Path | None) -> tuple[Split, Path]:
    if dataset is not None and dataset.lower() == OWN:
        if data is None:
            raise DatasetError(
                "--dataset own needs the folder of your data",
                fix="name it with --data DIR; `sherfctl data example DIR` writes one to imitate",
                code="DATA.MISSING",
            )
        return read_own(data).split, data
    split = split_of(dataset) if dataset is not None else DEMO if data is None and files.data is None else RENDERPEOPLE
    root = data or (DEMO_ROOT if split is DEMO else files.data_of(split.dataset))
    if root is None:
        usual = Path(DATASET_FOLDERS[split.dataset][0])
        raise DatasetError(
            f"there is no {split.dataset} data at {usual}",
            fix="name its folder with --data DIR, or use the embedded people with --dataset demo",
            code="DATA.MISSING",
            path=usual,
        )
    return split, root


def _find_body(files: UserFiles, split: Split, data: Path, body: str | None) -> Path | None:
    made_here = split is DEMO or (split.dataset == OWN and read_own(data).body == EMBEDDED_BODY)
    if body == EMBEDDED or (body is None and made_here):
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
        who = "your data" if split.dataset == OWN else split.dataset
        raise BodyFileError(
            f"{who} needs the SMPL body model, and {USUAL_BODY} is not there",
            fix=f"sherfctl fetch-assets smpl, or mv SMPL_NEUTRAL.pkl {USUAL_BODY}, or name it with --body FILE "
            f"(--body {EMBEDDED} for people that `sherfctl make-people` made)",
            code="SMPL.MISSING",
            path=USUAL_BODY,
        )
    return files.body


def _find_checkpoint(
    files: UserFiles, split: Split, checkpoint: str | None, embedded: bool
) -> tuple[Path | None, WeightKind]:
    """The weights' file and kind; `embedded` people on the embedded body have the embedded weights by default."""
    if checkpoint == UNTRAINED:
        return None, WeightKind.UNTRAINED
    if checkpoint == EMBEDDED or (checkpoint is None and (split is DEMO or embedded)):
        return None, WeightKind.DEMO
    path = Path(checkpoint) if checkpoint is not None else files.checkpoint_of(split.dataset)
    if path is None or not path.is_file():
        trained_on = RENDERPEOPLE.dataset if split.dataset == OWN else split.dataset
        usual = Path(CHECKPOINT_FOLDERS[0]) / f"{checkpoint_name(trained_on)}{CHECKPOINT_SUFFIXES[0]}"
        raise CheckpointError(
            f"there are no trained weights at {path or usual}",
            expected="a published SHERF_*.pkl, or a .safetensors file with the model's parameter names",
            fix="`sherfctl fetch-assets sherf` says how to get them; put them there, or name them: --checkpoint FILE; "
            f"--checkpoint {UNTRAINED} runs with untrained weights",
            code="CKPT.MISSING",
            path=path or usual,
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

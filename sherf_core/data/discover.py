"""Which data, body and weights an evaluation uses: the user's own where they lie, otherwise the embedded ones.

Looked for in the current folder (the places that the README names):

    data/RenderPeople_recon/20230228                   the data set
    assets/SMPL_NEUTRAL.pkl (or .npz)                  the body model
    models/smpl/SHERF_RenderPeople.safetensors         the weights

Without an explicit choice the data decides: RenderPeople when its folder is there, else the embedded demo. The demo
always uses the embedded body and, unless a checkpoint is named, the embedded weights. RenderPeople's fits belong to
SMPL, so there a missing body or missing weights are an error, never a silent replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sherf_core.data.splits import DEMO, RENDERPEOPLE, Split, split_of
from sherf_core.errors import BodyFileError, CheckpointError

RENDERPEOPLE_ROOT = Path("data") / "RenderPeople_recon" / "20230228"
BODY_NAMES = (Path("assets") / "SMPL_NEUTRAL.pkl", Path("assets") / "SMPL_NEUTRAL.npz")
CHECKPOINT_NAME = Path("models") / "smpl" / "SHERF_RenderPeople.safetensors"
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
class Sources:
    """The files of one evaluation; `body` None is the embedded body, `notes` say what was found and not used."""

    split: Split
    data: Path
    body: Path | None
    checkpoint: Path | None
    weights: WeightKind
    notes: tuple[str, ...] = ()


def find_sources(
    folder: Path,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    body: str | None = None,
    checkpoint: str | None = None,
) -> Sources:
    """Settle which data, body and weights to use.

    Args:
        folder: where to look for the user's files (the current folder).
        dataset: "demo", "RenderPeople", or None to decide by what is there.
        data: the data set's folder; without `dataset` it is taken as RenderPeople's layout and split.
        body: a file, "embedded", or None to decide.
        checkpoint: a file, "embedded", "untrained", or None to decide.

    Raises:
        ConfigurationError: there is no such data set.
        BodyFileError, CheckpointError: RenderPeople without a body or weights, or a named file is missing.
    """
    if dataset is not None:
        split = split_of(dataset)
    else:
        split = RENDERPEOPLE if data is not None or (folder / RENDERPEOPLE_ROOT).is_dir() else DEMO
    root = data or (DEMO_ROOT if split is DEMO else folder / RENDERPEOPLE_ROOT)
    body_path = _find_body(folder, split, body)
    checkpoint_path, weights = _find_checkpoint(folder, split, checkpoint)
    return Sources(split, root, body_path, checkpoint_path, weights, _notes(folder, split, body, checkpoint))


def _find_body(folder: Path, split: Split, body: str | None) -> Path | None:
    if body == EMBEDDED or (body is None and split is DEMO):
        return None
    if body is not None:
        if not Path(body).is_file():
            raise BodyFileError(f"there is no body model {body}", code="SMPL.MISSING", path=body)
        return Path(body)
    found = next((folder / name for name in BODY_NAMES if (folder / name).is_file()), None)
    if found is None:
        raise BodyFileError(
            f"RenderPeople needs the SMPL body model, and {folder / BODY_NAMES[0]} is not there",
            expected=f"SMPL_NEUTRAL.pkl in {folder / 'assets'}",
            fix=f"mv SMPL_NEUTRAL.pkl {BODY_NAMES[0]}, or name it with --body FILE "
            f"(--body {EMBEDDED} for people that `sherfctl make-people` made)",
            code="SMPL.MISSING",
            path=folder / BODY_NAMES[0],
        )
    return found


def _find_checkpoint(folder: Path, split: Split, checkpoint: str | None) -> tuple[Path | None, WeightKind]:
    if checkpoint == UNTRAINED:
        return None, WeightKind.UNTRAINED
    if checkpoint == EMBEDDED or (checkpoint is None and split is DEMO):
        return None, WeightKind.DEMO
    path = Path(checkpoint) if checkpoint is not None else folder / CHECKPOINT_NAME
    if path.is_file() and path.suffix == ".safetensors":
        return path, WeightKind.CHECKPOINT
    published = path if path.suffix == ".pkl" else path.with_suffix(".pkl")
    if published.is_file():
        raise CheckpointError(
            f"{published} is a checkpoint of the published code, which this version cannot read yet",
            expected="a .safetensors file with the model's parameter names",
            fix=f"--checkpoint FILE.safetensors; or --checkpoint {UNTRAINED} to try everything else",
            path=published,
        )
    raise CheckpointError(
        f"there are no trained weights at {path}",
        expected="a .safetensors file with the model's parameter names",
        fix=f"put it there or name it with --checkpoint FILE; --checkpoint {UNTRAINED} runs with untrained weights",
        code="CKPT.MISSING",
        path=path,
    )


def _notes(folder: Path, split: Split, body: str | None, checkpoint: str | None) -> tuple[str, ...]:
    """What lies in the user's folder though the demo does not use it."""
    if split is not DEMO:
        return ()
    notes = []
    if body is None and any((folder / name).is_file() for name in BODY_NAMES):
        notes.append("the demo uses the embedded body, because its people were made on it; assets/ is not used")
    if checkpoint is None and (folder / CHECKPOINT_NAME).is_file():
        notes.append(f"the demo uses its own weights; --checkpoint {CHECKPOINT_NAME} uses yours")
    return tuple(notes)

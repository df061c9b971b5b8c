"""The checkpoints of a training: each is written whole or not at all, and older ones are removed last.

    FOLDER/checkpoint-00001234/     see `checkpoint_files`

Names that begin with a dot are half-made or half-removed and never read. `aside-…` is what a resumed run did not go on
from: broken checkpoints, and later ones of a run that was taken up at an earlier step.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from sherf_core.errors import CheckpointError, TrainingError
from sherf_core.train.checkpoint_files import (
    Saved,
    TensorWriter,
    flush,
    read_checkpoint,
    read_document,
    write_checkpoint,
)

FAILURES_ALLOWED = 1
"""How many saves in a row may fail, as on a full disk; one more ends the training."""

_NAME = re.compile(r"checkpoint-(\d{8,})(-replaced)?")


@dataclass(frozen=True)
class Skipped:
    """A checkpoint that could not be used, and why."""

    path: Path
    why: str

    def __str__(self) -> str:
        return self.why


class CheckpointStore:
    """The checkpoints of one training. Every rank may read; one rank writes.

    Args:
        folder: where they lie; made at the first save.
        keep_last: how many of the latest are kept, one or more.
        best_of: keep the one with the "lowest" or "highest" metric, too; None if there is no metric.
        write: writes tensors to a file.
    """

    def __init__(
        self,
        folder: Path,
        keep_last: int = 3,
        best_of: Literal["lowest", "highest"] | None = None,
        write: TensorWriter = save_file,
    ) -> None:
        if keep_last < 1:
            raise TrainingError(f"keep_last is {keep_last}", expected="1 or more", fix="--set keep_last=3")
        self.folder, self.keep_last, self.best_of = Path(folder), keep_last, best_of
        self.skipped: list[Skipped] = []
        self.failures: list[str] = []
        self._write = write
        self._resumed_at = 0
        self._begun = False

    # Writing ----------------------------------------------------------------------------------------------------

    def save(
        self,
        tensors: Mapping[str, Tensor],
        plain: Mapping[str, Any],
        *,
        step: int,
        metric: float | None = None,
        final: bool = False,
    ) -> Path | None:
        """Save a step; then remove what is no longer to be kept.

        A full disk does not end the training at once: the save is given up, nothing of it stays, all older
        checkpoints do, the reason is appended to `failures`, and None is returned. A second failure in a row raises.

        Args:
            tensors: named; those under `weights.` go into the file of weights, without the prefix.
            plain: JSON values; infinities and NaN are refused, as they are no JSON.
            final: there will be no later save: if this one fails it is tried once more, and then raises.

        Raises:
            TrainingError: SYS.DISK, when saving failed twice in a row.
        """
        path = self.folder / f"checkpoint-{step:08d}"
        try:
            if not self._begun:
                self.begin(self._resumed_at)
            self._remove_leftovers()
            self._put(path, tensors, plain, step, metric)
        except (OSError, SafetensorError) as error:
            self._failed(path, error)
            return self.save(tensors, plain, step=step, metric=metric, final=True) if final else None
        self.failures.clear()
        self._prune(path)
        return path

    def begin(self, step: int) -> None:
        """Go on from this step (0: from the start): later checkpoints are another run's, and are put aside.

        Otherwise the next `--resume auto` would take up the run that was left. `save` does this if nobody did.
        """
        self._begun = True
        broken = {skipped.path for skipped in self.skipped}
        for path in list(self._present()):
            if path in broken or _step(path) > step:
                aside = self.folder / f"aside-{path.name}"
                if aside.exists():
                    aside = aside.with_name(f"{aside.name}-{secrets.token_hex(3)}")
                path.rename(aside)

    def _put(
        self, path: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any], step: int, metric: float | None
    ) -> None:
        temporary = self.folder / f".saving-{path.name}-{secrets.token_hex(4)}"
        temporary.mkdir(parents=True)
        try:
            write_checkpoint(temporary, tensors, plain, step=step, metric=metric, write=self._write)
            if path.exists():
                # Two renames, and between them the old one is still found under its second name.
                second = path.with_name(f"{path.name}-replaced")
                self._remove(second)
                path.rename(second)
            temporary.rename(path)
            flush(self.folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _failed(self, path: Path, error: Exception) -> None:
        self.failures.append(f"{path.name} could not be saved: {error}")
        if len(self.failures) > FAILURES_ALLOWED:
            free = _free_bytes(self.folder)
            raise TrainingError(
                f"checkpoints cannot be saved in {self.folder}: {'; '.join(self.failures)}",
                expected=f"space for a checkpoint; {free / 2**30:.2f} GiB are free there",
                fix="make room or name another disk with --out, then go on with --resume auto; "
                "the checkpoints saved before are untouched",
                code="SYS.DISK",
                path=self.folder,
            ) from error

    def _prune(self, saved: Path) -> None:
        """Remove what is not to be kept; `saved` is whole by now."""
        paths = list(self._present())
        kept = {saved, *[path for path in paths if not path.name.endswith("-replaced")][: self.keep_last]}
        best = self.best()
        for path in paths:
            if path not in kept and path != best:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        # First out of sight: if this is cut short, nobody takes the rest for a checkpoint.
        doomed = self.folder / f".removing-{path.name}-{secrets.token_hex(4)}"
        try:
            path.rename(doomed)
        except OSError:
            return  # it is looked at again after the next save
        shutil.rmtree(doomed, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """What a killed process left; there may be a lot of it, and the disk is about to be needed."""
        for pattern in (".saving-*", ".removing-*"):
            for leftover in self.folder.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)

    # Reading ----------------------------------------------------------------------------------------------------

    def load_latest(self) -> Saved | None:
        """The latest whole checkpoint, or None where there is none yet.

        Broken ones are passed over; `skipped` says which and why.

        Raises:
            CheckpointError: CKPT.FILE, if there are some and all are broken.
        """
        self.skipped = []
        for path in self._present():
            try:
                return self.load(path)
            except CheckpointError as error:
                self.skipped.append(Skipped(path, error.found))
        if self.skipped:
            raise CheckpointError(
                f"no checkpoint in {self.folder} can be used: " + "; ".join(skipped.why for skipped in self.skipped),
                expected="at least one that is whole",
                fix="start anew with --resume no, or put a good copy of one of them there",
                code="CKPT.FILE",
                path=self.folder,
            )
        return None

    def load(self, path: Path) -> Saved:
        """Read one checkpoint, and compare its files with their digests.

        Raises:
            CheckpointError: CKPT.MISSING or CKPT.FILE; `found` says what is wrong.
        """
        saved = read_checkpoint(Path(path))
        self._resumed_at = saved.step
        return saved

    def best(self) -> Path | None:
        """The checkpoint with the best metric; of equals, the latest. Only descriptions are read."""
        if self.best_of is None:
            return None
        sign = 1 if self.best_of == "highest" else -1
        rated = []
        for path in self._present():
            try:
                document = read_document(path)
            except CheckpointError:
                continue
            if document["metric"] is not None:
                rated.append((sign * document["metric"], document["step"], path))
        return max(rated)[2] if rated else None

    def _present(self) -> Iterator[Path]:
        """Every checkpoint, latest first; one that is being replaced comes after its successor."""
        found = [path for path in self.folder.glob("checkpoint-*") if _NAME.fullmatch(path.name) and path.is_dir()]
        yield from sorted(found, key=lambda path: (_step(path), not path.name.endswith("-replaced")), reverse=True)


def _step(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _free_bytes(folder: Path) -> int:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free

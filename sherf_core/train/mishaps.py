"""What may go wrong in a step: a loss that is no number, and memory that does not suffice."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from sherf_core.errors import TrainingError
from sherf_core.io.atomic import atomic_write, write_json
from sherf_core.train.journal import Journal
from sherf_core.train.random_states import random_states, restore_random_states
from sherf_core.train.world import World

Result = TypeVar("Result")

BATCHES_KEPT = 5
"""Batches of the last bad steps that each rank keeps for inspection; a long row of them would fill the disk."""
SMALLEST_CHUNK = 1 << 10
"""Points near the body that are made at once, at the least: with fewer, it is not the chunks that fill the memory."""

IN_ROWS = torch.contiguous_format

_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "unable to allocate",
)


# A loss that is no number ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class BadBatch:
    """What a rank trained on in one step, for inspection.

    Attributes:
        keys: the samples' names.
        tensors: their inputs and the truth.
        losses: the loss and its parts.
    """

    keys: Sequence[str]
    tensors: Mapping[str, Tensor]
    losses: Mapping[str, float]


class BadSteps:
    """Skips steps whose loss is NaN or infinite, on all ranks alike; ends the training after too many.

    Args:
        folder: the run's folder; batches go to FOLDER/bad-steps/.
        limit: so many bad steps in a row end the training.
        count: how many there were before, of a resumed run.
    """

    def __init__(self, folder: Path, limit: int, journal: Journal, world: World, count: int = 0) -> None:
        self.folder, self.limit, self.count = Path(folder) / "bad-steps", limit, count
        self.in_a_row = 0
        self._journal, self._world = journal, world

    def skip(self, step: int, loss: Tensor, batch: Callable[[], BadBatch]) -> bool:
        """Whether to leave this step out. Every rank must ask in every step: they decide together.

        Args:
            loss: this rank's loss; finite or not.
            batch: makes what is saved, if this rank's loss is not finite.

        Raises:
            TrainingError: on every rank, when there were too many.
        """
        mine = not bool(torch.isfinite(loss).all())
        bad = int(self._world.sum(torch.tensor(float(mine), device=self._world.device)).item())
        if not bad:
            self.in_a_row = 0
            return False
        self.count += 1
        self.in_a_row += 1
        path = self._save(step, batch()) if mine else None
        self._journal.event("bad_loss", {"step": step, "ranks": bad, "bad_steps": self.count, "batch": str(path or "")})
        if self.in_a_row >= self.limit:
            raise TrainingError(
                f"the losses of {self.in_a_row} steps in a row, up to step {step}, are NaN or infinite",
                expected=f"fewer (max_bad_steps={self.limit}); {self.count} in the whole training",
                fix=f"look at the batches in {self.folder}; then lower the learning rate, "
                "use --set precision=float32, or leave the samples out",
                path=self.folder,
            )
        return True

    def _save(self, step: int, batch: BadBatch) -> Path | None:
        stem = self.folder / f"step-{step:08d}-rank-{self._world.rank}"
        path = stem.with_suffix(".safetensors")
        try:
            with atomic_write(path) as temporary:
                # safetensors wants each tensor in one piece, with memory of its own.
                whole = {name: one.detach().cpu().clone(memory_format=IN_ROWS) for name, one in batch.tensors.items()}
                save_file(whole, temporary)
            losses = {name: repr(float(value)) for name, value in batch.losses.items()}
            write_json(stem.with_suffix(".json"), {"step": step, "keys": list(batch.keys), "losses": losses})
        except (OSError, SafetensorError) as error:
            details = {"step": step, "rank": self._world.rank, "why": str(error)}
            self._journal.event("batch_not_saved", details, every_rank=True)
            return None
        for old in sorted(self.folder.glob(f"*-rank-{self._world.rank}.safetensors"))[:-BATCHES_KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink(missing_ok=True)
        return path


# Memory that does not suffice -----------------------------------------------------------------------------------------


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device's memory was full. CUDA's libraries say so in words of their own."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)


class MemoryGuard:
    """Repeats a step that ran out of memory with half the points a chunk; the result is the same but for rounding.

    The smaller chunk stays for the steps that follow. What the failed attempt left is undone: gradients, and the
    position of all random number generators.

    Args:
        model: whose gradients the step makes.
        points_per_chunk: where to begin.
    """

    def __init__(
        self, model: nn.Module, points_per_chunk: int, journal: Journal, smallest: int = SMALLEST_CHUNK
    ) -> None:
        self.points_per_chunk = points_per_chunk
        self._model, self._journal, self._smallest = model, journal, min(smallest, points_per_chunk)

    def run(self, step: int, attempt: Callable[[int], Result]) -> Result:
        """The result of `attempt(points_per_chunk)`.

        Args:
            attempt: makes gradients anew, and changes neither parameters nor buffers.

        Raises:
            TrainingError: RUN.VRAM, when it does not fit with the smallest chunk either.
        """
        before = random_states()
        while True:
            why = ""
            try:
                return attempt(self.points_per_chunk)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                if self.points_per_chunk <= self._smallest:
                    raise self._too_big(step, why) from error
            # Outside of `except`: until its end the error holds the frames, and these the memory that is to be freed.
            restore_random_states(before)
            self._model.zero_grad(set_to_none=True)
            _free_memory()
            halved = max(self._smallest, self.points_per_chunk // 2)
            details = {"step": step, "points_per_chunk": halved, "before": self.points_per_chunk, "why": why}
            self._journal.event("out_of_memory", details, every_rank=True)
            self.points_per_chunk = halved

    def _too_big(self, step: int, why: str) -> TrainingError:
        return TrainingError(
            f"step {step} does not fit into memory, not even with {self.points_per_chunk} points a chunk: {why}",
            expected="a step that fits; the next thing to make smaller is the batch or the picture",
            fix="--set gradient_checkpointing=true, --set samples_per_gpu=1 with more accumulation, "
            "--set rays_per_sample=4096, or a smaller --resolution",
            code="RUN.VRAM",
        )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()

"""What a training writes down as it goes; each file can be read at any time.

FOLDER/log.jsonl        a line a step; a resumed run cuts the lines after the step that it goes on from
FOLDER/log-aside.jsonl  the lines that were cut
FOLDER/events.jsonl     what happened, and when: resumed, saved, skipped a step, ran out of memory; never cut
FOLDER/images/          pictures, by step
FOLDER/tensorboard/     the same for TensorBoard, where the package `tensorboard` is there
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from sherf_core.evaluate.pictures import eight_bit
from sherf_core.io.atomic import atomic_write, write_text

LOG, ASIDE, EVENTS = "log.jsonl", "log-aside.jsonl", "events.jsonl"
IMAGES, TENSORBOARD = "images", "tensorboard"


class LineFile:
    """A file of JSON lines that is only ever appended to, a whole line at a time.

    Lines that cannot be written, as on a full disk, wait in memory until they can: a training must not end over them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.waiting: list[bytes] = []

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record; numbers that JSON does not have (NaN, infinities) become null."""
        line = json.dumps(_finite(dict(record)), allow_nan=False, ensure_ascii=False)
        self.waiting.append(line.encode() + b"\n")
        try:
            self._write_waiting()
        except OSError:
            return

    def read(self) -> list[dict[str, Any]]:
        """The records; a last line that was cut short by a crash is left out."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        records = []
        for line in content.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
        return records

    def keep(self, wanted: Callable[[Mapping[str, Any]], bool], aside: LineFile) -> None:
        """Move what is not wanted aside, and drop half a last line; readers see the old file or the new one."""
        records = self.read()
        for record in records:
            if not wanted(record):
                aside.append(record)
        if self.path.exists():
            lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records if wanted(record)]
            write_text(self.path, "".join(lines))

    def _write_waiting(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            whole = os.fstat(descriptor).st_size
            content = b"".join(self.waiting)
            if whole:
                os.lseek(descriptor, whole - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    content = b"\n" + content  # half a line of a process that was killed: it stays alone
            if os.write(descriptor, content) < len(content):
                os.ftruncate(descriptor, whole)  # no half lines; the whole is tried again
                return
        finally:
            os.close(descriptor)
        self.waiting.clear()


class Journal:
    """The log of one training; other ranks than the main one only add events of their own.

    Args:
        folder: the run's folder.
        main: whether this process writes.
        tensorboard: write for TensorBoard as well, where its package is there.
    """

    def __init__(self, folder: Path, main: bool = True, *, tensorboard: bool = True) -> None:
        self.folder, self.main = Path(folder), main
        self.log, self.events = LineFile(self.folder / LOG), LineFile(self.folder / EVENTS)
        self._wants_board = main and tensorboard
        self._board: Any = None
        self._first_step = 1

    def begin(self, step: int) -> None:
        """Go on after this step (0: from the start): what the log says of later ones did not happen."""
        self._first_step = step + 1
        if self.main:
            aside = LineFile(self.folder / ASIDE)
            self.log.keep(lambda record: isinstance(record.get("step"), int) and record["step"] <= step, aside)

    def step(self, record: Mapping[str, Any]) -> None:
        """Write one step down: `step`, `images`, the parts of the loss, the learning rate, seconds, memory."""
        if not self.main:
            return
        self.log.append(record)
        self._on_board(lambda board: _scalars(board, record))

    def event(self, kind: str, details: Mapping[str, Any] | None = None, *, every_rank: bool = False) -> None:
        """Write down that something happened, with the time (UTC).

        Args:
            every_rank: whichever rank it happened to; otherwise the main one speaks for all.
        """
        if self.main or every_rank:
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            self.events.append({"event": kind, "time": now, **(details or {})})

    def images(self, step: int, image: Float[np.ndarray, "H W 3"], name: str = "") -> Path | None:
        """Write a picture in 0..1 as images/step-00000100.png; None where that cannot be, or is not this rank's."""
        if not self.main:
            return None
        stem = f"step-{step:08d}" + (f"-{name}" if name else "")
        path = self.folder / IMAGES / f"{stem}.png"
        pixels = eight_bit(image)
        try:
            with atomic_write(path) as temporary:
                Image.fromarray(pixels).save(temporary, format="PNG")
        except OSError as error:
            self.event("image_not_saved", {"step": step, "why": str(error)})
            return None
        self._on_board(lambda board: board.add_image(name or "images", pixels, step, dataformats="HWC"))
        return path

    def flush(self) -> None:
        """Wait until the log is on the disk: before a checkpoint says that these steps are done."""
        for lines in (self.log, self.events):
            if self.main and lines.path.exists():
                with lines.path.open("rb+") as file:
                    os.fsync(file.fileno())
        self._on_board(lambda board: board.flush())

    def close(self) -> None:
        """Write the rest."""
        if self._board is not None:
            self._on_board(lambda board: board.close())
            self._board = None

    def _on_board(self, write: Callable[[Any], object]) -> None:
        """TensorBoard is a convenience: if it cannot write, the training goes on without it and says so once."""
        if not self._wants_board:
            return
        try:
            if self._board is None:
                self._board = _summary_writer(self.folder / TENSORBOARD, self._first_step)
            write(self._board)
        except ImportError:
            self._wants_board = False
        except OSError as error:
            self._wants_board = False
            self.event("tensorboard_stopped", {"why": str(error)})


def _summary_writer(folder: Path, first_step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    # TensorBoard leaves out what earlier writers said about this step and later ones.
    return SummaryWriter(log_dir=str(folder), purge_step=first_step)


def _scalars(board: Any, record: Mapping[str, Any]) -> None:
    for name, value in _flat(record):
        if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
            board.add_scalar(name, value, record["step"])


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in record.items():
        pairs += _flat(value, f"{prefix}{name}/") if isinstance(value, Mapping) else [(prefix + name, value)]
    return pairs


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

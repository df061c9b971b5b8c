from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from sherf_core.train.journal import Journal, LineFile


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_a_step(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", tensorboard=False)
    journal.step({"step": 1, "images": 4, "loss": {"total": 0.1 + 0.2, "mse": 1.5}, "rate": 0.002})
    # Readable while it is written: nothing waits in a buffer.
    assert lines(tmp_path / "run" / "log.jsonl") == [
        {"step": 1, "images": 4, "loss": {"total": 0.30000000000000004, "mse": 1.5}, "rate": 0.002}
    ]
    journal.step({"step": 2, "loss": {"total": float("nan"), "mse": float("inf")}})
    assert lines(tmp_path / "run" / "log.jsonl")[1] == {"step": 2, "loss": {"total": None, "mse": None}}


def test_a_resumed_run_cuts_what_came_after(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tensorboard=False)
    for step in range(1, 6):
        journal.step({"step": step, "loss": 0.1 * step})
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "lo')  # killed while writing
    before = (tmp_path / "log.jsonl").read_text().splitlines()
    resumed = Journal(tmp_path, tensorboard=False)
    resumed.begin(3)
    assert (tmp_path / "log.jsonl").read_text().splitlines() == before[:3]
    assert (tmp_path / "log-aside.jsonl").read_text().splitlines() == before[3:5]
    resumed.step({"step": 4, "loss": 0.4})
    assert [line["step"] for line in lines(tmp_path / "log.jsonl")] == [1, 2, 3, 4]
    resumed.begin(0)
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_events_are_never_cut_and_have_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tensorboard=False)
    journal.event("resumed", {"step": 7})
    journal.begin(0)
    journal.event("finished")
    first, second = lines(tmp_path / "events.jsonl")
    assert (first["event"], first["step"], second["event"]) == ("resumed", 7, "finished")
    assert first["time"].endswith("+00:00")


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", main=False)
    journal.begin(0)
    journal.step({"step": 1})
    journal.event("resumed")
    assert journal.images(1, np.zeros((2, 2, 3))) is None
    journal.flush()
    journal.close()
    assert not (tmp_path / "run").exists()


def test_what_happens_to_one_rank_alone_is_told_by_it(tmp_path: Path) -> None:
    Journal(tmp_path, main=True, tensorboard=False).event("resumed")
    Journal(tmp_path, main=False).event("out_of_memory", {"step": 3}, every_rank=True)
    assert [event["event"] for event in lines(tmp_path / "events.jsonl")] == ["resumed", "out_of_memory"]


def test_half_a_line_of_a_killed_process_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2, "lo')
    file = LineFile(path)
    file.append({"step": 2})
    file.append({"step": 3})
    assert [record["step"] for record in file.read()] == [1, 2, 3]


def test_lines_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    program = """
        import resource, sys
        from pathlib import Path
        from sherf_core.train.journal import LineFile
        file = LineFile(Path(sys.argv[1]))
        file.append({"step": 1})
        size = file.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, resource.RLIM_INFINITY))
        file.append({"step": 2})
        file.append({"step": 3})
        assert file.path.read_bytes() == b'{"step": 1}\\n', file.path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        file.append({"step": 4})
    """
    path = tmp_path / "log.jsonl"
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(path)], check=True, timeout=60)
    assert [line["step"] for line in lines(path)] == [1, 2, 3, 4]


def test_pictures(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tensorboard=False)
    image = np.zeros((3, 5, 3))
    image[1, 2] = (1.0, 0.5, 2.0)
    path = journal.images(40, image)
    assert path == tmp_path / "images" / "step-00000040.png"
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (3, 5, 3)
    assert tuple(pixels[1, 2]) == (255, 128, 255)


def test_a_picture_that_cannot_be_written_is_an_event(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    journal = Journal(tmp_path, tensorboard=False)
    assert journal.images(1, np.zeros((2, 2, 3))) is None
    assert lines(tmp_path / "events.jsonl")[0]["event"] == "image_not_saved"


class Board:
    """Stands for TensorBoard's writer."""

    made: ClassVar[list[Board]] = []
    full = False

    def __init__(self, log_dir: str, purge_step: int) -> None:
        self.log_dir, self.purge_step, self.scalars, self.pictures, self.closed = log_dir, purge_step, {}, {}, False
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        if self.full:
            raise OSError("No space left on device")
        self.scalars[name, step] = value

    def add_image(self, name: str, pixels: np.ndarray, step: int, dataformats: str) -> None:
        self.pictures[name, step] = (pixels.shape, dataformats)

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> type[Board]:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Board  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(Board, "made", [])
    return Board


def test_tensorboard_where_it_is_there(board: type[Board], tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(10)
    journal.step({"step": 11, "loss": {"mse": 0.25, "lpips": None}, "rate": 0.5, "note": "text", "skipped": False})
    journal.images(11, np.zeros((2, 4, 3)))
    journal.flush()
    journal.close()
    (writer,) = board.made
    assert (writer.log_dir, writer.purge_step) == (str(tmp_path / "tensorboard"), 11)
    assert writer.scalars == {("loss/mse", 11): 0.25, ("rate", 11): 0.5}
    assert writer.pictures == {("images", 11): ((2, 4, 3), "HWC")}
    assert writer.closed


def test_tensorboard_that_cannot_write_is_given_up(
    board: type[Board], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Board, "full", True)
    journal = Journal(tmp_path)
    for step in (1, 2, 3):
        journal.step({"step": step, "loss": 1.0})
    assert len(lines(tmp_path / "log.jsonl")) == 3
    assert [event["event"] for event in lines(tmp_path / "events.jsonl")] == ["tensorboard_stopped"]


def test_without_tensorboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    journal = Journal(tmp_path)
    journal.step({"step": 1, "loss": 1.0})
    journal.images(1, np.zeros((2, 2, 3)))
    journal.flush()
    journal.close()
    assert sorted(os.listdir(tmp_path)) == ["images", "log.jsonl"]

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sherf_core.errors import CheckpointError, TrainingError
from sherf_core.train.checkpoints import CheckpointStore

PLAIN = {"position": {"step": 3, "seconds": 0.1 + 0.2}, "random": {"python": "00ff"}}


def tensors_of(step: int) -> dict[str, torch.Tensor]:
    shared = torch.arange(6.0) + step
    return {
        "weights.a.weight": torch.full((4, 3), float(step)).t(),
        "weights.a.tracked": torch.tensor(step),
        "average.a.weight": shared,
        "optimizer.exp_avg.a.weight": shared[:3],
        "scaler.scale": torch.tensor(65536.0, dtype=torch.float64),
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def filled(folder: Path, steps: int = 3) -> CheckpointStore:
    store = CheckpointStore(folder, keep_last=5)
    for step in range(1, steps + 1):
        assert store.save(tensors_of(step), PLAIN, step=step) is not None
    return CheckpointStore(folder, keep_last=5)


def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "new" / "checkpoints")
    path = store.save(tensors_of(7), PLAIN, step=7, metric=21.5)
    assert path == tmp_path / "new" / "checkpoints" / "checkpoint-00000007"
    assert names(path) == ["state.json", "state.safetensors", "weights.safetensors"]
    assert sorted(load_file(path / "weights.safetensors")) == ["a.tracked", "a.weight"]
    saved = CheckpointStore(path.parent).load_latest()
    assert saved is not None
    assert (saved.path, saved.step, saved.plain, saved.metric) == (path, 7, PLAIN, 21.5)
    expected = tensors_of(7)
    assert saved.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert saved.tensors[name].dtype == tensor.dtype
        assert torch.equal(saved.tensors[name], tensor)


def test_no_checkpoint_yet(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "nothing")
    assert store.load_latest() is None
    assert store.skipped == []


def test_the_last_ones_and_the_best_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_last=2, best_of="highest")
    metrics = {1: 20.0, 2: 25.0, 3: 22.0, 4: None, 5: float("nan")}
    for step, metric in metrics.items():
        store.save(tensors_of(step), PLAIN, step=step, metric=metric)
    assert names(tmp_path) == ["checkpoint-00000002", "checkpoint-00000004", "checkpoint-00000005"]
    assert store.best() == tmp_path / "checkpoint-00000002"
    lowest = CheckpointStore(tmp_path, keep_last=1, best_of="lowest")
    lowest.begin(5)
    lowest.save(tensors_of(6), PLAIN, step=6, metric=19.0)
    assert names(tmp_path) == ["checkpoint-00000006"]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_last=1)
    store.save(tensors_of(1), PLAIN, step=4)
    store.save(tensors_of(2), PLAIN, step=4)
    assert names(tmp_path) == ["checkpoint-00000004"]
    saved = store.load_latest()
    assert saved is not None
    assert saved.tensors["weights.a.tracked"].item() == 2


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


BREAK = {"truncated": _truncate, "flipped bit": _flip, "missing": Path.unlink, "empty": _empty}


@pytest.mark.parametrize("how", BREAK)
@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors", "state.json"])
def test_a_broken_last_checkpoint_gives_way_to_the_one_before(how: str, name: str, tmp_path: Path) -> None:
    store = filled(tmp_path)
    BREAK[how](tmp_path / "checkpoint-00000003" / name)
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 2
    assert saved.tensors["weights.a.tracked"].item() == 2
    (skipped,) = store.skipped
    assert skipped.path == tmp_path / "checkpoint-00000003"
    assert "checkpoint-00000003" in skipped.why
    assert name in skipped.why
    # The broken one is out of the way of what the resumed run saves, and still there to look at.
    store.save(tensors_of(3), PLAIN, step=3)
    assert names(tmp_path) == [
        "aside-checkpoint-00000003",
        *[f"checkpoint-0000000{step}" for step in (1, 2, 3)],
    ]
    assert store.load(tmp_path / "checkpoint-00000003").step == 3


def test_a_changed_number_in_the_description_is_noticed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    path = tmp_path / "checkpoint-00000003" / "state.json"
    path.write_text(path.read_text().replace('"step": 3', '"step": 4'))
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 2
    assert "digest" in store.skipped[0].why


def test_weights_of_another_checkpoint_are_noticed(tmp_path: Path) -> None:
    store = filled(tmp_path, steps=2)
    weights = tmp_path / "checkpoint-00000001" / "weights.safetensors"
    (tmp_path / "checkpoint-00000002" / "weights.safetensors").write_bytes(weights.read_bytes())
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 1
    assert "digest" in store.skipped[0].why


def test_all_broken_is_an_error_that_names_them(tmp_path: Path) -> None:
    store = filled(tmp_path)
    _flip(tmp_path / "checkpoint-00000001" / "weights.safetensors")
    _truncate(tmp_path / "checkpoint-00000002" / "state.json")
    (tmp_path / "checkpoint-00000003" / "state.safetensors").unlink()
    with pytest.raises(CheckpointError) as caught:
        store.load_latest()
    for step in (1, 2, 3):
        assert f"checkpoint-0000000{step}" in caught.value.found
    assert caught.value.code == "CKPT.FILE"


def test_a_path_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint's folder"):
        CheckpointStore(tmp_path).load(tmp_path / "checkpoint-00000001")


def test_going_on_from_an_earlier_one_puts_later_ones_aside(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.load(tmp_path / "checkpoint-00000001")
    store.begin(1)
    assert names(tmp_path) == [
        "aside-checkpoint-00000002",
        "aside-checkpoint-00000003",
        "checkpoint-00000001",
    ]
    latest = CheckpointStore(tmp_path).load_latest()
    assert latest is not None
    assert latest.step == 1


def test_leftovers_of_a_killed_process_are_never_read_and_go(tmp_path: Path) -> None:
    filled(tmp_path, steps=1)
    for name in (".saving-checkpoint-00000002-ab", ".removing-checkpoint-00000000-cd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.safetensors").write_bytes(b"half")
    (tmp_path / "checkpoint-notes.txt").write_text("mine")
    store = CheckpointStore(tmp_path)
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 1
    store.save(tensors_of(2), PLAIN, step=2)
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002", "checkpoint-notes.txt"]


def test_killed_between_the_two_renames_of_a_replacement(tmp_path: Path) -> None:
    filled(tmp_path, steps=2)
    (tmp_path / "checkpoint-00000002").rename(tmp_path / "checkpoint-00000002-replaced")
    store = CheckpointStore(tmp_path)
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 2
    store.save(tensors_of(2), PLAIN, step=2)
    assert (tmp_path / "checkpoint-00000002").is_dir()


def test_a_full_disk_ends_nothing_at_once_and_harms_no_older_checkpoint(tmp_path: Path) -> None:
    full = True

    def write(tensors: dict[str, torch.Tensor], path: Path) -> None:
        if full:
            path.write_bytes(b"the beginn")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save_file(tensors, path)

    filled(tmp_path, steps=2)
    store = CheckpointStore(tmp_path, keep_last=1, write=write)
    assert store.load_latest() is not None
    assert store.save(tensors_of(3), PLAIN, step=3) is None
    assert "No space left" in store.failures[0]
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002"]
    full = False
    assert store.save(tensors_of(4), PLAIN, step=4) is not None
    assert store.failures == []
    full = True
    assert store.save(tensors_of(5), PLAIN, step=5) is None
    with pytest.raises(TrainingError) as caught:
        store.save(tensors_of(6), PLAIN, step=6)
    assert caught.value.code == "SYS.DISK"
    assert "--resume auto" in caught.value.fix
    assert names(tmp_path) == ["checkpoint-00000004"]


def test_the_last_save_is_tried_twice_and_then_raises(tmp_path: Path) -> None:
    tried = []

    def write(tensors: dict[str, torch.Tensor], path: Path) -> None:
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with pytest.raises(TrainingError, match="No space left"):
        CheckpointStore(tmp_path, write=write).save(tensors_of(1), PLAIN, step=1, final=True)
    assert len(tried) == 2


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of 1 MiB, where this process may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("making a small disk (tmpfs) takes root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    store = CheckpointStore(small_disk, keep_last=2)
    tensors = {"weights.a": torch.zeros(100_000), "average.a": torch.zeros(1000)}
    assert store.save(tensors, PLAIN, step=1) is not None
    assert store.save(tensors, PLAIN, step=2) is not None
    assert store.save(tensors, PLAIN, step=3) is None
    assert names(small_disk) == ["checkpoint-00000001", "checkpoint-00000002"]
    saved = store.load_latest()
    assert saved is not None
    assert saved.step == 2


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    program = """
        import resource, sys
        from pathlib import Path
        import torch
        from sherf_core.train.checkpoints import CheckpointStore
        store = CheckpointStore(Path(sys.argv[1]))
        assert store.save({"weights.a": torch.zeros(10)}, {}, step=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        assert store.save({"weights.a": torch.zeros(100_000)}, {}, step=2) is None
        assert "large" in store.failures[0], store.failures
    """
    assert resource.RLIMIT_FSIZE is not None
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=True, timeout=60)
    assert names(tmp_path) == ["checkpoint-00000001"]


SAVER = """
    import sys
    from pathlib import Path
    import torch
    from sherf_core.train.checkpoints import CheckpointStore
    store = CheckpointStore(Path(sys.argv[1]), keep_last=1)
    saved = store.load_latest()
    step = saved.step if saved else 0
    while True:
        step += 1
        store.save({"weights.a": torch.full((50_000,), float(step)), "average.a": torch.tensor(step)}, {}, step=step)
        print(step, flush=True)
"""


def test_killing_the_process_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """kill -9 while it does nothing but save and remove."""
    moments = random.Random(5)
    acknowledged = 0
    for _ in range(6):
        command = [sys.executable, "-c", textwrap.dedent(SAVER), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = int(process.stdout.readline())
            assert first == acknowledged + 1 or first == acknowledged + 2
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            acknowledged = max([first, *[int(line) for line in process.stdout if line.endswith("\n")]])
        store = CheckpointStore(tmp_path, keep_last=1)
        saved = store.load_latest()
        assert store.skipped == []
        assert saved is not None
        # What was acknowledged is there; the one after it may be.
        assert saved.step - acknowledged in (0, 1)
        assert saved.tensors["average.a"].item() == saved.step
        assert np.all(saved.tensors["weights.a"].numpy() == saved.step)
        acknowledged = saved.step


def test_values_that_are_no_json_are_refused_before_anything_is_lost(tmp_path: Path) -> None:
    store = filled(tmp_path, steps=1)
    assert store.load_latest() is not None
    with pytest.raises(ValueError, match="JSON"):
        store.save(tensors_of(2), {"loss": float("nan")}, step=2)
    assert names(tmp_path) == ["checkpoint-00000001"]


def test_tuples_and_whole_number_keys_do_not_break_the_digest(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    path = store.save(tensors_of(1), {"betas": (0.0, 0.99), "by rank": {1: "a", 10: "b"}}, step=1)
    assert path is not None
    assert store.load(path).plain == {"betas": [0.0, 0.99], "by rank": {"1": "a", "10": "b"}}
    assert json.loads((path / "state.json").read_text())["step"] == 1


def test_at_least_one_is_kept(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="keep_last"):
        CheckpointStore(tmp_path, keep_last=0)

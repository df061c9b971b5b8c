"""What a folder or an archive of others is looked through for, and what is left alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sherf_core.assets.recognise import candidates
from tests.sherf_core.assets.samples import NEUTRAL, body_pickle, zipped


def test_pipes_and_devices_are_left_alone(tmp_path: Path):
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(body_pickle())
    os.mkfifo(tmp_path / "a.pkl")
    (tmp_path / "b.pkl").symlink_to("/dev/zero")
    (tmp_path / "c.pkl").symlink_to(tmp_path / "a.pkl")
    (tmp_path / "d.pkl").symlink_to(tmp_path / "nothing")
    assert [found.name for found in candidates(tmp_path, ("smpl", "sherf"))] == ["SMPL_NEUTRAL.pkl"]
    assert candidates(tmp_path / "a.pkl", ("smpl",)) == []


def test_members_with_names_that_cannot_be_written(tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zipped({NEUTRAL: b"x", "sherf" + "a" * 300 + ".pkl": b"x"}))
    assert [found.asset for found in candidates(path, ("smpl", "sherf"))] == ["smpl"]


def test_deep_paths_take_no_time(tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zipped({f"{number}/" + "a/" * 32_000 + "b": b"" for number in range(20)}))
    start = time.monotonic()
    assert candidates(path, ("renderpeople", "thuman-params")) == []
    assert time.monotonic() - start < 5

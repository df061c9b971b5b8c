"""Thousands of damaged and hostile files: each ends in a typed error or a correct load, in limited memory and time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def test_damaged_and_hostile_files(repository: Path, tmp_path: Path) -> None:
    script = repository / "benchmarks" / "fuzz.py"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script), "--cases", "1500"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=repository,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    count = re.search(r"^(\d+) cases", done.stdout, re.MULTILINE)
    assert count is not None
    assert int(count[1]) >= 2000
    kinds = re.findall(r"^ +1  (.+), whole: loaded$", done.stdout, re.MULTILINE)
    assert len(kinds) == 6
    for kind in kinds:
        assert f"{kind}, cut: refused" in done.stdout
    assert not any(tmp_path.iterdir())
    assert not done.stderr

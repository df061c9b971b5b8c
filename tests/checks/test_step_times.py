from __future__ import annotations

from pathlib import Path

import pytest

from checks import step_times as module
from checks.step_times import StepTime, step_times

H100 = StepTime("H100", "some code", 0.36, "float32", "a stopwatch", "2026-11-23")


def test_every_measurement_says_where_it_comes_from() -> None:
    pictures, measured = step_times()
    assert pictures == 800_000
    assert measured
    for entry in measured:
        assert entry.source
        assert entry.noted.startswith("20")
        assert entry.precision in {"float32", "tf32", "float16", "bfloat16"}
        assert 0 < entry.seconds_per_picture < 60


def test_hours_of_many_pictures() -> None:
    assert H100.hours(10_000) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("NVIDIA H100 80GB HBM3", True),
        ("NVIDIA H100-PCIE-80GB", True),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", False),
        ("NVIDIA GH100", False),
        ("NVIDIA H1000", False),
        ("Tesla T4", False),
    ],
)
def test_a_measurement_belongs_to_gpus_of_that_name(name: str, fits: bool) -> None:
    assert H100.fits(name) is fits


def test_a_missing_or_broken_table_does_not_stop_the_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step_times.cache_clear()
    monkeypatch.setattr(module, "TABLE", tmp_path / "none.json")
    assert step_times() == (0, ())
    step_times.cache_clear()
    (tmp_path / "half.json").write_text('{"published_pictures": 8')
    monkeypatch.setattr(module, "TABLE", tmp_path / "half.json")
    assert step_times() == (0, ())
    step_times.cache_clear()

"""The tables of `make bench`: what they compute, and that they are printed, on a CPU and in small."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace

import pytest
import torch

import all as everything
import depth
import frame
import measuring
import paths
import scaling
import startup
import steps
import workload
from measuring import Column, Report
from sherf_core.kernels import why_not
from sherf_core.model.sherf import Sherf, SherfConfig

TINY = depth.Depth(
    1,
    frame=64,
    paths=64,
    nearest=64,
    resolutions=(64,),
    scaling=64,
    samples_per_ray=(4,),
    batches=(2,),
    views=(2,),
    chunks=(4096,),
    training=64,
    processes=1,
)


@pytest.fixture(scope="module")
def model() -> Sherf:
    return workload.new_model("cpu")


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures do not matter here: nothing is warmed up."""
    monkeypatch.setitem(measuring.WARM_UPS, "cpu", 0)


def names(report: Report, table: str) -> list[str]:
    return [row.name for row in report.rows if row.table == table]


def test_the_tables_person_has_as_many_points_as_the_published_measurements(model: Sherf) -> None:
    scene = workload.Scene.turned(128, "cpu")
    points = workload.near_points(model, scene.bodies, scene.rays(model))
    assert points * 16 == pytest.approx(621_365, rel=0.02)
    facing = workload.Scene.of([workload.standing_person(64)], [workload.standing_person(64)], "cpu")
    assert workload.near_points(model, facing.bodies, facing.rays(model)) > 1.5 * points / 4


def test_errors_of_pictures_by_hand() -> None:
    expected = torch.full((4, 3), 0.5)
    found = expected.clone()
    found[0] += 0.1
    found[3] += 0.5  # outside of what counts for the PSNR
    where = torch.tensor([True, True, False, False])
    error = measuring.picture_error(found, expected, where)
    assert error["error"] == pytest.approx(0.5)
    assert error["psnr"] == pytest.approx(-10 * math.log10(0.01 / 2), abs=1e-4)
    assert measuring.picture_error(expected, expected, where) == {"error": 0.0, "psnr": None}


def test_the_median_leaves_warm_ups_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(measuring.WARM_UPS, "cpu", 3)
    runs: list[int] = []
    times = measuring.timed(lambda: runs.append(len(runs)), "cpu", 4)
    assert len(runs) == 7
    assert len(times.each) == 4
    assert measuring.Times([3.0, 1.0, 8.0]).values() == {"ms": 3.0, "least": 1.0, "most": 8.0}


@pytest.mark.skipif(not measuring.CLEAR_PEAK.exists(), reason="only Linux forgets a process's peak")
def test_a_peak_is_of_what_runs_and_not_of_what_ran() -> None:
    def fill(mebibytes: int) -> None:
        torch.ones(mebibytes << 18)

    large, small = (measuring.peak_of(lambda size=size: fill(size), "cpu").used for size in (600, 100))
    assert large - small == pytest.approx(500 / 1024, abs=0.1)


def test_arithmetic_is_put_back_also_after_an_error() -> None:
    def switched() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = switched()
    inside = []

    def fail() -> None:
        with measuring.arithmetic("tf32"):
            inside.append(switched())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [(True, True)]
    assert switched() == before
    with measuring.arithmetic("bfloat16"):
        assert switched() == (False, False)


def test_a_failing_row_tells_its_reason_and_the_next_one_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> dict[str, float]:
        raise torch.cuda.OutOfMemoryError("out of memory: 3 GiB\nand more lines")

    def stages():
        yield "first", lambda: None
        raise RuntimeError("no inputs for the second")

    report = Report()
    report.table("some", "some rows", (Column("ms", "ms"), Column("points", "points", ",d")))
    report.row("too large", fail)
    report.row("fits", lambda: {"ms": 1.25, "points": 12345})
    report.stages(stages(), "cpu", 1)
    report.section("all", fail)
    assert [row.reason for row in report.rows] == [
        "out of memory: 3 GiB",
        "",
        "",
        "no inputs for the second",
        "out of memory: 3 GiB",
    ]
    printed = capsys.readouterr().out.splitlines()
    assert printed[4] == "    out of memory: 3 GiB"
    assert printed[5].split() == ["fits", "1.25", "12,345"]
    assert {len(printed[2]), len(printed[5])} == {measuring.WIDTH}


def test_a_frame_falls_into_its_stages(model: Sherf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "new_model", lambda device: model)
    report = Report()
    frame.run(report, "cpu", TINY)
    assert not [row.reason for row in report.rows if row.reason]
    found = names(report, "frame")
    for name in ("tri-plane generator", "encode, piece by piece", "tokens", "decoder", "composite"):
        assert name in found
    assert found[-1] == "frame, from a camera"
    assert report.rows[-1].values["peak"] > 0.1
    times = {row.name: row.values["ms"] for row in report.rows}
    assert times["decoder"] < times["frame, from a camera"]


def test_stages_make_what_the_whole_makes(model: Sherf) -> None:
    """The last stage composites the same picture as `render`."""
    workload.configure(model, SherfConfig(points_per_chunk=4096))
    scene = workload.Scene.turned(64, "cpu")
    with torch.inference_mode():
        person = model.encode(scene.observation)
        last = [stage for _, stage in frame.frame_stages(model, scene, person)][-1]
        assert torch.equal(last()[0], frame.picture(model, scene, person)[0])


def test_fast_paths_are_compared_with_plain_ones(model: Sherf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "new_model", lambda device: model)
    every = paths.paths("cpu")
    chosen = [path for path in every if path.name.startswith(("merged", "all of them", "the defaults"))]
    monkeypatch.setattr(paths, "paths", lambda device: chosen)
    # All pairs of few samples, as they take long.
    monkeypatch.setattr(paths, "BRUTE", replace(paths.BRUTE, samples_per_ray=6))
    few = [paths.Path(one.name, replace(one.config, samples_per_ray=6)) for one in paths.nearest_paths("cpu")]
    monkeypatch.setattr(paths, "nearest_paths", lambda device: few)
    report = Report()
    paths.run(report, "cpu", TINY)
    rows = {(row.table, row.name): row for row in report.rows}
    assert "error" not in rows["paths", "all plain, float32: the reference"].values
    assert 0 < rows["paths", "merged features"].values["error"] < 1e-5
    assert rows["paths", "merged features"].values["frame_ratio"] > 0
    assert 1e-5 < rows["paths", "the defaults, bfloat16"].values["error"] < 0.5
    assert rows["paths", "the defaults, bfloat16"].values["psnr"] > 30
    assert rows["nearest", "tree"].values["psnr"] is None  # not a bit differs
    assert rows["nearest", "cells"].values["error"] == 0
    if reason := why_not("cpu"):
        assert rows["paths", "merged features, kernels"].reason == reason
        assert reason in rows["paths", "all of them: the defaults"].reason


def test_a_path_that_cannot_be_taken_is_not_measured_again() -> None:
    graphs = replace(workload.PLAIN, cuda_graphs=True)
    assert "CUDA" in paths.missing(graphs, "cpu")
    assert paths.missing(graphs, "cuda") == ""
    assert paths.missing(SherfConfig(), "cpu") == ""
    assert paths.missing(replace(workload.PLAIN, features="merged", kernels="auto"), "cpu") == why_not("cpu")


def test_scaling_has_a_row_for_each_size(model: Sherf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "new_model", lambda device: model)
    report = Report()
    scaling.run(report, "cpu", TINY)
    assert [row.name for row in report.rows] == ["64²", "4 samples", "2 people", "4,096 points", "2 views"]
    assert not [row.reason for row in report.rows if row.reason]
    resolution, samples, people, _, views = (row.values for row in report.rows)
    assert samples["points"] < resolution["points"] / 6
    assert people["each"] == people["frame"] / 2
    assert views["each"] == views["frame"] / 2
    assert resolution["encode"] > 0


def test_a_training_step_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"bfloat16": SherfConfig(precision="bfloat16")}
    monkeypatch.setattr(steps, "configurations", lambda device: chosen)
    report = Report()
    steps.run(report, "cpu", TINY)
    (row,) = report.rows
    assert row.values["ms"] > 0
    assert row.values["peak"] > 0.5


def test_whole_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (startup.Row(("--version",), 100.0), startup.Row(("--help",)), startup.Row(("no-such-command",)))
    monkeypatch.setattr(startup, "rows_of", lambda device: rows)
    report = Report()
    assert not startup.table(report, "cpu", 1)
    version, helping, wrong = report.rows
    assert 0 < version.values["median"] < 100
    assert helping.values["target"] is None
    assert wrong.values == {}
    assert "ended with" in wrong.reason
    monkeypatch.setattr(startup, "rows_of", lambda device: rows[:2])
    assert startup.table(Report(), "cpu", 1)


def test_the_commands_that_compute_do_so_on_the_device() -> None:
    on_cpu, on_gpu = (startup.rows_of(device) for device in ("cpu", "cuda"))
    assert "cpu" in on_cpu[-1].words
    assert "cpu" not in on_gpu[-1].words
    assert [row.writes for row in on_cpu] == [False] * (len(on_cpu) - 1) + [True]


def test_all_writes_its_rows(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    def section(report: Report, device: str, found: depth.Depth) -> None:
        report.table("t", "a table", (Column("ms", "ms"),))
        report.row("a row", lambda: {"ms": 2.0})

    monkeypatch.setattr(everything, "SECTIONS", {"frame": section, "paths": section})
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["all", "--only", "paths", "--device", "cpu", "--json", str(out)])
    everything.main()
    found = json.loads(out.read_text())
    assert found["rows"] == [{"table": "t", "name": "a row", "values": {"ms": 2.0}, "reason": ""}]
    assert found["machine"]["torch"] == torch.__version__
    printed = capsys.readouterr().out
    assert torch.__version__ in printed
    assert "1 rows" in printed
    with pytest.raises(argparse.ArgumentTypeError, match="no section sizes"):
        everything.sections_of("paths,sizes")


def test_depth_follows_the_device_unless_it_is_named() -> None:
    assert depth.depth_of("cpu", None) == depth.QUICK["cpu"]
    assert depth.depth_of("cuda", None) == depth.FULL["cuda"]
    assert depth.depth_of("cpu", False) == depth.FULL["cpu"]
    assert depth.FULL["cuda"].repeats >= 12

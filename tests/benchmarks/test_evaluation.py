"""The evaluation's benchmark runs on a CPU and prints its table."""

import sys

import evaluation


def test_every_stage_is_measured_in_both_ways(monkeypatch, capsys):
    options = ["--device", "cpu", "--size", "64", "--people", "1", "--views", "2", "--points-per-chunk", "4096"]
    monkeypatch.setattr(sys, "argv", ["evaluation", *options])
    evaluation.main()
    heading, *lines = capsys.readouterr().out.splitlines()
    assert "64², 1 people, 2 pictures" in heading
    rows = {line[:22].strip(): line[22:].split() for line in lines}
    assert rows["seconds"] == ["overlapped", "one", "by", "one"]
    for stage in (*evaluation.STAGES, "wall"):
        assert all(float(cell) > 0 for cell in rows[stage])
        assert all(float(cell) <= float(wall) for cell, wall in zip(rows[stage], rows["wall"], strict=True))
    assert rows["GPU at work"] == ["-", "-"]

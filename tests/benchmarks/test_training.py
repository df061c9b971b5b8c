"""The training benchmark runs on a CPU and prints its table."""

import sys

import training


def test_a_row_is_measured_and_printed(monkeypatch, capsys, tmp_path):
    rows = [training.Row("float32", 1, 600, True), training.Row("bfloat16", 2, 600)]
    monkeypatch.setattr(training, "rows_of", lambda device: rows)
    out = tmp_path / "found.json"
    options = ["--device", "cpu", "--resolution", "48", "--minutes", "0.01", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["training", *options])
    training.main()
    printed = capsys.readouterr().out.splitlines()
    assert "48²" in printed[0]
    assert "shipped person" in printed[0]
    assert printed[2].split()[:4] == ["float32", "1", "600", "yes"]
    assert float(printed[2].split()[6]) > 0.5  # GiB of this process
    assert "not begun" in printed[-1]
    assert out.is_file()


def test_memory_that_does_not_suffice_is_a_row_not_an_end(monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(training, "_steps", full)
    options = training.argparse.Namespace(resolution=48, device="cpu", points_per_chunk=1000)
    row = training.measure(training.Row("float32", 1), options, training.People(48), 1.0, None)
    assert row.error == "does not fit"
    assert "does not fit" in training.show(row, 48, 1000)

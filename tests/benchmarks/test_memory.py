from __future__ import annotations

import pytest
import torch

import memory
from memory import Measurement, Row


def test_a_frame_and_a_step_are_measured() -> None:
    frame = memory.measure(Row("eval", 64, 1 << 14), "cpu", 1)
    assert frame.error == ""
    assert frame.near > 0
    assert min(frame.peak, frame.seconds, frame.encode_seconds) > 0
    step = memory.measure(Row("train", 64, 1 << 14, "bfloat16"), "cpu", 1)
    assert step.error == ""
    assert step.seconds > 0


def test_a_line_gives_the_models_error(capsys: pytest.CaptureFixture[str]) -> None:
    row = Row("eval", 512, 1 << 18)
    peak = memory.predicted(row, "cuda") * 2
    assert memory.show(Measurement(row, peak=peak), "cuda") == pytest.approx(-0.5)
    assert "-50%" in capsys.readouterr().out
    assert memory.show(Measurement(row, error="out of memory"), "cuda") is None
    assert "out of memory" in capsys.readouterr().out


class Recorder(torch.nn.Linear):
    """Tells what it computed in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = super().forward(x)
        self.computed_in = result.dtype
        return result


def test_half_precision_computes_in_16_bits_and_answers_in_32() -> None:
    layer = Recorder(4, 2)
    memory.in_half_precision(layer, "bfloat16", "cpu")
    assert layer(torch.randn(3, 4)).dtype is torch.float32
    assert layer.computed_in is torch.bfloat16
    plain = Recorder(4, 2)
    memory.in_half_precision(plain, "tf32", "cpu")
    assert plain(torch.randn(3, 4)).dtype is plain.computed_in is torch.float32

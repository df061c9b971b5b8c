"""The Triton programs of `norm.py`.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def _normalised(x, epsilon, CHANNELS: tl.constexpr):
    """(each row less its mean over its deviation, one over the deviation)."""
    x = x - (tl.sum(x, axis=1) / CHANNELS)[:, None]
    scale = 1.0 / tl.sqrt(tl.sum(x * x, axis=1) / CHANNELS + epsilon)
    return x * scale[:, None], scale


@triton.jit(do_not_specialize=["rows"])
@no_type_check
def norm_program(
    inputs, weight, bias, outputs, rows, epsilon, CHANNELS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """A block of rows."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, CHANNELS)
    live = (row < rows)[:, None]
    place = row.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
    x, _ = _normalised(tl.load(inputs + place, mask=live, other=0.0), epsilon, CHANNELS)
    found = x * tl.load(weight + channel)[None, :] + tl.load(bias + channel)[None, :]
    tl.store(outputs + place, found, mask=live)


@triton.jit(do_not_specialize=["rows"])
@no_type_check
def norm_gradient_program(
    inputs, weight, gradients, outputs, of_weight, of_bias, rows, epsilon, programs,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Every so many blocks of rows: the inputs' gradient, and a part of the weight's and the bias's."""
    number = tl.program_id(0)
    channel = tl.arange(0, CHANNELS)
    factor = tl.load(weight + channel)
    weight_part = tl.zeros([CHANNELS], tl.float32)
    bias_part = tl.zeros([CHANNELS], tl.float32)
    first = number * BLOCK
    while first < rows:
        row = first + tl.arange(0, BLOCK)
        live = (row < rows)[:, None]
        place = row.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
        x, scale = _normalised(tl.load(inputs + place, mask=live, other=0.0), epsilon, CHANNELS)
        gradient = tl.load(gradients + place, mask=live, other=0.0)
        weight_part += tl.sum(gradient * x, axis=0)
        bias_part += tl.sum(gradient, axis=0)
        gradient = gradient * factor[None, :]
        # What the mean and the deviation take away.
        along = tl.sum(gradient * x, axis=1) / CHANNELS
        mean = tl.sum(gradient, axis=1) / CHANNELS
        found = (gradient - mean[:, None] - x * along[:, None]) * scale[:, None]
        tl.store(outputs + place, found, mask=live)
        first += programs * BLOCK
    tl.store(of_weight + number * CHANNELS + channel, weight_part)
    tl.store(of_bias + number * CHANNELS + channel, bias_part)

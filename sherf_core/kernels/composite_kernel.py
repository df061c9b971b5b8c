"""The Triton program of `composite.py`.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["count"])
@no_type_check
def composite_program(
    slots, steps, directions, near, far, sigma, colour, rgb, depth, alpha, count,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Walk along a block of rays: w = (1 - exp(-relu(sigma)·delta)) · what passed the samples before."""
    ray = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = ray < count
    x = tl.load(directions + ray * 3, mask=live, other=0.0)
    y = tl.load(directions + ray * 3 + 1, mask=live, other=0.0)
    z = tl.load(directions + ray * 3 + 2, mask=live, other=0.0)
    length = tl.sqrt(x * x + y * y + z * z)
    start = tl.load(near + ray, mask=live, other=0.0)
    extent = tl.load(far + ray, mask=live, other=0.0) - start
    passes = tl.full([BLOCK], 1.0, tl.float32)
    covered = tl.zeros([BLOCK], tl.float32)
    away = tl.zeros([BLOCK], tl.float32)
    red = tl.zeros([BLOCK], tl.float32)
    green = tl.zeros([BLOCK], tl.float32)
    blue = tl.zeros([BLOCK], tl.float32)
    for step in range(STEPS):
        slot = tl.load(slots + ray * STEPS + step, mask=live, other=-1)
        there = slot >= 0
        here = start + extent * tl.load(steps + step)
        behind = start + extent * tl.load(steps + tl.minimum(step + 1, STEPS - 1))
        # The last sample reaches on without end.
        delta = tl.where(step == STEPS - 1, 1e10, (behind - here) * length)
        density = tl.maximum(tl.load(sigma + slot, mask=there, other=0.0), 0.0)
        opacity = 1.0 - tl.exp(-density * delta)
        weight = opacity * passes
        passes = passes * (1.0 - opacity + 1e-10)
        covered += weight
        away += weight * here
        red += weight * tl.load(colour + slot * 3, mask=there, other=0.0)
        green += weight * tl.load(colour + slot * 3 + 1, mask=there, other=0.0)
        blue += weight * tl.load(colour + slot * 3 + 2, mask=there, other=0.0)
    tl.store(rgb + ray * 3, red, mask=live)
    tl.store(rgb + ray * 3 + 1, green, mask=live)
    tl.store(rgb + ray * 3 + 2, blue, mask=live)
    met = covered > 0
    tl.store(depth + ray, tl.where(met, away / tl.where(met, covered, 1.0), float("inf")), mask=live)
    tl.store(alpha + ray, covered, mask=live)

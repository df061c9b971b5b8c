"""The Triton programs of `cells.py`: each takes a block of pairs of a vertex and a cell that it may reach.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def _along_axis(position, origin, edge, step):
    """(cell, squared least distance, squared greatest distance) along one axis, of the cell so many steps away."""
    at = (position - origin) / edge
    own = tl.floor(at)
    below = (own + step - at) * edge
    above = below + edge
    least = tl.maximum(tl.maximum(below, -above), 0.0)
    greatest = tl.maximum(-below, above)
    return own.to(tl.int32) + step, least * least, greatest * greatest


@triton.jit
@no_type_check
def _pair(place, live, vertices, layout, offsets, offset_count):
    """(vertex, cell, squared least distance, squared greatest distance) of pairs."""
    vertex = place // offset_count
    offset = place % offset_count
    edge = tl.load(layout + 3)
    x, least_x, greatest_x = _along_axis(
        tl.load(vertices + vertex * 3, mask=live, other=0.0),
        tl.load(layout), edge, tl.load(offsets + offset * 3, mask=live, other=0),
    )  # fmt: skip
    y, least_y, greatest_y = _along_axis(
        tl.load(vertices + vertex * 3 + 1, mask=live, other=0.0),
        tl.load(layout + 1), edge, tl.load(offsets + offset * 3 + 1, mask=live, other=0),
    )  # fmt: skip
    z, least_z, greatest_z = _along_axis(
        tl.load(vertices + vertex * 3 + 2, mask=live, other=0.0),
        tl.load(layout + 2), edge, tl.load(offsets + offset * 3 + 2, mask=live, other=0),
    )  # fmt: skip
    size_y = tl.load(layout + 5).to(tl.int32)
    size_z = tl.load(layout + 6).to(tl.int32)
    cell = (x * size_y + y) * size_z + z
    return vertex, cell, least_x + least_y + least_z, greatest_x + greatest_y + greatest_z


@triton.jit(do_not_specialize=["pairs"])
@no_type_check
def bounds_program(vertices, layout, offsets, offset_count, pairs, bounds, BLOCK: tl.constexpr):
    """Of each cell the least of its vertices' squared greatest distances, as the bits of a float, which sort alike."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < pairs
    _, cell, _, greatest = _pair(place, live, vertices, layout, offsets, offset_count)
    tl.atomic_min(bounds + cell, greatest.to(tl.int32, bitcast=True), mask=live, sem="relaxed")


@triton.jit(do_not_specialize=["pairs"])
@no_type_check
def lists_program(
    vertices, layout, offsets, offset_count, pairs, bounds, counts, members, slack, reach,
    FILL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Count the vertices that may be the nearest of a point of each cell, or write them where the counts say."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < pairs
    vertex, cell, least, _ = _pair(place, live, vertices, layout, offsets, offset_count)
    bound = tl.load(bounds + cell, mask=live, other=0).to(tl.float32, bitcast=True)
    bound = tl.minimum(tl.sqrt(bound) + slack, reach)
    listed = live & (least <= bound * bound)
    slot = tl.atomic_add(counts + cell, 1, mask=listed, sem="relaxed")
    if FILL:
        tl.store(members + slot, vertex, mask=listed)

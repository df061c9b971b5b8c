"""The Triton programs of `locate.py`: nearest vertices from cells' lists, of given points or of samples along rays.

A program takes a block of points; its loop is as long as the longest list among them, so blocks are small. Products
are not fused with sums (`enable_fp_fusion=False` at launch): each value is rounded as on the plain path.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

# Triton would compile a program anew where one of these turns 1 or a multiple of 16; they differ from frame to frame.
CHANGING = ["count", "size_x", "size_y", "size_z"]


@triton.jit
@no_type_check
def _along_axis(x, origin, edge, size):
    """The place of a cell along one axis; what is beyond the grid counts as in its border, whose lists are empty."""
    return tl.minimum(tl.maximum((x - origin) / edge, 0.0), size - 1.0).to(tl.int32)


@triton.jit
@no_type_check
def _nearest(
    x, y, z, live, starts, members, vertices, origin_x, origin_y, origin_z, edge, size_x, size_y, size_z
):  # fmt: skip
    """(vertex, squared distance): the best of each point's list, the first one of a tie; -1 where the list is empty."""
    cell = _along_axis(x, origin_x, edge, size_x)
    cell = cell * size_y + _along_axis(y, origin_y, edge, size_y)
    cell = cell * size_z + _along_axis(z, origin_z, edge, size_z)
    first = tl.load(starts + cell, mask=live, other=0)
    count = tl.load(starts + cell + 1, mask=live, other=0) - first
    best = tl.full(x.shape, float("inf"), tl.float32)
    index = tl.full(x.shape, -1, tl.int32)
    for turn in range(tl.max(count, axis=0)):
        listed = turn < count
        vertex = tl.load(members + first + turn, mask=listed, other=0)
        across = x - tl.load(vertices + vertex * 3, mask=listed, other=0.0)
        up = y - tl.load(vertices + vertex * 3 + 1, mask=listed, other=0.0)
        along = z - tl.load(vertices + vertex * 3 + 2, mask=listed, other=0.0)
        squared = across * across + up * up + along * along
        better = listed & (squared < best)
        best = tl.where(better, squared, best)
        index = tl.where(better, vertex, index)
    return index, best


@triton.jit(do_not_specialize=CHANGING)
@no_type_check
def points_program(
    points, count, found, distances,
    starts, members, vertices, origin_x, origin_y, origin_z, edge, size_x, size_y, size_z,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Vertex (-1: none is listed) and squared distance of `count` points."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    x = tl.load(points + place * 3, mask=live, other=0.0)
    y = tl.load(points + place * 3 + 1, mask=live, other=0.0)
    z = tl.load(points + place * 3 + 2, mask=live, other=0.0)
    index, squared = _nearest(
        x, y, z, live, starts, members, vertices, origin_x, origin_y, origin_z, edge, size_x, size_y, size_z
    )
    tl.store(found + place, index, mask=live)
    tl.store(distances + place, squared, mask=live)


@triton.jit(do_not_specialize=CHANGING)
@no_type_check
def samples_program(
    origins, directions, near, far, steps, rotation, translation, count, beyond, found,
    starts, members, vertices, origin_x, origin_y, origin_z, edge, size_x, size_y, size_z,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Vertex of `count` samples, STEPS of each ray; -1 where its squared distance is `beyond` or more."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    ray = place // STEPS
    start = tl.load(near + ray, mask=live, other=0.0)
    depth = start + (tl.load(far + ray, mask=live, other=0.0) - start) * tl.load(steps + place % STEPS)
    x = tl.load(origins + ray * 3, mask=live, other=0.0) + tl.load(directions + ray * 3, mask=live, other=0.0) * depth
    y = tl.load(origins + ray * 3 + 1, mask=live, other=0.0)
    y += tl.load(directions + ray * 3 + 1, mask=live, other=0.0) * depth
    z = tl.load(origins + ray * 3 + 2, mask=live, other=0.0)
    z += tl.load(directions + ray * 3 + 2, mask=live, other=0.0) * depth
    x -= tl.load(translation)
    y -= tl.load(translation + 1)
    z -= tl.load(translation + 2)
    posed_x = x * tl.load(rotation) + y * tl.load(rotation + 3) + z * tl.load(rotation + 6)
    posed_y = x * tl.load(rotation + 1) + y * tl.load(rotation + 4) + z * tl.load(rotation + 7)
    posed_z = x * tl.load(rotation + 2) + y * tl.load(rotation + 5) + z * tl.load(rotation + 8)
    index, squared = _nearest(
        posed_x, posed_y, posed_z, live,
        starts, members, vertices, origin_x, origin_y, origin_z, edge, size_x, size_y, size_z,
    )  # fmt: skip
    tl.store(found + place, tl.where(squared < beyond, index, -1), mask=live)

"""The Triton programs of `locate.py`: nearest vertices from cells' lists, of given points or of samples along rays.

A program takes a block of points; its loop is as long as the longest list among them, so blocks are small. Products
are not fused with sums (`enable_fp_fusion=False` at launch): each value is rounded as on the plain path.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

# Vertices compared at once where all of them are.
SIDE_BY_SIDE = tl.constexpr(64)


@triton.jit
@no_type_check
def _along_axis(x, origin, edge, size):
    """The place of a cell along one axis; what is beyond the grid counts as in its border, whose lists are empty."""
    return tl.minimum(tl.maximum((x - origin) / edge, 0.0), size - 1.0).to(tl.int32)


@triton.jit
@no_type_check
def _better(x, y, z, vertex, there, vertices, best, index):
    """(vertex, squared distance) with one more vertex compared; of equally near ones the first wins."""
    across = x - tl.load(vertices + vertex * 3, mask=there, other=0.0)
    up = y - tl.load(vertices + vertex * 3 + 1, mask=there, other=0.0)
    along = z - tl.load(vertices + vertex * 3 + 2, mask=there, other=0.0)
    squared = across * across + up * up + along * along
    better = there & ((squared < best) | ((squared == best) & (vertex < index)))
    return tl.where(better, vertex, index), tl.where(better, squared, best)


@triton.jit
@no_type_check
def _listed(x, y, z, live, layout, starts, members, vertices):
    """(vertex, squared distance): the best of each point's list; -1 and infinity where the list is empty."""
    edge = tl.load(layout + 3)
    cell = _along_axis(x, tl.load(layout), edge, tl.load(layout + 4))
    cell = cell * tl.load(layout + 5).to(tl.int32) + _along_axis(y, tl.load(layout + 1), edge, tl.load(layout + 5))
    cell = cell * tl.load(layout + 6).to(tl.int32) + _along_axis(z, tl.load(layout + 2), edge, tl.load(layout + 6))
    first = tl.load(starts + cell, mask=live, other=0)
    count = tl.load(starts + cell + 1, mask=live, other=0) - first
    best = tl.full(x.shape, float("inf"), tl.float32)
    index = tl.full(x.shape, -1, tl.int32)
    longest = tl.max(count, axis=0)
    turn = 0
    while turn < longest:
        there = turn < count
        vertex = tl.load(members + first + turn, mask=there, other=0)
        index, best = _better(x, y, z, vertex, there, vertices, best, index)
        turn += 1
    return index, best


@triton.jit
@no_type_check
def _nearest(x, y, z, live, layout, starts, members, vertices, vertex_count, beyond):
    """The nearest vertex however far: lists do not tell from squared distance `beyond` on, there all are compared."""
    index, best = _listed(x, y, z, live, layout, starts, members, vertices)
    missing = live & (best >= beyond)
    best = tl.where(missing, float("inf"), best)
    rounds = tl.max(missing.to(tl.int32), axis=0) * vertex_count
    first = 0
    while first < rounds:
        vertex = first + tl.arange(0, SIDE_BY_SIDE)
        there = vertex < vertex_count
        across = x[:, None] - tl.load(vertices + vertex * 3, mask=there, other=0.0)[None, :]
        up = y[:, None] - tl.load(vertices + vertex * 3 + 1, mask=there, other=0.0)[None, :]
        along = z[:, None] - tl.load(vertices + vertex * 3 + 2, mask=there, other=0.0)[None, :]
        squared = tl.where(there[None, :], across * across + up * up + along * along, float("inf"))
        least = tl.min(squared, axis=1)
        better = missing & (least < best)
        index = tl.where(better, first + tl.argmin(squared, axis=1).to(tl.int32), index)
        best = tl.where(better, least, best)
        first += SIDE_BY_SIDE
    return tl.maximum(index, 0)


@triton.jit
@no_type_check
def _turned(x, y, z, matrix):
    """(x, y, z) @ matrix, a matrix of nine numbers, row by row."""
    return (
        x * tl.load(matrix) + y * tl.load(matrix + 3) + z * tl.load(matrix + 6),
        x * tl.load(matrix + 1) + y * tl.load(matrix + 4) + z * tl.load(matrix + 7),
        x * tl.load(matrix + 2) + y * tl.load(matrix + 5) + z * tl.load(matrix + 8),
    )


@triton.jit
@no_type_check
def _sample(place, live, origins, directions, near, far, steps, rotation, translation, STEPS: tl.constexpr):
    """Posed position of samples: at depth near + (far - near) · step of their rays."""
    ray = place // STEPS
    start = tl.load(near + ray, mask=live, other=0.0)
    step = tl.load(steps + place % STEPS, mask=live, other=0.0)
    depth = start + (tl.load(far + ray, mask=live, other=0.0) - start) * step
    x = tl.load(origins + ray * 3, mask=live, other=0.0) + tl.load(directions + ray * 3, mask=live, other=0.0) * depth
    y = tl.load(origins + ray * 3 + 1, mask=live, other=0.0)
    y += tl.load(directions + ray * 3 + 1, mask=live, other=0.0) * depth
    z = tl.load(origins + ray * 3 + 2, mask=live, other=0.0)
    z += tl.load(directions + ray * 3 + 2, mask=live, other=0.0) * depth
    x -= tl.load(translation)
    y -= tl.load(translation + 1)
    z -= tl.load(translation + 2)
    return _turned(x, y, z, rotation)


@triton.jit(do_not_specialize=["count"])
@no_type_check
def points_program(
    points, count, found, layout, starts, members, vertices, vertex_count, beyond, BLOCK: tl.constexpr
):  # fmt: skip
    """Vertex of `count` points."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    x = tl.load(points + place * 3, mask=live, other=0.0)
    y = tl.load(points + place * 3 + 1, mask=live, other=0.0)
    z = tl.load(points + place * 3 + 2, mask=live, other=0.0)
    index = _nearest(x, y, z, live, layout, starts, members, vertices, vertex_count, beyond)
    tl.store(found + place, index.to(tl.int64), mask=live)


@triton.jit(do_not_specialize=["count"])
@no_type_check
def samples_program(
    origins, directions, near, far, hit, steps, rotation, translation, count, beyond, found,
    layout, starts, members, vertices,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Vertex of `count` samples, STEPS of each ray; -1 where its squared distance is `beyond` or more."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    cast = live & (tl.load(hit + place // STEPS, mask=live, other=0) != 0)
    x, y, z = _sample(place, cast, origins, directions, near, far, steps, rotation, translation, STEPS)
    index, squared = _listed(x, y, z, cast, layout, starts, members, vertices)
    tl.store(found + place, tl.where(cast & (squared < beyond), index, -1), mask=live)


@triton.jit
@no_type_check
def _row_of_map(x, y, z, maps, live):
    """One coordinate of a linear map, three numbers."""
    part = x * tl.load(maps, mask=live, other=0.0) + y * tl.load(maps + 1, mask=live, other=0.0)
    return part + z * tl.load(maps + 2, mask=live, other=0.0)


@triton.jit
@no_type_check
def _store(target, place, x, y, z, live):
    tl.store(target + place * 3, x, mask=live)
    tl.store(target + place * 3 + 1, y, mask=live)
    tl.store(target + place * 3 + 2, z, mask=live)


@triton.jit(do_not_specialize=["count"])
@no_type_check
def lead_program(
    kept, count, origins, directions, near, far, steps, rotation, translation, maps, found,
    points, views, nearest, layout, starts, members, vertices, vertex_count, beyond,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Lead samples into canonical space: point, direction, nearest vertex; `found` says then which point they are."""
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = number < count
    place = tl.load(kept + number, mask=live, other=0).to(tl.int32)
    x, y, z = _sample(place, live, origins, directions, near, far, steps, rotation, translation, STEPS)
    map_of = maps + tl.load(found + place, mask=live, other=0) * 12
    canonical_x = _row_of_map(x, y, z, map_of, live) + tl.load(map_of + 3, mask=live, other=0.0)
    canonical_y = _row_of_map(x, y, z, map_of + 4, live) + tl.load(map_of + 7, mask=live, other=0.0)
    canonical_z = _row_of_map(x, y, z, map_of + 8, live) + tl.load(map_of + 11, mask=live, other=0.0)
    _store(points, number, canonical_x, canonical_y, canonical_z, live)

    ray = place // STEPS
    x, y, z = _turned(
        tl.load(directions + ray * 3, mask=live, other=0.0),
        tl.load(directions + ray * 3 + 1, mask=live, other=0.0),
        tl.load(directions + ray * 3 + 2, mask=live, other=0.0),
        rotation,
    )
    view_x = _row_of_map(x, y, z, map_of, live)
    view_y = _row_of_map(x, y, z, map_of + 4, live)
    view_z = _row_of_map(x, y, z, map_of + 8, live)
    _store(views, number, view_x, view_y, view_z, live)

    vertex = _nearest(
        canonical_x, canonical_y, canonical_z, live, layout, starts, members, vertices, vertex_count, beyond
    )
    tl.store(nearest + number, vertex.to(tl.int64), mask=live)
    tl.store(found + place, number, mask=live)

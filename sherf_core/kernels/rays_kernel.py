"""The Triton program of `rays.py`.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def _coordinate(constants, axis, x, y):
    """One coordinate of the direction through pixel (x, y)."""
    ahead = tl.load(constants + 6 + axis)
    return x * tl.load(constants + axis) + y * tl.load(constants + 3 + axis) + ahead


@triton.jit
@no_type_check
def _safe(direction):
    """A component of zero never crosses its two faces; a tiny one crosses them far outside the box."""
    return tl.where(tl.abs(direction) < 1e-12, 1e-12 + direction * 0.0, direction)


@triton.jit
@no_type_check
def _within(value, box, axis):
    return (value >= tl.load(box + axis) - 1e-6) & (value <= tl.load(box + 3 + axis) + 1e-6)


@triton.jit
@no_type_check
def _crossing(faces, nearest, farthest, face, safe, from_x, from_y, from_z, x, y, z, box):
    """(faces met, least and greatest distance) with one more face tried: coordinate `face % 3` of the box's corners."""
    start = tl.where(face % 3 == 0, from_x, tl.where(face % 3 == 1, from_y, from_z))
    distance = (tl.load(box + face) - start) / safe
    met = _within(from_x + distance * x, box, 0)
    met = met & _within(from_y + distance * y, box, 1) & _within(from_z + distance * z, box, 2)
    nearest = tl.where(met, tl.minimum(nearest, distance), nearest)
    farthest = tl.where(met, tl.maximum(farthest, distance), farthest)
    return faces + met.to(tl.int32), nearest, farthest


@triton.jit(do_not_specialize=["count", "width"])
@no_type_check
def rays_program(
    constants, boxes, origins, directions, near, far, hit, count, width, BLOCK: tl.constexpr
):  # fmt: skip
    """Rays of a block of pixels of one camera; `constants` is its matrix from pixels to directions, and its origin."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = pixel < count
    camera = tl.program_id(1)
    constants += camera * 12
    box = boxes + camera * 6
    across = (pixel % width).to(tl.float64)
    down = (pixel // width).to(tl.float64)
    x = _coordinate(constants, 0, across, down)
    y = _coordinate(constants, 1, across, down)
    z = _coordinate(constants, 2, across, down)
    from_x = tl.load(constants + 9)
    from_y = tl.load(constants + 10)
    from_z = tl.load(constants + 11)

    # The interval is that of the ray as it is handed out, in float32.
    seen_x = x.to(tl.float32).to(tl.float64)
    seen_y = y.to(tl.float32).to(tl.float64)
    seen_z = z.to(tl.float32).to(tl.float64)
    start_x = from_x.to(tl.float32).to(tl.float64)
    start_y = from_y.to(tl.float32).to(tl.float64)
    start_z = from_z.to(tl.float32).to(tl.float64)
    faces = tl.zeros([BLOCK], tl.int32)
    nearest = tl.full([BLOCK], float("inf"), tl.float64)
    farthest = tl.full([BLOCK], float("-inf"), tl.float64)
    for face in range(6):
        along = tl.where(face % 3 == 0, seen_x, tl.where(face % 3 == 1, seen_y, seen_z))
        faces, nearest, farthest = _crossing(
            faces, nearest, farthest, face, _safe(along), start_x, start_y, start_z, seen_x, seen_y, seen_z, box
        )
    meets = faces == 2
    place = camera.to(tl.int64) * count + pixel
    tl.store(near + place, tl.where(meets, nearest, 0.0).to(tl.float32), mask=live)
    tl.store(far + place, tl.where(meets, farthest, 1.0).to(tl.float32), mask=live)
    tl.store(hit + place, meets, mask=live)
    tl.store(directions + place * 3, x.to(tl.float32), mask=live)
    tl.store(directions + place * 3 + 1, y.to(tl.float32), mask=live)
    tl.store(directions + place * 3 + 2, z.to(tl.float32), mask=live)
    tl.store(origins + place * 3, from_x.to(tl.float32), mask=live)
    tl.store(origins + place * 3 + 1, from_y.to(tl.float32), mask=live)
    tl.store(origins + place * 3 + 2, from_z.to(tl.float32), mask=live)

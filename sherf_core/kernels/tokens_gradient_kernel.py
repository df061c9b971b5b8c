"""The Triton program of the backward pass of `tokens.py`: gradients of merged tokens to gradients of the tables' rows.

Where points lie is found anew, as `tokens_kernel.py` does. Points share rows: sums are atomic, and round in any order.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

from sherf_core.kernels.tokens_kernel import (
    CHANNELS,
    below_in_level,
    below_on_map,
    below_on_plane,
    cell_of,
    in_volume,
    pixel_of,
    voxel_of,
)


@triton.jit
@no_type_check
def _spread(gradient, weight, table, row, first, WIDTH: tl.constexpr):
    """Add to 32 numbers of each point's row of a table, WIDTH wide, from column `first`."""
    column = first + tl.arange(0, CHANNELS)
    # The mask has the shape of the values: older Tritons do not stretch that of atomics.
    counts = (weight != 0.0)[:, None] & (column >= 0)[None, :]
    tl.atomic_add(
        table + row[:, None] * WIDTH + column[None, :], weight[:, None] * gradient, mask=counts, sem="relaxed"
    )


@triton.jit
@no_type_check
def _on_plane(gradient, live, row, beyond_row, column, beyond_column, planes, plane, side, two):
    """Add to the four cells of one plane."""
    for corner in range(2 * two):
        cell, weight = cell_of(corner, row, beyond_row, column, beyond_column, side, side)
        _spread(gradient, tl.where(live, weight, 0.0), planes, plane * side * side + cell, 0, 32)


@triton.jit
@no_type_check
def _in_level(
    gradient0, gradient1, gradient2, live, in_z, in_y, in_x,
    table, volume, first_row, count, size_z, size_y, size_x, two,
):  # fmt: skip
    """Add to the eight voxels of one level; places are in -1..1 of the grid."""
    z, beyond_z = below_in_level(in_z, size_z)
    y, beyond_y = below_in_level(in_y, size_y)
    x, beyond_x = below_in_level(in_x, size_x)
    for corner in range(4 * two):
        row, weight = voxel_of(
            corner, z, beyond_z, y, beyond_y, x, beyond_x, table, first_row, count, size_z, size_y, size_x
        )
        weight = tl.where(live, weight, 0.0)
        _spread(gradient0, weight, volume, row, 0, 96)
        _spread(gradient1, weight, volume, row, 32, 96)
        _spread(gradient2, weight, volume, row, 64, 96)


@triton.jit(do_not_specialize=["count", "two"])
@no_type_check
def tokens_gradient_program(
    points, vertices, gradients, count, two,
    maps, camera, box, volume_box,
    planes, pixels, volume,
    side, map_height, map_width, image_height, image_width,
    table0, first0, count0, z0, y0, x0,
    table1, first1, count1, z1, y1, x1,
    table2, first2, count2, z2, y2, x2,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Add what `count` points' tokens ask for to the gradients of planes, pixels and volume.

    Arguments are those of `tokens_program`; `gradients` are the tokens', and tables hold gradients.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    x = tl.load(points + place * 3, mask=live, other=0.0)
    y = tl.load(points + place * 3 + 1, mask=live, other=0.0)
    z = tl.load(points + place * 3 + 2, mask=live, other=0.0)
    # In 32 bits the place of a number would end at 22 million points.
    source = gradients + place.to(tl.int64)[:, None] * 96 + tl.arange(0, CHANNELS)[None, :]
    gradient0 = tl.load(source, mask=live[:, None], other=0.0)
    gradient1 = tl.load(source + 32, mask=live[:, None], other=0.0)
    gradient2 = tl.load(source + 64, mask=live[:, None], other=0.0)

    cell_x, beyond_x = below_on_plane(x, box, 0, side)
    cell_y, beyond_y = below_on_plane(y, box, 1, side)
    cell_z, beyond_z = below_on_plane(z, box, 2, side)
    _on_plane(gradient0, live, cell_y, beyond_y, cell_x, beyond_x, planes, 0, side, two)
    _on_plane(gradient1, live, cell_z, beyond_z, cell_x, beyond_x, planes, 1, side, two)
    _on_plane(gradient2, live, cell_y, beyond_y, cell_z, beyond_z, planes, 2, side, two)

    in_z = in_volume(z, volume_box, 2)
    in_y = in_volume(y, volume_box, 1)
    in_x = in_volume(x, volume_box, 0)
    _in_level(gradient0, gradient1, gradient2, live, in_z, in_y, in_x, table0, volume, first0, count0, z0, y0, x0, two)
    _in_level(gradient0, gradient1, gradient2, live, in_z, in_y, in_x, table1, volume, first1, count1, z1, y1, x1, two)
    _in_level(gradient0, gradient1, gradient2, live, in_z, in_y, in_x, table2, volume, first2, count2, z2, y2, x2, two)

    vertex = tl.load(vertices + place, mask=live, other=0)
    u, v = pixel_of(x, y, z, vertex, maps, camera, live)
    row, beyond_row = below_on_map(v, map_height, image_height)
    column, beyond_column = below_on_map(u, map_width, image_width)
    for corner in range(2 * two):
        cell, weight = cell_of(corner, row, beyond_row, column, beyond_column, map_height, map_width)
        weight = tl.where(live, weight, 0.0)
        _spread(gradient0, weight, pixels, cell, 0, 64)
        _spread(gradient1, weight, pixels, cell, 32, 64)

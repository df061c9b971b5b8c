"""The Triton program of `tokens.py`: one block of canonical points to their merged tokens.

`tokens_gradient_kernel.py` finds places and weights with the same functions.

Loops over corners end at multiples of an argument, `two`: unrolled, their code would not fit a multiprocessor's cache.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

CHANNELS = tl.constexpr(32)
VOXEL_SIZE = tl.constexpr(0.005)


@triton.jit
@no_type_check
def below(position, extent):
    """The cell at or below a place along one axis, and how far the place is beyond it; far places are all alike."""
    position = tl.minimum(tl.maximum(position, -2.0), extent + 1.0)
    floor = tl.floor(position)
    return floor.to(tl.int32), position - floor


@triton.jit
@no_type_check
def _corner(low, beyond, extent, step):
    """(cell, weight) of the corner below (step 0) or above (1) along an axis; outside of the grid it weighs nothing."""
    cell = low + step
    weight = tl.where(step == 1, beyond, 1.0 - beyond)
    inside = (cell >= 0) & (cell < extent)
    return tl.where(inside, cell, 0), tl.where(inside, weight, 0.0)


@triton.jit
@no_type_check
def cell_of(corner, row, beyond_row, column, beyond_column, height, width):
    """(cell, weight) of one of the four cells of a map around a place."""
    y, of_row = _corner(row, beyond_row, height, corner // 2)
    x, of_column = _corner(column, beyond_column, width, corner % 2)
    return y * width + x, of_row * of_column


@triton.jit
@no_type_check
def voxel_of(corner, z, beyond_z, y, beyond_y, x, beyond_x, table, first_row, count, size_z, size_y, size_x):
    """(row of the levels' table, weight) of one of a level's eight voxels around a place; empty ones weigh nothing."""
    cell_z, of_z = _corner(z, beyond_z, size_z, corner // 4)
    cell_y, of_y = _corner(y, beyond_y, size_y, corner // 2 % 2)
    cell_x, of_x = _corner(x, beyond_x, size_x, corner % 2)
    weight = of_z * of_y * of_x
    row = tl.load(table + (cell_z * size_y + cell_y) * size_x + cell_x, mask=weight != 0.0, other=count)
    return row + first_row, tl.where(row < count, weight, 0.0)


@triton.jit
@no_type_check
def below_on_plane(x, box, axis, side):
    """`below` of one coordinate on a plane, which spans the box."""
    low = tl.load(box + axis)
    inside = 2.0 * (x - low) / (tl.load(box + 3 + axis) - low) - 1.0
    return below(((inside + 1.0) * side - 1.0) / 2.0, side)


@triton.jit
@no_type_check
def in_volume(x, volume_box, axis):
    """Where one coordinate is in the volume's grid, in -1..1; its corner is (x, y, z), its size (z, y, x)."""
    return 2.0 * ((x - tl.load(volume_box + axis)) / VOXEL_SIZE) / tl.load(volume_box + 5 - axis) - 1.0


@triton.jit
@no_type_check
def below_in_level(inside, size):
    """`below` of one coordinate in a level, whose ends are on the outermost voxels' centres."""
    return below((inside + 1.0) / 2.0 * (size - 1), size)


@triton.jit
@no_type_check
def _turned(x, y, z, matrix):
    """matrix @ (x, y, z), a matrix of nine numbers, row by row."""
    return (
        x * tl.load(matrix) + y * tl.load(matrix + 1) + z * tl.load(matrix + 2),
        x * tl.load(matrix + 3) + y * tl.load(matrix + 4) + z * tl.load(matrix + 5),
        x * tl.load(matrix + 6) + y * tl.load(matrix + 7) + z * tl.load(matrix + 8),
    )


@triton.jit
@no_type_check
def _row_of_map(x, y, z, maps, live):
    """One coordinate of an affine map: four numbers."""
    part = x * tl.load(maps, mask=live, other=0.0) + y * tl.load(maps + 1, mask=live, other=0.0)
    return part + z * tl.load(maps + 2, mask=live, other=0.0) + tl.load(maps + 3, mask=live, other=0.0)


@triton.jit
@no_type_check
def pixel_of(x, y, z, vertex, maps, camera, live):
    """Where canonical points are in the observed picture, in pixels (across, down)."""
    posed_x = _row_of_map(x, y, z, maps + vertex * 12, live)
    posed_y = _row_of_map(x, y, z, maps + vertex * 12 + 4, live)
    posed_z = _row_of_map(x, y, z, maps + vertex * 12 + 8, live)
    world_x, world_y, world_z = _turned(posed_x, posed_y, posed_z, camera)
    world_x += tl.load(camera + 9)
    world_y += tl.load(camera + 10)
    world_z += tl.load(camera + 11)
    seen_x, seen_y, seen_z = _turned(world_x, world_y, world_z, camera + 12)
    seen_x += tl.load(camera + 21)
    seen_y += tl.load(camera + 22)
    seen_z += tl.load(camera + 23)
    u, v, depth = _turned(seen_x, seen_y, seen_z, camera + 24)
    return u / (depth + 1e-5), v / (depth + 1e-5)


@triton.jit
@no_type_check
def below_on_map(pixel, extent, image_extent):
    """`below` of one coordinate of a pixel on a map of the picture."""
    return below(pixel * ((extent - 1.0) / image_extent), extent)


@triton.jit
@no_type_check
def _added(total, weight, table, row, first, WIDTH: tl.constexpr):
    """Add 32 numbers of each point's row of a table, WIDTH wide, from column `first`."""
    column = first + tl.arange(0, CHANNELS)
    values = tl.load(table + row[:, None] * WIDTH + column[None, :], mask=(weight != 0.0)[:, None], other=0.0)
    return total + weight[:, None] * values


@triton.jit
@no_type_check
def _on_plane(total, row, beyond_row, column, beyond_column, planes, plane, side, two):
    """Add the four cells of one plane."""
    for corner in range(2 * two):
        cell, weight = cell_of(corner, row, beyond_row, column, beyond_column, side, side)
        total = _added(total, weight, planes, plane * side * side + cell, 0, 32)
    return total


@triton.jit
@no_type_check
def _in_level(token0, token1, token2, in_z, in_y, in_x, table, volume, first_row, count, size_z, size_y, size_x, two):
    """Add the eight voxels of one level to the three tokens; places are in -1..1 of the grid."""
    z, beyond_z = below_in_level(in_z, size_z)
    y, beyond_y = below_in_level(in_y, size_y)
    x, beyond_x = below_in_level(in_x, size_x)
    for corner in range(4 * two):
        row, weight = voxel_of(
            corner, z, beyond_z, y, beyond_y, x, beyond_x, table, first_row, count, size_z, size_y, size_x
        )
        token0 = _added(token0, weight, volume, row, 0, 96)
        token1 = _added(token1, weight, volume, row, 32, 96)
        token2 = _added(token2, weight, volume, row, 64, 96)
    return token0, token1, token2


@triton.jit(do_not_specialize=["count", "two"])
@no_type_check
def tokens_program(
    points, vertices, tokens, colours, count, two,
    maps, camera, box, volume_box,
    planes, pixels, image, volume, bias,
    side, map_height, map_width, image_height, image_width,
    table0, first0, count0, z0, y0, x0,
    table1, first1, count1, z1, y1, x1,
    table2, first2, count2, z2, y2, x2,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Merged tokens of `count` points, but for the observed colour, which is stored as it is.

    `camera` is body R and Th, camera R and T, K; `box` is two corners; `volume_box` a corner and the size in voxels.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = place < count
    channel = tl.arange(0, CHANNELS)
    x = tl.load(points + place * 3, mask=live, other=0.0)
    y = tl.load(points + place * 3 + 1, mask=live, other=0.0)
    z = tl.load(points + place * 3 + 2, mask=live, other=0.0)
    token0 = tl.zeros([BLOCK, CHANNELS], tl.float32) + tl.load(bias + channel)[None, :]
    token1 = tl.zeros([BLOCK, CHANNELS], tl.float32) + tl.load(bias + 32 + channel)[None, :]
    token2 = tl.zeros([BLOCK, CHANNELS], tl.float32) + tl.load(bias + 64 + channel)[None, :]

    cell_x, beyond_x = below_on_plane(x, box, 0, side)
    cell_y, beyond_y = below_on_plane(y, box, 1, side)
    cell_z, beyond_z = below_on_plane(z, box, 2, side)
    token0 = _on_plane(token0, cell_y, beyond_y, cell_x, beyond_x, planes, 0, side, two)
    token1 = _on_plane(token1, cell_z, beyond_z, cell_x, beyond_x, planes, 1, side, two)
    token2 = _on_plane(token2, cell_y, beyond_y, cell_z, beyond_z, planes, 2, side, two)

    in_z = in_volume(z, volume_box, 2)
    in_y = in_volume(y, volume_box, 1)
    in_x = in_volume(x, volume_box, 0)
    token0, token1, token2 = _in_level(
        token0, token1, token2, in_z, in_y, in_x, table0, volume, first0, count0, z0, y0, x0, two
    )
    token0, token1, token2 = _in_level(
        token0, token1, token2, in_z, in_y, in_x, table1, volume, first1, count1, z1, y1, x1, two
    )
    token0, token1, token2 = _in_level(
        token0, token1, token2, in_z, in_y, in_x, table2, volume, first2, count2, z2, y2, x2, two
    )

    vertex = tl.load(vertices + place, mask=live, other=0)
    u, v = pixel_of(x, y, z, vertex, maps, camera, live)
    row, beyond_row = below_on_map(v, map_height, image_height)
    column, beyond_column = below_on_map(u, map_width, image_width)
    for corner in range(2 * two):
        cell, weight = cell_of(corner, row, beyond_row, column, beyond_column, map_height, map_width)
        token0 = _added(token0, weight, pixels, cell, 0, 64)
        token1 = _added(token1, weight, pixels, cell, 32, 64)

    shown = tl.zeros([BLOCK, 4], tl.float32)
    primary = tl.arange(0, 4)
    row, beyond_row = below_on_map(v, image_height, image_height)
    column, beyond_column = below_on_map(u, image_width, image_width)
    for corner in range(2 * two):
        cell, weight = cell_of(corner, row, beyond_row, column, beyond_column, image_height, image_width)
        there = (weight != 0.0)[:, None] & (primary < 3)[None, :]
        shown += weight[:, None] * tl.load(image + cell[:, None] * 3 + primary[None, :], mask=there, other=0.0)
    there = live[:, None] & (primary < 3)[None, :]
    tl.store(colours + place[:, None] * 3 + primary[None, :], shown, mask=there)

    # In 32 bits the place of a number would end at 22 million points.
    target = tokens + place.to(tl.int64)[:, None] * 96 + channel[None, :]
    tl.store(target, token0, mask=live[:, None])
    tl.store(target + 32, token1, mask=live[:, None])
    tl.store(target + 64, token2, mask=live[:, None])

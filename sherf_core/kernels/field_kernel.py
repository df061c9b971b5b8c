"""The Triton program of `field.py`: one block of points from merged tokens to density and colour.

Activations stay on the chip between layers. A layer of width 128 is kept as two halves of 64 columns: tiles of weights
stay small (16 KiB in float32) and a product's depth splits by itself. Matrices are named by what they multiply from the
right: `x @ matrix`, depth by width.

`no_type_check`: Triton compiles the source of these functions; whoever checks types at run time must not wrap them.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

TOKEN = tl.constexpr(32)
HALF = tl.constexpr(64)
WIDE = tl.constexpr(128)
HEADS = tl.constexpr(3)
SKIP_LAYER = tl.constexpr(5)
LAYERS = tl.constexpr(8)
START_DEPTH = tl.constexpr(96)
VIEWS_DEPTH = tl.constexpr(192)
QUARTER_TURN = tl.constexpr(1.5707963267948966)
ROOT_HALF = tl.constexpr(0.7071067811865476)


@triton.jit
@no_type_check
def _product(
    total, x, weights, k, n, DEPTH: tl.constexpr, WIDTH: tl.constexpr, MODE: tl.constexpr, BY_WIDTH: tl.constexpr
):
    """Add `x @ matrix[k:, n:]` to `total`; `weights` is a matrix of DEPTH by WIDTH, stored as MODE wants it."""
    depth = k + tl.arange(0, x.shape[1])
    width = n + tl.arange(0, total.shape[1])
    if BY_WIDTH:
        tile = tl.load(weights + depth[:, None] * WIDTH + width[None, :])
    else:
        tile = tl.load(weights + depth[:, None] + width[None, :] * DEPTH)
    x = x.to(tile.dtype)
    if MODE == "widened":
        # The interpreter's dot takes bfloat16's bits for integers.
        total = tl.dot(x.to(tl.float32), tile.to(tl.float32), total, input_precision="ieee")
    else:
        total = tl.dot(x, tile, total, input_precision=MODE)
    return total


@triton.jit
@no_type_check
def _bias(biases, n, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """A row of biases for every point: what a layer's sum starts from."""
    return tl.zeros([BLOCK, WIDTH], tl.float32) + tl.load(biases + n + tl.arange(0, WIDTH))[None, :]


@triton.jit
@no_type_check
def _normalise(x, scale, shift, epsilon):
    """LayerNorm over the 32 channels of a token."""
    channel = tl.arange(0, TOKEN)
    centred = x - (tl.sum(x, axis=1) / TOKEN)[:, None]
    variance = tl.sum(centred * centred, axis=1) / TOKEN
    x = centred / tl.sqrt(variance + epsilon)[:, None]
    return x * tl.load(scale + channel)[None, :] + tl.load(shift + channel)[None, :]


@triton.jit
@no_type_check
def _attend(asking, x0, x1, x2):
    """The three tokens, mixed by the softmax of their scores; `asking` is a token times the head's score matrix."""
    score0 = tl.sum(asking * x0, axis=1)
    score1 = tl.sum(asking * x1, axis=1)
    score2 = tl.sum(asking * x2, axis=1)
    highest = tl.maximum(score0, tl.maximum(score1, score2))
    part0 = tl.exp(score0 - highest)
    part1 = tl.exp(score1 - highest)
    part2 = tl.exp(score2 - highest)
    mixed = part0[:, None] * x0 + part1[:, None] * x1 + part2[:, None] * x2
    return mixed / (part0 + part1 + part2)[:, None]


@triton.jit
@no_type_check
def _feed(token, weights, vectors, epsilon, BLOCK: tl.constexpr, MODE: tl.constexpr, BY_WIDTH: tl.constexpr):
    """A token plus its feed-forward: LayerNorm, linear, exact GELU, linear."""
    x = _normalise(token, vectors + 3 * TOKEN, vectors + 4 * TOKEN, epsilon)
    x = _product(_bias(vectors, 5 * TOKEN, TOKEN, BLOCK), x, weights, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH)
    x = 0.5 * x * (1.0 + tl.erf(x * ROOT_HALF))
    total = token + _bias(vectors, 6 * TOKEN, TOKEN, BLOCK)
    return _product(total, x, weights + TOKEN * TOKEN, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH)


@triton.jit
@no_type_check
def _sine(x):
    """Sine to float32's precision for |x| < 39,000: a turn's half in four parts (Cody and Waite), and Taylor's series.

    The library's sine holds code for any number, which would be three quarters of the program.
    """
    turns = tl.floor(x * 0.3183098861837907 + 0.5)
    x = x - turns * 3.140625
    x = x - turns * 0.0009670257568359375
    x = x - turns * 6.2771141529083251953e-07
    x = x - turns * 1.2154201256553420762e-10
    square = x * x
    series = square * 1.605904383682161e-10 - 2.505210838544172e-08
    series = series * square + 2.755731922398589e-06
    series = series * square - 0.0001984126984126984
    series = series * square + 0.008333333333333333
    series = series * square - 0.16666666666666666
    x = x + x * (square * series)
    return tl.where((turns.to(tl.int32) & 1) == 0, x, -x)


@triton.jit
@no_type_check
def _encoding(coordinates, row, there, first):
    """32 columns of the positional encoding, from column `first`; those beyond the last octave meet zero weights."""
    column = first + tl.arange(0, 32)
    wave = column // 3 - 1
    octave = tl.maximum(wave, 0) // 2
    frequency = (tl.full([32], 1, tl.int32) << octave).to(tl.float32)
    phase = (tl.maximum(wave, 0) % 2).to(tl.float32) * QUARTER_TURN
    x = tl.load(coordinates + row[:, None] * 3 + (column % 3)[None, :], mask=there[:, None], other=0.0)
    return tl.where((wave < 0)[None, :], x, _sine(x * frequency[None, :] + phase[None, :]))


@triton.jit
@no_type_check
def _start(total, near, far, token, weights, n, MODE: tl.constexpr, BY_WIDTH: tl.constexpr):
    """Add the product of [encoded position, token 0] to `total`: the first layer's input, and the skip's."""
    total = _product(total, near, weights, 0, n, START_DEPTH, WIDE, MODE, BY_WIDTH)
    total = _product(total, far, weights, 32, n, START_DEPTH, WIDE, MODE, BY_WIDTH)
    return _product(total, token, weights, 64, n, START_DEPTH, WIDE, MODE, BY_WIDTH)


@triton.jit
@no_type_check
def _stage(first, second, scratch, BLOCK: tl.constexpr):
    """Put the halves of a layer's output into the scratch of this block."""
    row = tl.arange(0, BLOCK)[:, None]
    column = tl.arange(0, HALF)[None, :]
    tl.debug_barrier()  # all have read the layer before
    tl.store(scratch + row * WIDE + column, first)
    tl.store(scratch + row * WIDE + HALF + column, second)
    tl.debug_barrier()


@triton.jit
@no_type_check
def _dense(
    total,
    first,
    second,
    scratch,
    weights,
    n,
    DEPTH: tl.constexpr,
    WIDTH: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
    MODE: tl.constexpr,
    BY_WIDTH: tl.constexpr,
):
    """Add `[first, second] @ matrix[:128, n:n + 64]` to `total`, from registers or (CHUNK > 0) from the scratch."""
    if CHUNK == 0:
        total = _product(total, first, weights, 0, n, DEPTH, WIDTH, MODE, BY_WIDTH)
        total = _product(total, second, weights, HALF, n, DEPTH, WIDTH, MODE, BY_WIDTH)
    else:
        place = scratch + tl.arange(0, BLOCK)[:, None] * WIDE + tl.arange(0, CHUNK)[None, :]
        for k in range(0, WIDE, CHUNK):
            total = _product(total, tl.load(place + k), weights, k, n, DEPTH, WIDTH, MODE, BY_WIDTH)
    return total


@triton.jit
@no_type_check
def _hidden(
    first,
    second,
    layer,
    near,
    far,
    token,
    scratch,
    start,
    hidden,
    biases,
    SKIP: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
    MODE: tl.constexpr,
    BY_WIDTH: tl.constexpr,
):
    """Layer `layer` > 0 and its ReLU; with SKIP it also reads the first layer's input."""
    low = _bias(biases, layer * WIDE, HALF, BLOCK)
    high = _bias(biases, layer * WIDE + HALF, HALF, BLOCK)
    if SKIP:
        low = _start(low, near, far, token, start, 0, MODE, BY_WIDTH)
        high = _start(high, near, far, token, start, HALF, MODE, BY_WIDTH)
    if CHUNK > 0:
        _stage(first, second, scratch, BLOCK)
    weights = hidden + (layer - 1) * (WIDE * WIDE)
    low = _dense(low, first, second, scratch, weights, 0, WIDE, WIDE, CHUNK, BLOCK, MODE, BY_WIDTH)
    high = _dense(high, first, second, scratch, weights, HALF, WIDE, WIDE, CHUNK, BLOCK, MODE, BY_WIDTH)
    return tl.maximum(low, 0.0).to(first.dtype), tl.maximum(high, 0.0).to(first.dtype)


@triton.jit
@no_type_check
def field_program(
    tokens,
    points,
    directions,
    sigma,
    colour,
    count,
    first_row,
    attention,
    feed,
    start,
    hidden,
    views,
    vectors,
    biases,
    heads,
    ends,
    scratch,
    epsilon,
    feed_epsilon,
    padding,
    BLOCK: tl.constexpr,
    CHUNK: tl.constexpr,
    MODE: tl.constexpr,
    BY_WIDTH: tl.constexpr,
):
    """Density before its ReLU and padded colour of BLOCK points; `field.Packed` says what lies in the weights."""
    row = first_row + tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = row < count
    channel = tl.arange(0, TOKEN)
    OPERAND: tl.constexpr = hidden.dtype.element_ty

    place = tokens + row[:, None] * (3 * TOKEN) + channel[None, :]
    token0 = tl.load(place, mask=there[:, None], other=0.0).to(tl.float32)
    token1 = tl.load(place + TOKEN, mask=there[:, None], other=0.0).to(tl.float32)
    token2 = tl.load(place + 2 * TOKEN, mask=there[:, None], other=0.0).to(tl.float32)
    x0 = _normalise(token0, vectors, vectors + TOKEN, epsilon)
    x1 = _normalise(token1, vectors, vectors + TOKEN, epsilon)
    x2 = _normalise(token2, vectors, vectors + TOKEN, epsilon)
    token0 += _bias(vectors, 2 * TOKEN, TOKEN, BLOCK)
    token1 += _bias(vectors, 2 * TOKEN, TOKEN, BLOCK)
    for head in range(HEADS):
        scoring = attention + head * (2 * TOKEN * TOKEN)
        mixing = scoring + TOKEN * TOKEN
        nothing = tl.zeros([BLOCK, TOKEN], tl.float32)
        mixed = _attend(_product(nothing, x0, scoring, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH), x0, x1, x2)
        token0 = _product(token0, mixed, mixing, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH)
        mixed = _attend(_product(nothing, x1, scoring, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH), x0, x1, x2)
        token1 = _product(token1, mixed, mixing, 0, 0, TOKEN, TOKEN, MODE, BY_WIDTH)
    token0 = _feed(token0, feed, vectors, feed_epsilon, BLOCK, MODE, BY_WIDTH).to(OPERAND)
    token1 = _feed(token1, feed, vectors, feed_epsilon, BLOCK, MODE, BY_WIDTH).to(OPERAND)

    near = _encoding(points, row, there, 0).to(OPERAND)
    far = _encoding(points, row, there, 32).to(OPERAND)
    low = _start(_bias(biases, 0, HALF, BLOCK), near, far, token0, start, 0, MODE, BY_WIDTH)
    high = _start(_bias(biases, HALF, HALF, BLOCK), near, far, token0, start, HALF, MODE, BY_WIDTH)
    first = tl.maximum(low, 0.0).to(OPERAND)
    second = tl.maximum(high, 0.0).to(OPERAND)
    later_start = start + START_DEPTH * WIDE
    if CHUNK > 0:
        scratch += tl.program_id(0).to(tl.int64) * (BLOCK * WIDE)
    for layer in range(1, SKIP_LAYER):
        first, second = _hidden(
            first,
            second,
            layer,
            near,
            far,
            token0,
            scratch,
            later_start,
            hidden,
            biases,
            False,
            CHUNK,
            BLOCK,
            MODE,
            BY_WIDTH,
        )
    first, second = _hidden(
        first,
        second,
        SKIP_LAYER,
        near,
        far,
        token0,
        scratch,
        later_start,
        hidden,
        biases,
        True,
        CHUNK,
        BLOCK,
        MODE,
        BY_WIDTH,
    )
    for layer in range(SKIP_LAYER + 1, LAYERS):
        first, second = _hidden(
            first,
            second,
            layer,
            near,
            far,
            token0,
            scratch,
            later_start,
            hidden,
            biases,
            False,
            CHUNK,
            BLOCK,
            MODE,
            BY_WIDTH,
        )

    half = tl.arange(0, HALF)
    density = tl.sum(first.to(tl.float32) * tl.load(biases + LAYERS * WIDE + half)[None, :], axis=1)
    density += tl.sum(second.to(tl.float32) * tl.load(biases + LAYERS * WIDE + HALF + half)[None, :], axis=1)
    tl.store(sigma + row, density + tl.load(ends), mask=there)

    if CHUNK > 0:
        _stage(first, second, scratch, BLOCK)
    x = _bias(heads, 0, HALF, BLOCK)
    view = _encoding(directions, row, there, 0).to(OPERAND)
    x = _product(x, view, views, WIDE, 0, VIEWS_DEPTH, HALF, MODE, BY_WIDTH)
    x = _product(x, token1, views, WIDE + 32, 0, VIEWS_DEPTH, HALF, MODE, BY_WIDTH)
    x = _dense(x, first, second, scratch, views, 0, VIEWS_DEPTH, HALF, CHUNK, BLOCK, MODE, BY_WIDTH)
    x = tl.maximum(x, 0.0)
    for part in tl.static_range(3):
        weight = tl.load(heads + (1 + part) * HALF + half)
        value = tl.sum(x * weight[None, :], axis=1) + tl.load(ends + 1 + part)
        value = 1.0 / (1.0 + tl.exp(-value))
        tl.store(colour + row * 3 + part, value * (1.0 + 2.0 * padding) - padding, mask=there)

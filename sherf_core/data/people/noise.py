"""Seeded value noise and smooth steps: the raw material of every procedural surface."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def hash_cells(cells: Int[np.ndarray, "*B D"], seed: int = 0) -> Float[np.ndarray, "*B"]:
    """A number in 0..1 for every integer cell, the same on every machine."""
    primes = np.array([374761393, 668265263, 2147483647], np.uint32)
    state = np.full(cells.shape[:-1], (seed * 2654435761 + 97) & 0xFFFFFFFF, np.uint32)
    for axis in range(cells.shape[-1]):
        state = state + cells[..., axis].astype(np.uint32) * primes[axis]
    state = (state ^ (state >> np.uint32(13))) * np.uint32(1274126177)
    state = (state ^ (state >> np.uint32(15))) * np.uint32(2246822519)
    state = state ^ (state >> np.uint32(16))
    return (state & np.uint32(0xFFFF)).astype(np.float32) / np.float32(65535)


def value_noise(points: Float[np.ndarray, "N D"], octaves: int = 1, seed: int = 0) -> Float[np.ndarray, "N"]:
    """Fractal value noise in 0..1 (mean near 0.5) with features of unit size; D is 2 or 3."""
    points = np.asarray(points, np.float32)
    total, weight, norm = np.zeros(len(points), np.float32), 1.0, 0.0
    for octave in range(octaves):
        total += weight * _lattice(points, seed + 101 * octave)
        norm += weight
        weight *= 0.5
        points = points * np.float32(2.03) + np.float32(7.7)
    return total / np.float32(norm)


def _lattice(points: Float[np.ndarray, "N D"], seed: int) -> Float[np.ndarray, "N"]:
    cell = np.floor(points)
    fraction = points - cell
    fraction = fraction * fraction * (3 - 2 * fraction)
    cell = cell.astype(np.int64)
    dimensions = points.shape[1]
    result = np.zeros(len(points), np.float32)
    for corner in range(2**dimensions):
        bits = [(corner >> axis) & 1 for axis in range(dimensions)]
        weight = np.ones(len(points), np.float32)
        for axis, bit in enumerate(bits):
            weight = weight * (fraction[:, axis] if bit else 1 - fraction[:, axis])
        result += weight * hash_cells(cell + np.array(bits), seed)
    return result


def smoothstep(x: np.ndarray, low: int | float, high: int | float) -> np.ndarray:
    """0 below `low`, 1 above `high` (or the reverse when low > high), smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """first where amount is 0, second where it is 1; colours (N, 3) or (3,), amount (N,)."""
    return first * (1 - amount[:, None]) + np.asarray(second) * amount[:, None]


def linear_rgb(code: str) -> Float[np.ndarray, "3"]:
    """The linear colour of a six-digit sRGB hex code."""
    return (np.array([int(code[start : start + 2], 16) for start in (0, 2, 4)]) / 255.0) ** 2.2

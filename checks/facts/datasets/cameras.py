"""Cameras as the data sets write them, for the projection of a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Camera:
    """x_cam = R x + T (metres), pixel = K x_cam, after the lens has moved x_cam by `distortion` (k1 k2 p1 p2 k3)."""

    K: np.ndarray
    R: np.ndarray
    T: np.ndarray
    distortion: np.ndarray | None = None

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3); those behind the camera become NaN."""
        seen = points @ self.R.T + self.T
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x, y = np.where(seen[:, 2] > 0, seen[:, :2].T / seen[:, 2], np.nan)
            if self.distortion is not None:
                x, y = _distorted(x, y, self.distortion)
            return np.stack([x, y, np.ones_like(x)], axis=1) @ self.K[:2].T


def _distorted(x: np.ndarray, y: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brown's model, in the order of OpenCV."""
    k1, k2, p1, p2, k3 = coefficients
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
        y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
    )


def camera(K: Any, R: Any, T: Any, *, unit: float = 1.0, distortion: Any = None) -> Camera:
    """A camera from what a file holds; `unit` is that of T in metres.

    Raises:
        ValueError, TypeError: a shape is wrong, or a number is not finite.
    """
    lens = None if distortion is None else _numbers(distortion, (-1,))[:5]
    if lens is not None and len(lens) < 5:
        lens = np.concatenate([lens, np.zeros(5 - len(lens))])
    return Camera(_numbers(K, (3, 3)), _numbers(R, (3, 3)), _numbers(T, (3,)) * unit, lens)


def read_cameras(path: Path, prefix: str) -> dict[int, Camera]:
    """The cameras of a `cameras.json`, by the number after `prefix`.

    Raises:
        OSError: it cannot be read.
        ValueError: it does not hold cameras; says what is wrong.
    """
    try:
        entries = json.loads(path.read_bytes())
        if not isinstance(entries, Mapping):
            raise TypeError("no table of cameras")
        return {
            int(name.removeprefix(prefix)): camera(entry["K"], entry["R"], entry["T"])
            for name, entry in entries.items()
            if name.startswith(prefix)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a list of cameras: {type(error).__name__}: {str(error)[:100]}") from error


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("a value is NaN or infinite")
    return array

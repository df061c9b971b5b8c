"""Input, prediction and truth in one picture."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from sherf_core.io.atomic import write_bytes

GAP = 4
"""White columns between two panels."""


def eight_bit(image: Float[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """An image in 0..1 as bytes; what lies outside is clipped and NaN is black."""
    scaled = np.fmax(image * 255.0, 0.0)  # of NaN and 0 it takes the 0
    return np.rint(np.minimum(scaled, 255.0, out=scaled), out=scaled).astype(np.uint8)


def side_by_side(panels: Sequence[Float[np.ndarray, "H W 3"]]) -> UInt8[np.ndarray, "H X 3"]:
    """Panels of one size next to each other, white between them."""
    height = panels[0].shape[0]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (gap, eight_bit(panel))][1:]
    return np.concatenate(parts, axis=1)


def save_picture(path: Path, panels: Sequence[Float[np.ndarray, "H W 3"]]) -> None:
    """Write panels side by side as a PNG, atomically."""
    content = io.BytesIO()
    # Pictures on black are mostly runs of equal bytes: looking for nothing else takes half the time, and less room.
    Image.fromarray(side_by_side(panels)).save(content, format="PNG", compress_type=zlib.Z_RLE)
    write_bytes(path, content.getvalue())

"""Compact textures: smaller pictures, seams bled into the background, no printed name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Picture = NDArray[np.float32]
QUALITY = 88
PATCH = (slice(130, 205), slice(145, 255))  # rows and columns around the jeans' leather patch, of 1024


def read(path: Path, size: int, mode: str = "RGBA") -> Picture:
    """A picture (size, size, C) in 0..1."""
    with Image.open(path) as image:
        small = image.convert(mode).resize((size, size), Image.Resampling.LANCZOS)
    return np.array(small, dtype=np.float32) / np.float32(255)


def write(path: Path, picture: Picture, mode: str) -> None:
    """A picture in 0..1 as JPEG or PNG, as the name says."""
    image = Image.fromarray(np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if image.mode != mode:
        raise ValueError(f"{path.name}: a picture of mode {image.mode}, not {mode}")
    image.save(path, quality=QUALITY, optimize=True)


def bleed(picture: Picture, valid: NDArray[np.bool_]) -> Picture:
    """Every pixel that is not valid takes its nearest valid one's value, so that no seam shows the background."""
    rows, columns = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return picture[rows, columns]


def inpaint(picture: Picture, valid: NDArray[np.bool_], spread: float) -> Picture:
    """Pixels that are not valid take the Gaussian average of the valid ones around them."""
    weight = ndimage.gaussian_filter(valid.astype(np.float32), spread)
    total = ndimage.gaussian_filter(np.where(valid, picture, 0), spread)
    return np.where(valid, picture, total / np.maximum(weight, 1e-6)).astype(np.float32)


def skin(source: Path) -> Picture:
    """The photographic skin, in the texture layout of the body group."""
    return read(source / "young_lightskinned_male_diffuse.png", 1024, "RGB")


def jeans(source: Path) -> Picture:
    """Denim with its seams bled outwards; the printed name on the leather patch is smoothed away."""
    picture = read(source / "jeans_basic_diffuse.png", 1024)
    patch = np.zeros(picture.shape[:2], dtype=bool)
    patch[PATCH] = picture[PATCH][..., 0] - picture[PATCH][..., 2] > 0.04
    patch = ndimage.binary_closing(patch, iterations=4)
    inner = ndimage.binary_erosion(patch, iterations=5)
    grey = picture[..., :3].mean(axis=-1)
    print_on_it = inner & (grey < ndimage.median_filter(grey, 25) - 0.02)
    plain_leather = inner & ~ndimage.binary_dilation(print_on_it, iterations=2)
    for channel in range(3):
        leather = inpaint(np.where(inner, picture[..., channel], 0), plain_leather, spread=6)
        picture[..., channel] = np.where(inner, leather, picture[..., channel])
    cloth = (picture[..., 3] > 0.9) & (picture[..., :3].max(axis=-1) > 0.08)
    return bleed(picture[..., :3], ndimage.binary_erosion(cloth, iterations=2))


def face_masks(folder: Path) -> Picture:
    """Lips, eyelids and ears as the channels of a picture in the skin's texture layout."""
    return np.stack([read(folder / f"mpfb_{part}.jpg", 1024, "L") for part in ("lips", "eyelids", "ears")], axis=-1)

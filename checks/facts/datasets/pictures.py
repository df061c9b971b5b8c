"""One picture and its mask: sizes, the camera's centre, whether they can be read, and whether the body lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from checks.facts.datasets.cameras import Camera
from checks.facts.datasets.layout import Picture

MOST_PIXELS = 64_000_000
# Real cameras look past the middle of their picture by less; a picture that was made smaller or cut, by more.
CENTRE_TOLERANCE = 0.15
FIT_SHARE = 0.85
"""A picture fits its body if this share of the body's points lies on its mask."""
# Joints of hands and feet lie near the rim, and masks are cut a little short: so many pixels of the longer side.
RIM = 0.012


@dataclass(frozen=True)
class Checked:
    """What was found; empty texts are good. `mask` is None where it could not be read or was not asked for."""

    wrong: str = ""
    unreadable: str = ""
    mask: np.ndarray | None = None


def check_picture(root: Path, picture: Picture, camera: Camera, aspect: float, *, keep_mask: bool) -> Checked:
    """Open and decode a picture and its mask.

    Args:
        root: of the data set.
        picture: its names.
        camera: the one that took it.
        aspect: width by height of all pictures of this data set.
        keep_mask: whether the mask's pixels are wanted.
    """
    sizes, mask = [], None
    for name in (picture.image, picture.mask):
        try:
            with Image.open(root / name) as image:
                sizes.append(image.size)
                if image.width * image.height > MOST_PIXELS:
                    return Checked(wrong=f"{name}: {_by(image.size)} pixels")
                image.load()
                if name == picture.mask and keep_mask:
                    mask = _non_zero(image)
        except Exception as error:  # PIL raises many kinds for damaged files
            return Checked(unreadable=f"{name}: {type(error).__name__}: {str(error).replace(str(root), '')[:120]}")
    return Checked(_wrong(picture, sizes[0], sizes[1], camera, aspect), "", mask)


def _wrong(picture: Picture, image: tuple[int, int], mask: tuple[int, int], camera: Camera, aspect: float) -> str:
    width, height = image
    if image != mask:
        return f"{picture.image}: {_by(image)}, its mask {_by(mask)}"
    # A picture of so few pixels cannot have the exact ratio.
    if abs(width - aspect * height) > max(1.0, 0.01 * width):
        return (
            f"{picture.image}: {_by(image)}, not {'square' if aspect == 1 else f'{aspect:.2f} times as wide as high'}"
        )
    x, y = camera.K[0, 2], camera.K[1, 2]
    if max(abs(x / width - 0.5), abs(y / height - 0.5)) > CENTRE_TOLERANCE:
        return f"{picture.image}: {_by(image)}, its camera's centre is ({x:.0f}, {y:.0f})"
    return ""


def share_inside(points: np.ndarray, camera: Camera, mask: np.ndarray) -> float | None:
    """Share of projected points that lie on the mask or a little beside it; None where the mask is empty.

    Points outside the picture count as misses, unless the person is cut by the picture's border.
    """
    if not mask.any():
        return None
    height, width = mask.shape
    pixels = camera.project(points)
    with np.errstate(invalid="ignore"):
        seen = (np.abs(pixels - [width / 2, height / 2]) <= [width / 2, height / 2]).all(axis=1)
    cut = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    if not seen.any():
        return 0.0
    x, y = np.clip(np.rint(pixels[seen]).astype(int).T, 0, [[width - 1], [height - 1]])
    reach = max(1, round(RIM * max(width, height)))
    # Any pixel of the mask in the square around a point: four corners of the table of sums.
    sums = np.pad(mask.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    top, bottom = np.maximum(y - reach, 0), np.minimum(y + reach + 1, height)
    left, right = np.maximum(x - reach, 0), np.minimum(x + reach + 1, width)
    hits = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0
    return float(hits.sum() / (seen.sum() if cut else len(points)))


def _non_zero(image: Image.Image) -> np.ndarray:
    """True where any colour is not zero; an alpha channel does not count."""
    colours = image.convert("RGB") if image.mode in {"P", "RGBA", "PA", "CMYK", "YCbCr"} else image
    pixels = np.asarray(colours.getchannel(0) if colours.mode == "LA" else colours)
    return (pixels != 0).reshape(*pixels.shape[:2], -1).any(axis=-1)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"

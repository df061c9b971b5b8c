"""Reading pictures and masks, and making them smaller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from sherf_core.errors import DatasetError


def picture_bytes(path: Path) -> bytes:
    """The content of a picture's file."""
    with _typed_errors(path):
        return path.read_bytes()


def read_image(path: Path, content: bytes | None = None) -> Float32[np.ndarray, "H W 3"]:
    """An RGB picture with values in 0..1, as stored (no colour management, no rotation by metadata).

    Args:
        path: its file.
        content: the file's bytes, where they were read already.
    """
    return np.asarray(_open(path, content, "RGB"), dtype=np.float32) / np.float32(255.0)


def read_mask(path: Path, content: bytes | None = None) -> Bool[np.ndarray, "H W"]:
    """True where a mask picture is non-zero in any of its colours; an alpha channel does not count."""
    with_alpha = _open(path, content, None)
    if with_alpha.mode in {"P", "RGBA", "PA", "CMYK", "YCbCr"}:
        pixels = np.asarray(with_alpha.convert("RGB"))
    elif with_alpha.mode == "LA":
        pixels = np.asarray(with_alpha)[..., :1]
    else:
        pixels = np.asarray(with_alpha)
    return (pixels != 0).reshape(*pixels.shape[:2], -1).any(axis=-1)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height by the picture's header."""
    with _typed_errors(path), Image.open(path) as image:
        return image.size


def area_downscale(
    image: Float32[np.ndarray, "H W C"], width: int, height: int | None = None
) -> Float32[np.ndarray, "h w C"]:
    """A picture made smaller: each new pixel is the mean of the area it covers (fractions of pixels count).

    Without a height the picture becomes a square.
    """
    height = width if height is None else height
    if image.shape[:2] == (height, width):
        return image
    if image.shape[0] % height == 0 and image.shape[1] % width == 0:
        down, across = image.shape[0] // height, image.shape[1] // width
        total = np.zeros((height, width, image.shape[2]), np.float32)
        for row, column in np.ndindex(down, across):
            total += image[row::down, column::across]
        return total / np.float32(down * across)
    return area_downscale_by_shares(image, width, height)


def area_downscale_by_shares(
    image: Float32[np.ndarray, "H W C"], width: int, height: int
) -> Float32[np.ndarray, "h w C"]:
    """The same for every size: the reference of the whole factors' short cut."""
    rows = np.einsum("ih,hwc->iwc", _coverage(image.shape[0], height), image, optimize=True)
    return np.einsum("jw,iwc->ijc", _coverage(image.shape[1], width), rows, optimize=True).astype(np.float32)


def nearest_downscale(mask: Bool[np.ndarray, "H W"], width: int, height: int | None = None) -> Bool[np.ndarray, "h w"]:
    """A mask made smaller: new pixel i takes old pixel floor(i * scale), as the published reader did.

    Without a height the mask becomes a square.
    """
    height = width if height is None else height
    if mask.shape == (height, width):
        return mask
    rows = np.arange(height) * mask.shape[0] // height
    columns = np.arange(width) * mask.shape[1] // width
    return mask[rows[:, None], columns]


def border_band(mask: Bool[np.ndarray, "H W"], width: int) -> Bool[np.ndarray, "H W"]:
    """Pixels whose `width` x `width` neighbourhood holds person and background: those along the mask's edge.

    Beyond the picture nothing is known, so its rim is no edge.
    """
    square = np.ones((width, width), bool)
    return ndimage.binary_dilation(mask, square) & ~ndimage.binary_erosion(mask, square, border_value=1)


def _coverage(large: int, small: int) -> Float32[np.ndarray, "small large"]:
    """Share of each old pixel in each new one, along one axis; rows sum to 1."""
    edges = np.arange(small + 1) * (large / small)
    old = np.arange(large)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return (np.clip(overlap, 0.0, 1.0) * (small / large)).astype(np.float32)


def _open(path: Path, content: bytes | None, mode: str | None) -> Image.Image:
    content = picture_bytes(path) if content is None else content
    with _typed_errors(path), Image.open(BytesIO(content)) as image:
        image.load()
        return image.convert(mode) if mode else image.copy()


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} is missing", fix="copy or unpack this file again", code="DATA.RP_LAYOUT", path=path
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        # Pillow knows the file as an object in memory; the name says more.
        unknown = isinstance(error, UnidentifiedImageError)
        why = f"cannot identify image file {str(path)!r}" if unknown else str(error)
        raise DatasetError(
            f"{path} cannot be read as a picture: {why}",
            fix="copy or unpack this file again",
            code="DATA.IMG",
            path=path,
        ) from error

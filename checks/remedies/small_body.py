"""A copy of a body file with 10 shape components, as plain arrays."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from checks.remedies.claiming import Refused


def write_small_copy(source: Path, target: Path) -> None:
    """Write the body's arrays, under its own names, and read them back.

    Raises:
        BodyFileError: the source is no body.
        Refused: what was written does not read as what it should be.
    """
    from sherf_core.body.convert import convert_body
    from sherf_core.body.files import SHAPES

    convert_body(source, target, shapes=SHAPES)
    if not is_small_copy(source, target):
        raise Refused(f"the copy of {source} did not read as it was written")


def is_small_copy(source: Path, target: Path) -> bool:
    """Whether both give the same arrays, and the target has no more shape components than are used."""
    import numpy as np

    from sherf_core.body.files import SHAPES, load_body
    from sherf_core.errors import BodyFileError

    try:
        copy = load_body(target)
    except BodyFileError:
        return False
    body = load_body(source)
    arrays = [field.name for field in fields(body) if field.name not in ("shape_components", "source")]
    same = all(np.array_equal(getattr(body, name), getattr(copy, name)) for name in arrays)
    return copy.shape_components == SHAPES and same

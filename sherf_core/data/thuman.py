"""Reader of THuman's layout: 24 views through lenses, whose distortion is taken out of picture and mask.

    ROOT/human_list.txt
    ROOT/SUBJECT/annots.npy, pictures, mask_cihp/      see `sherf_core.data.annotated`
    ROOT/SUBJECT/new_params_neutral/0.npy              poses, shapes, R (3x3), Th

The truth is clipped to the body's box as it is, without the usual 5 cm around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32

from sherf_core.data.annotated import AnnotatedReader
from sherf_core.data.parameters import field, numbers


class THuman(AnnotatedReader):
    """Frames of a data set in THuman's layout."""

    code = empty_code = "DATA.TH_ANNOTS"
    parameters, parameters_code = "new_params_neutral", "DATA.TH_PARAMS"
    parameters_expected = "a dictionary: poses (1,72), shapes (1,10), R (3,3), Th (1,3)"
    has_lenses = True
    clip_padding = 0.0

    def turn(self, values: Mapping[str, Any]) -> Float32[np.ndarray, "3 3"]:
        """The rotation that the file states."""
        return field(values, "R", lambda value: numbers(value, (3, 3)))

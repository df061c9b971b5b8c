"""The arrays of a body model file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(frozen=True)
class BodyArrays:
    """What the model needs of a body file, in metres; V vertices, F faces, 24 joints.

    Attributes:
        shape_components: how many shape directions the file held; only the first ten are kept.
        source: "embedded free body", or the file's path.
    """

    v_template: Float32[np.ndarray, "V 3"]
    shapedirs: Float32[np.ndarray, "V 3 10"]
    posedirs: Float32[np.ndarray, "V 3 207"]
    weights: Float32[np.ndarray, "V 24"]
    J_regressor: Float32[np.ndarray, "24 V"]
    faces: Int64[np.ndarray, "F 3"]
    parents: Int64[np.ndarray, "24"]
    shape_components: int
    source: str

"""The source mesh that people are made of: body, eyes, and the helper shapes that clothes are cut from.

It extends the free body (`sherf_core.body`): the same rest pose, joints, shape coefficients and pose blend shapes, on
more vertices. So a person's saved parameters pose the free body into exactly the person in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from PIL import Image

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body
from sherf_core.data.people.anatomy import Anatomy
from sherf_core.data.people.mesh import Surface

FOLDER = Path(__file__).with_name("wardrobe")


@dataclass(frozen=True)
class Wardrobe:
    """All vertices of the source mesh (S), in the rest pose of the mean body.

    Attributes:
        rest: (S, 3) positions, metres.
        shapedirs: (S, 3, 10) shape blend shapes for the free body's coefficients.
        weights: (S, 24) skinning weights.
        keep: the source vertex of each free-body vertex.
        transfer: (S, V) matrix that carries the free body's pose offsets over; rows of hair and skirt are empty.
        groups: named parts: faces (F, 3) and texture coordinates (F, 3, 2).
        phenotypes: regression from phenotypes to coefficients: names, centres, coefficients (55, 10).
        body: the free body.
    """

    rest: Float[np.ndarray, "S 3"]
    shapedirs: Float[np.ndarray, "S 3 10"]
    weights: Float[np.ndarray, "S 24"]
    keep: Int[np.ndarray, "V"]
    transfer: sparse.csr_matrix
    groups: dict[str, tuple[Int[np.ndarray, "F 3"], Float[np.ndarray, "F 3 2"]]]
    phenotypes: tuple[list[str], np.ndarray, np.ndarray]
    body: BodyArrays

    @cached_property
    def anatomy(self) -> Anatomy:
        """Landmarks of the mean body."""
        return Anatomy(self.body.J_regressor.astype(np.float64) @ self.body.v_template)

    def shapes(self, **wanted: float) -> Float[np.ndarray, "10"]:
        """Shape coefficients of a body with these phenotypes (0..1; those not named are average)."""
        names, centre, coefficients = self.phenotypes
        x = np.array([wanted.get(name, middle) - middle for name, middle in zip(names, centre, strict=True)])
        products = [x[i] * x[j] for i in range(len(x)) for j in range(i, len(x))]
        return np.concatenate([[1.0], x, products]) @ coefficients

    def shaped(self, shapes: Float[np.ndarray, "10"]) -> Float[np.ndarray, "S 3"]:
        """The source mesh of a person at rest."""
        return self.rest + self.shapedirs @ shapes

    def joints(self, shaped: Float[np.ndarray, "S 3"]) -> Float[np.ndarray, "24 3"]:
        """Rest joints of a shaped person: the free body's."""
        return self.body.J_regressor.astype(np.float64) @ shaped[self.keep]

    def pose_offsets(self, feature: Float[np.ndarray, "207"]) -> Float[np.ndarray, "S 3"]:
        """The pose blend shapes' displacement at rest."""
        return self.transfer @ (self.body.posedirs.astype(np.float64) @ feature)

    def surface(self, group: str, subdivisions: int = 0) -> Surface:
        """A named part of the mean body, as a surface whose origin are the source vertices."""
        faces, corner_uv = self.groups[group]
        used, inverse = np.unique(faces, return_inverse=True)
        rows = np.arange(len(used))
        origin = sparse.coo_matrix((np.ones(len(used)), (rows, used)), shape=(len(used), len(self.rest))).tocsr()
        surface = Surface(inverse.reshape(-1, 3), self.rest[used], origin, corner_uv)
        return surface.subdivided(subdivisions) if subdivisions else surface


@lru_cache(maxsize=1)
def load_wardrobe() -> Wardrobe:
    """The shipped wardrobe; read once in a process."""
    with np.load(FOLDER / "full.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    body = load_body()
    count = len(arrays["vertices"])
    weights = np.zeros((count, 24))
    np.put_along_axis(weights, arrays["weight_joints"].astype(np.int64), arrays["weight_values"].astype(np.float64), 1)
    uv = arrays["uv"].astype(np.float64) / 65535
    groups = {
        name.removeprefix("faces_"): (arrays[name].astype(np.int64), uv[arrays[f"uv_{name}"].astype(np.int64)])
        for name in arrays
        if name.startswith("faces_")
    }
    loose = np.unique(np.concatenate([groups["skirt"][0].ravel(), groups["hair"][0].ravel()]))
    barycentric = arrays["transfer_barycentric"].astype(np.float64)
    barycentric[loose] = 0
    corner = body.faces[arrays["transfer_faces"].astype(np.int64)]
    transfer = sparse.coo_matrix(
        (barycentric.ravel(), (np.repeat(np.arange(count), 3), corner.ravel())), shape=(count, len(body.v_template))
    ).tocsr()
    return Wardrobe(
        rest=arrays["vertices"].astype(np.float64),
        shapedirs=arrays["shapedirs"].astype(np.float64),
        weights=weights,
        keep=arrays["keep"].astype(np.int64),
        transfer=transfer,
        groups=groups,
        phenotypes=(
            [str(name) for name in arrays["phenotype_names"]],
            arrays["phenotype_centre"].astype(np.float64),
            arrays["phenotype_coefficients"].astype(np.float64),
        ),
        body=body,
    )


@lru_cache(maxsize=8)
def load_picture(name: str) -> Float[np.ndarray, "H W 3"]:
    """A texture of the wardrobe as linear colours."""
    with Image.open(FOLDER / name) as picture:
        return (np.asarray(picture.convert("RGB"), np.float32) / 255) ** np.float32(2.2)


def sample_picture(picture: Float[np.ndarray, "H W C"], uv: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N C"]:
    """Bilinear look-up; v runs upwards."""
    height, width = picture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    column, row = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    top = picture[row, column] * (1 - fx) + picture[row, column + 1] * fx
    bottom = picture[row + 1, column] * (1 - fx) + picture[row + 1, column + 1] * fx
    return top * (1 - fy) + bottom * fy

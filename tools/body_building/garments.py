"""The MORSE man's jeans on the free body: T pose, mean shape, shape directions, skin weights, what they hide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_building.makehuman import BODY_VERTICES, ShapeSpace, read_base_mesh, triangulate
from body_building.man_fit import FittedMan
from body_building.skeleton import Array
from body_building.skinning import blend, four_weights, undo
from body_building.surface import attach, ray_hits, smooth, vertex_normals

REACH = 0.06  # metres: cloth farther than this over the skin does not hide it
DEPTH = 0.03  # skin that pokes out less than this is still meant to be under the cloth


@dataclass(frozen=True)
class Garment:
    """A garment on the mean body in the T pose; `hides` (13380,) marks body vertices well under it."""

    vertices: Array
    directions: Array
    weights: Array
    faces: NDArray[np.int64]
    corner_uv: Array
    hides: NDArray[np.bool_]


def _welded(vertices: Array, faces: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Vertices that faces use, those at one place merged, so that smoothing crosses texture seams."""
    places, number = np.unique(np.round(vertices[faces.reshape(-1)], 6), axis=0, return_inverse=True)
    return places, number.reshape(faces.shape)


def cloth(folder: Path, name: str, man: FittedMan, space: ShapeSpace, weights: Array, smoothing: int = 10) -> Garment:
    """A garment that follows the skin: motion and shape come from the nearest skin, smoothed over the cloth."""
    with np.load(folder / f"{name}.npz") as file:
        vertices, faces = _welded(file["vertices"], file["triangles"])
        corner_uv = file["uv"]
    skin = _skin_triangles()
    skin_weights = weights[:BODY_VERTICES]
    nobody = np.zeros((len(vertices), weights.shape[1]))
    face, share = attach(vertices, nobody, man.posed, skin, skin_weights, joint_penalty=0.0)

    def from_skin(values: Array) -> Array:
        return smooth(np.einsum("nc,nc...->n...", share, values[skin[face]]), faces, smoothing)

    own_weights = four_weights(from_skin(skin_weights))
    straight = undo(blend(man.back, own_weights), vertices)
    mean = straight + from_skin(space.mean[:BODY_VERTICES] - man.straight)
    return _finish(mean, from_skin(space.directions[:BODY_VERTICES]), own_weights, faces, corner_uv, space)


def _skin_triangles() -> NDArray[np.int64]:
    """Triangles of the body surface."""
    _, groups = read_base_mesh()
    return triangulate(groups["body"], np.zeros((BODY_VERTICES, 3)))[0]


def _finish(
    vertices: Array, directions: Array, weights: Array, faces: NDArray[np.int64], corner_uv: Array, space: ShapeSpace
) -> Garment:
    """The garment with the body vertices that it hides: those under cloth together with all their neighbours."""
    body, skin = space.mean[:BODY_VERTICES], _skin_triangles()
    normals = vertex_normals(body, skin)
    lowest, highest = vertices.min(axis=0) - REACH, vertices.max(axis=0) + REACH
    near = np.flatnonzero(np.all((body > lowest) & (body < highest), axis=1))
    under = np.zeros(len(body), dtype=bool)
    under[near] = ray_hits(body[near], normals[near], vertices[faces], -DEPTH, REACH)
    open_faces = ~under[skin].all(axis=1)
    hides = under.copy()
    hides[skin[open_faces].reshape(-1)] = False
    return Garment(vertices, directions, weights, faces, corner_uv, hides)

"""The MORSE man's clothes on the free body: T pose, mean shape, shape directions, skin weights, what they hide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from body_building.makehuman import BODY_VERTICES, ShapeSpace, read_base_mesh, triangulate
from body_building.man_fit import FittedMan
from body_building.skeleton import ANKLE, HEAD, TOES, Array
from body_building.skinning import blend, four_weights, undo
from body_building.surface import attach, ray_hits, smooth, vertex_normals

REACH = 0.06  # metres: cloth farther than this over the skin does not hide it
HAIR_CLEARANCE = 0.005
OPENING = 0.055  # the sides of the shoes reach this high above their soles
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


def shoes(folder: Path, man: FittedMan, space: ShapeSpace, weights: Array) -> Garment:
    """A pair of shoes: each changes with its foot as a whole (an affine map), bending a little at the toes."""
    with np.load(folder / "shoes.npz") as file:
        vertices, faces = _welded(file["vertices"], file["triangles"])
        corner_uv = file["uv"]
    vertices = vertices + (man.straight - man.posed)[_foot(0, weights)].mean(axis=0)
    own_weights, mean = np.zeros((len(vertices), weights.shape[1])), np.zeros_like(vertices)
    directions = np.zeros((*vertices.shape, space.directions.shape[2]))
    for side in (0, 1):
        mine = vertices[:, 0] > 0 if side == 0 else vertices[:, 0] < 0
        foot = _foot(side, weights)
        affine = AffineField(man.straight[foot])
        mean[mine] = vertices[mine] + affine(space.mean[:BODY_VERTICES][foot] - man.straight[foot], vertices[mine])
        mean_affine = AffineField(space.mean[:BODY_VERTICES][foot])
        directions[mine] = mean_affine(space.directions[:BODY_VERTICES][foot], mean[mine])
        bend = np.clip((mean[mine, 2] - space.joints[TOES + side, 2] + 0.02) / 0.05, 0, 1)
        own_weights[mine, ANKLE + side], own_weights[mine, TOES + side] = 1 - 0.6 * bend, 0.6 * bend
    pair = _finish(mean, directions, four_weights(own_weights), faces, corner_uv, space)
    # Between the toes no ray along a normal meets the shoe, yet all of the foot below its opening is in it.
    inside = (_foot(0, weights) | _foot(1, weights)) & (space.mean[:BODY_VERTICES, 1] < mean[:, 1].min() + OPENING)
    return replace(pair, hides=pair.hides | inside)


def hair(folder: Path, man: FittedMan, space: ShapeSpace, weights: Array) -> Garment:
    """Hair follows the skull as a whole and moves with the head."""
    with np.load(folder / "hair.npz") as file:
        corners, corner_uv = file["vertices"][file["triangles"]], file["uv"]
    for _ in range(2):  # the hair's few large triangles would cut through the round skull
        corners, corner_uv = _quartered(corners), _quartered(corner_uv)
    vertices, faces = _welded(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))
    own_weights = np.zeros((len(vertices), weights.shape[1]))
    own_weights[:, HEAD] = 1
    vertices = undo(blend(man.back, own_weights), vertices)
    skull = (weights[:BODY_VERTICES, HEAD] > 0.9) & (space.mean[:BODY_VERTICES, 1] > space.joints[HEAD, 1] + 0.05)
    affine = AffineField(man.straight[skull])
    mean = vertices + affine(space.mean[:BODY_VERTICES][skull] - man.straight[skull], vertices)
    mean = _off_the_skin(mean, space.mean[:BODY_VERTICES], HAIR_CLEARANCE)
    directions = AffineField(space.mean[:BODY_VERTICES][skull])(space.directions[:BODY_VERTICES][skull], mean)
    scalp_shows = np.zeros(BODY_VERTICES, dtype=bool)  # through the gaps between the strands
    return Garment(mean, directions, own_weights, faces, corner_uv, scalp_shows)


def _quartered(corners: Array) -> Array:
    """Triangles (F, 3, C) each split into four at its edges' midpoints: (4F, 3, C)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate([np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])


def _off_the_skin(vertices: Array, body: Array, clearance: float) -> Array:
    """Vertices moved outwards where they lie deeper than `clearance` above the nearest skin."""
    skin = _skin_triangles()
    normals = vertex_normals(body, skin)
    _, nearest = cKDTree(body).query(vertices, k=4)
    normal = normals[nearest].mean(axis=1)
    height = np.sum((vertices[:, None] - body[nearest]) * normals[nearest], axis=-1).mean(axis=1)
    return vertices + np.maximum(clearance - height, 0)[:, None] * normal


class AffineField:
    """Extends values known at some points to others by the best affine function of the place."""

    def __init__(self, points: Array) -> None:
        """Prepare for values at `points` (P, 3)."""
        self.centre = points.mean(axis=0)
        self.solver = np.linalg.pinv(self._terms(points))

    def _terms(self, points: Array) -> Array:
        return np.concatenate([np.ones((len(points), 1)), points - self.centre], axis=1)

    def __call__(self, values: Array, places: Array) -> Array:
        """Values (P, ...) at the points, carried to places (N, 3): (N, ...)."""
        result: Array = np.tensordot(self._terms(places) @ self.solver, values, axes=1)
        return result


def _foot(side: int, weights: Array) -> NDArray[np.bool_]:
    """Body vertices of one foot."""
    result: NDArray[np.bool_] = weights[:BODY_VERTICES, [ANKLE + side, TOES + side]].sum(axis=1) > 0.6
    return result


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

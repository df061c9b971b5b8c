"""Where points lie over a triangle mesh: nearest face, barycentric coordinates, local frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from body_building.skeleton import Array


def closest_barycentrics(points: Array, corners: Array) -> Array:
    """Barycentric coordinates (..., 3) of the closest point on triangles (..., 3, 3) to points (..., 3).

    The best of the plane's foot (if inside) and of the three edges' nearest points.
    """
    origin, first, second = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    u, v, w = first - origin, second - origin, points - origin
    uu, uv, vv = np.sum(u * u, -1), np.sum(u * v, -1), np.sum(v * v, -1)
    wu, wv = np.sum(w * u, -1), np.sum(w * v, -1)
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    b, c = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    foot = np.stack([1 - b - c, b, c], axis=-1)
    inside = foot.min(axis=-1) >= 0
    candidates = [foot]
    for start, end in ((0, 1), (1, 2), (2, 0)):
        edge = corners[..., end, :] - corners[..., start, :]
        length = np.maximum(np.sum(edge * edge, -1), 1e-30)
        t = np.clip(np.sum((points - corners[..., start, :]) * edge, -1) / length, 0, 1)
        on_edge = np.zeros_like(foot)
        on_edge[..., start], on_edge[..., end] = 1 - t, t
        candidates.append(on_edge)
    options = np.stack(candidates, axis=-2)
    distance = np.linalg.norm(np.einsum("...kc,...cd->...kd", options, corners) - points[..., None, :], axis=-1)
    distance[..., 0] = np.where(inside, distance[..., 0], np.inf)
    best = distance.argmin(axis=-1)
    result: Array = np.take_along_axis(options, best[..., None, None], axis=-2)[..., 0, :]
    return result


def attach(
    points: Array,
    point_weights: Array,
    vertices: Array,
    faces: NDArray[np.int64],
    weights: Array,
    *,
    candidates: int = 40,
    joint_penalty: float = 0.05,
) -> tuple[NDArray[np.int64], Array]:
    """The face (N,) and barycentrics (N, 3) that each point follows.

    Nearness alone would tie the inside of one thigh to the other, so `joint_penalty` metres are added for a
    difference of 1 in the skin weights (half the sum of absolute differences).
    """
    _, near = cKDTree(vertices[faces].mean(axis=1)).query(points, k=candidates)
    barycentrics = closest_barycentrics(points[:, None], vertices[faces[near]])
    place = np.einsum("nkc,nkcd->nkd", barycentrics, vertices[faces[near]])
    cost = np.linalg.norm(place - points[:, None], axis=-1)
    for k in range(candidates):
        there = np.einsum("nc,ncj->nj", barycentrics[:, k], weights[faces[near[:, k]]])
        cost[:, k] += joint_penalty * 0.5 * np.abs(there - point_weights).sum(axis=1)
    best = cost.argmin(axis=1)
    rows = np.arange(len(points))
    return near[rows, best], barycentrics[rows, best]


def neighbour_average(faces: NDArray[np.int64], vertices: int) -> sparse.csr_matrix:
    """The matrix (V, V) that replaces each vertex's value by the mean of its neighbours'."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    adjacency = sparse.csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (vertices, vertices))
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).reshape(-1), 1)
    return sparse.csr_matrix(sparse.diags(1 / degree) @ adjacency)


def smooth(values: Array, faces: NDArray[np.int64], steps: int) -> Array:
    """Per-vertex values (V, ...) after `steps` half steps towards the neighbours' mean."""
    average, flat = neighbour_average(faces, len(values)), values.reshape(len(values), -1)
    for _ in range(steps):
        flat = 0.5 * flat + 0.5 * (average @ flat)
    return flat.reshape(values.shape)


def vertex_normals(vertices: Array, faces: NDArray[np.int64]) -> Array:
    """Area-weighted unit normals (V, 3)."""
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def ray_hits(origins: Array, directions: Array, corners: Array, near: float, far: float) -> NDArray[np.bool_]:
    """Whether each ray (N, 3) meets any triangle (F, 3, 3) at a distance between `near` and `far` (metres)."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    hits = np.zeros(len(origins), dtype=bool)
    for start in range(0, len(origins), 256):
        origin, direction = origins[start : start + 256, None], directions[start : start + 256, None]
        side = np.cross(direction, second)
        determinant = np.sum(side * first, axis=-1)
        inverse = 1 / np.where(np.abs(determinant) < 1e-12, np.inf, determinant)
        gap = origin - corners[:, 0]
        u = np.sum(gap * side, axis=-1) * inverse
        turned = np.cross(gap, first)
        v = np.sum(direction * turned, axis=-1) * inverse
        distance = np.sum(second * turned, axis=-1) * inverse
        inside = (determinant != 0) & (u >= 0) & (v >= 0) & (u + v <= 1)
        hits[start : start + 256] = np.any(inside & (distance > near) & (distance < far), axis=1)
    return hits

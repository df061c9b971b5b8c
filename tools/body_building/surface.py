"""Where points lie over a triangle mesh: nearest face, barycentric coordinates, local frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
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


def face_frames(corners: Array) -> Array:
    """Orthonormal frames (N, 3, 3) of triangles (N, 3, 3): rows are the first edge, normal x edge, and the normal."""
    edge = corners[:, 1] - corners[:, 0]
    normal = np.cross(edge, corners[:, 2] - corners[:, 0])
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.stack([edge, np.cross(normal, edge), normal], axis=1)

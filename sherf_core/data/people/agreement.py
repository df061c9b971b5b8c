"""Do body and pictures agree? The share of the posed body's silhouette that lies inside the masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sherf_core.body.arrays import BodyArrays
from sherf_core.data.people.rasterizer import silhouette
from sherf_core.data.people.skeleton import joint_rotations, joint_transforms, pose_feature, skin
from sherf_core.data.records import BodyPose
from sherf_core.data.renderpeople import RenderPeople


def posed_body(arrays: BodyArrays, body: BodyPose) -> Float[np.ndarray, "V 3"]:
    """World vertices of a body: shape and pose blend shapes, skinning, then R and Th."""
    shaped = arrays.v_template + arrays.shapedirs @ body.shapes
    rotations = joint_rotations(body.poses.reshape(24, 3))
    rest = shaped + arrays.posedirs @ pose_feature(rotations)
    joints = (arrays.J_regressor @ shaped).astype(np.float64)
    posed = skin(rest, arrays.weights.astype(np.float64), joint_transforms(rotations, joints))
    return posed @ body.R.T + body.Th


def silhouette_inside_mask(
    root: Path, subject: str, arrays: BodyArrays, resolution: int, views: Sequence[int] | None = None
) -> Float[np.ndarray, "P C"]:
    """For every pose and view (or some views): the share of the body's silhouette that the person's mask covers."""
    reader = RenderPeople(root, resolution=resolution)
    shares = []
    for pose in reader.poses(subject):
        row = []
        for view in views or reader.views(subject):
            frame = reader.frame(subject, pose, view)
            vertices = posed_body(arrays, frame.body)
            camera = frame.camera
            body = silhouette(vertices, arrays.faces, camera.K, camera.R, camera.T, *frame.mask.shape)
            row.append((body & frame.mask).sum() / body.sum())
        shares.append(row)
    return np.array(shares)

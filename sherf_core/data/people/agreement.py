"""Do body and pictures agree? The share of the posed body's silhouette that lies inside the masks.

The body is posed by `sherf_core.body.model`, as the evaluation does it, and not by the code that posed the pictures.
This is a tool for checking: it is the one module of this package that needs torch, and making people does without it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.model import BodyModel
from sherf_core.data.people.rasterizer import silhouette
from sherf_core.data.records import BodyPose
from sherf_core.data.renderpeople import RenderPeople


def posed_body(model: BodyModel, body: BodyPose) -> Float[np.ndarray, "V 3"]:
    """World vertices of a body in metres: shaped and posed, then R and Th."""
    poses, shapes = (torch.tensor(values)[None] for values in (body.poses, body.shapes))
    return model.vertices(poses, shapes)[0].numpy() @ body.R.T + body.Th


def silhouette_inside_mask(root: Path, subject: str, arrays: BodyArrays, resolution: int) -> Float[np.ndarray, "P C"]:
    """For every pose and view: the share of the body's silhouette that the person's mask covers."""
    reader, model = RenderPeople(root, resolution=resolution), BodyModel(arrays)
    shares = []
    for pose in reader.poses(subject):
        vertices = posed_body(model, reader.body(subject, pose))
        row = []
        for view in reader.views(subject):
            frame = reader.frame(subject, pose, view)
            camera = frame.camera
            body = silhouette(vertices, arrays.faces, camera.K, camera.R, camera.T, *frame.mask.shape)
            row.append((body & frame.mask).sum() / body.sum())
        shares.append(row)
    return np.array(shares)

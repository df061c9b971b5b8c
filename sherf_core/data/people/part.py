"""One visible piece of a person: a surface that can be posed, with its baked texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int

from sherf_core.data.people.mesh import Surface, neighbour_average, smooth
from sherf_core.data.people.microtexture import spread, spread_corners, suitable_resolution
from sherf_core.data.people.wardrobe import Wardrobe


@dataclass(frozen=True)
class SurfaceSamples:
    """Points of a surface at which a shader is asked for colour and relief.

    Attributes:
        rest: (N, 3) position on the mean body (what patterns and landmarks refer to).
        position: (N, 3) position on this person at rest.
        normal: (N, 3) direction outwards, at rest.
        uv: (N, 2) texture coordinates, zero where the surface has none.
    """

    rest: Float[np.ndarray, "N 3"]
    position: Float[np.ndarray, "N 3"]
    normal: Float[np.ndarray, "N 3"]
    uv: Float[np.ndarray, "N 2"]


Shader = Callable[[SurfaceSamples], tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]]


@dataclass(frozen=True)
class Part:
    """A piece of a person, ready to be posed and seen.

    Attributes:
        name: what it is ("body", "top", ...).
        surface: its shape on this person at rest.
        weights: (V, 24) skinning weights.
        resolution: of its micro texture.
        colour: (F * G, 3) linear albedo of the samples.
        height: (F * G,) their relief in metres.
        softness: how far light wraps around (see `light.gather_light`).
        gloss: strength of the highlight.
        open: its inside can be seen (cloth, hair).
    """

    name: str
    surface: Surface
    weights: Float[np.ndarray, "V 24"]
    resolution: int
    colour: Float[np.ndarray, "S 3"]
    height: Float[np.ndarray, "S"]
    softness: float = 0.05
    gloss: float = 0.02
    open: bool = True

    def pose_offsets(self, source: Float[np.ndarray, "S 3"]) -> Float[np.ndarray, "V 3"]:
        """The pose blend shapes' displacement, from that of the source mesh; cloth takes it up smoothly."""
        own = self.surface.origin @ source
        return smooth(own, self._average, 12) if self.open else own

    @cached_property
    def _average(self) -> sparse.csr_matrix:
        return neighbour_average(self.surface.faces, len(self.surface.position))


def make_part(
    name: str,
    surface: Surface,
    wardrobe: Wardrobe,
    shader: Shader,
    *,
    texture_step: float,
    rest: Float[np.ndarray, "V 3"] | None = None,
    softness: float = 0.05,
    gloss: float = 0.02,
    open: bool = True,
) -> Part:
    """Bake a shader onto a surface.

    Args:
        texture_step: metres between samples that are aimed at.
        rest: positions on the mean body if they are not those of the surface's origin.
    """
    faces = surface.faces
    n = suitable_resolution(surface.position, faces, texture_step)
    rest = surface.origin @ wardrobe.rest if rest is None else rest
    uv = np.zeros((len(faces), 3, 2)) if surface.corner_uv is None else surface.corner_uv
    samples = SurfaceSamples(
        spread(rest, faces, n),
        spread(surface.position, faces, n),
        spread(surface.normals(), faces, n),
        spread_corners(uv, n),
    )
    colour, height = shader(samples)
    weights = surface.origin @ wardrobe.weights if surface.weights is None else surface.weights
    return Part(name, surface, weights, n, colour.astype(np.float32), height.astype(np.float32), softness, gloss, open)


def concatenate_faces(parts: list[Part]) -> Int[np.ndarray, "F 3"]:
    """All parts' faces in the numbering of their joined vertices."""
    offset, faces = 0, []
    for part in parts:
        faces.append(part.surface.faces + offset)
        offset += len(part.surface.position)
    return np.concatenate(faces)

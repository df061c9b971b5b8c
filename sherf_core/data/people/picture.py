"""Posing a person, lighting them, and taking pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sherf_core.data.people.light import Irradiance, Studio, gather_light
from sherf_core.data.people.mesh import vertex_normals
from sherf_core.data.people.microtexture import MicroTexture
from sherf_core.data.people.part import Part, concatenate_faces
from sherf_core.data.people.rasterizer import project, rasterise, supersampled
from sherf_core.data.people.skeleton import joint_rotations, joint_transforms, pose_feature, skin
from sherf_core.data.people.wardrobe import Wardrobe
from sherf_core.data.records import Camera

SUPERSAMPLING = 2
EXPOSURE = 1.1
BUMP = 0.8
"""Strength of relief in shading."""


@dataclass(frozen=True)
class Person:
    """A dressed person at rest.

    Attributes:
        shapes: (10,) coefficients of the free body.
        joints: (24, 3) rest joints.
        parts: the visible pieces; faces hidden under cloth are already gone.
        texture: the parts' micro textures as one.
        faces: the parts' faces as one.
    """

    shapes: Float[np.ndarray, "10"]
    joints: Float[np.ndarray, "24 3"]
    parts: list[Part]
    texture: MicroTexture
    faces: Int[np.ndarray, "F 3"]


def make_person(shapes: Float[np.ndarray, "10"], joints: Float[np.ndarray, "24 3"], parts: list[Part]) -> Person:
    """Join parts to a person."""
    resolution = np.concatenate([np.full(len(part.surface.faces), part.resolution) for part in parts])
    samples = (resolution + 1) * (resolution + 2) // 2
    texture = MicroTexture(
        start=np.cumsum(samples) - samples,
        resolution=resolution,
        colour=np.concatenate([part.colour for part in parts]),
        height=np.concatenate([part.height for part in parts]),
    )
    return Person(shapes, joints, parts, texture, concatenate_faces(parts))


@dataclass(frozen=True)
class Scene:
    """A posed, lit person in world coordinates, standing on y = 0.

    Attributes:
        transl: (3,) what was added to the posed body: SMPL's translation.
    """

    person: Person
    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    light: Irradiance
    transl: Float[np.ndarray, "3"]


def posed_vertices(
    person: Person, poses: Float[np.ndarray, "24 3"], wardrobe: Wardrobe
) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "3"]]:
    """All parts' vertices in a pose, put on the ground; and the translation that did it."""
    rotations = joint_rotations(poses)
    transforms = joint_transforms(rotations, person.joints)
    offsets = wardrobe.pose_offsets(pose_feature(rotations))
    posed = []
    for part in person.parts:
        moved = part.surface.position
        if part.surface.origin.shape[1] == len(offsets):
            moved = moved + part.pose_offsets(offsets)
        posed.append(skin(moved, part.weights, transforms))
    vertices = np.concatenate(posed)
    middle = 0.5 * (vertices.min(0) + vertices.max(0))
    transl = np.array([-middle[0], -vertices[:, 1].min(), -middle[2]]).astype(np.float32).astype(np.float64)
    return vertices + transl, transl


def make_scene(person: Person, poses: Float[np.ndarray, "24 3"], studio: Studio, wardrobe: Wardrobe) -> Scene:
    """Pose and light a person."""
    vertices, transl = posed_vertices(person, poses, wardrobe)
    normals, start = np.empty_like(vertices), 0
    for part in person.parts:
        end = start + len(part.surface.position)
        normals[start:end] = vertex_normals(vertices[start:end], part.surface.faces)
        start = end
    softness = np.concatenate([np.full(len(part.surface.position), part.softness) for part in person.parts])
    light = gather_light(vertices, normals, person.faces, studio, softness)
    return Scene(person, vertices, normals, light, transl)


def take_picture(scene: Scene, camera: Camera, size: int) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """One view: sRGB picture on black, and the person's mask."""
    side = size * SUPERSAMPLING
    K = supersampled(camera.K, SUPERSAMPLING)
    R, T = camera.R.astype(np.float64), camera.T.astype(np.float64)
    pixels, depth = project(scene.vertices, K, R, T)
    fragments = rasterise(pixels, depth, scene.person.faces, side, side)
    colour = _shade(scene, fragments.face, fragments.barycentric, -R.T @ T)
    total = np.zeros((side * side, 4))
    total[fragments.pixel, :3], total[fragments.pixel, 3] = colour, 1
    blocks = total.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 4).mean((1, 3))
    # Display colours are averaged, so that an edge fades to black evenly.
    return np.round(blocks[..., :3] * 255).clip(0, 255).astype(np.uint8), blocks[..., 3] >= 0.5


def _shade(
    scene: Scene, face: Int[np.ndarray, "N"], barycentric: Float[np.ndarray, "N 3"], eye: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N 3"]:
    """Display colour (0..1) of visible points."""
    person = scene.person
    corner = person.faces[face]

    def interpolated(values: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkc->nc", barycentric, values[corner])

    albedo, slope = person.texture.look_up(face, barycentric)
    position, normal = interpolated(scene.vertices), _unit(interpolated(scene.normals))
    irradiance, direction = interpolated(scene.light.colour), interpolated(scene.light.direction)
    view = _unit(eye - position)
    inside = (normal * view).sum(1) < -0.12
    first = scene.vertices[corner[:, 1]] - scene.vertices[corner[:, 0]]
    second = scene.vertices[corner[:, 2]] - scene.vertices[corner[:, 0]]
    tilt = _surface_gradient(first, second, slope) * BUMP
    bumped = _unit(normal - tilt)
    luminance = irradiance.mean(1) + 1e-6
    change = ((bumped - normal) * direction).sum(1) / luminance
    lit = irradiance * np.clip(1 + change, 0.35, 1.8)[:, None]
    lit = np.where(inside[:, None], 0.25 * lit, lit)
    gloss = np.concatenate([np.full(len(part.surface.faces), part.gloss) for part in person.parts])[face]
    strength = np.linalg.norm(direction, axis=1)
    half = _unit(direction / np.maximum(strength, 1e-6)[:, None] + view)
    shine = gloss * strength * np.clip((bumped * half).sum(1), 0, 1) ** 24 * ~inside
    radiance = (albedo * lit + shine[:, None]) * EXPOSURE
    return _display(radiance)


def _surface_gradient(
    first: Float[np.ndarray, "N 3"], second: Float[np.ndarray, "N 3"], slope: Float[np.ndarray, "N 2"]
) -> Float[np.ndarray, "N 3"]:
    """Gradient of the relief in space from its slopes along two edges."""
    a, b, c = (first * first).sum(1), (first * second).sum(1), (second * second).sum(1)
    determinant = np.maximum(a * c - b * b, 1e-14)
    along_first = (c * slope[:, 0] - b * slope[:, 1]) / determinant
    along_second = (a * slope[:, 1] - b * slope[:, 0]) / determinant
    gradient = along_first[:, None] * first + along_second[:, None] * second
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    return gradient * (np.minimum(length, 0.9) / np.maximum(length, 1e-9))


def _unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _display(radiance: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Soft shoulder for highlights, then the display's gamma."""
    return np.clip(1.12 * radiance / (1 + 0.30 * radiance), 0, 1) ** (1 / 2.2)

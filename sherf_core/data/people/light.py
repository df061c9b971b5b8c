"""Light that falls on a posed person: sky, key and rim lamps, with shadows from depth maps.

Irradiance is gathered per vertex over some directions. Each direction has an orthographic depth map of the person,
made with the same rasteriser as the pictures; a vertex behind the map's surface is in that direction's shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sherf_core.data.people.rasterizer import rasterise

MAP_SIZE = 224
"""Side of a shadow map in samples."""
BIAS = 0.012
"""Metres that a vertex may lie behind the shadow map before it counts as shaded."""


@dataclass(frozen=True)
class Lamp:
    """A soft light: towards `direction`, linear colour, and how sharply it is bundled."""

    direction: tuple[float, float, float]
    colour: tuple[float, float, float]
    sharpness: float


@dataclass(frozen=True)
class Studio:
    """A light set-up: a sky gradient from `ground` to `sky`, and lamps."""

    sky: tuple[float, float, float] = (0.40, 0.44, 0.50)
    ground: tuple[float, float, float] = (0.27, 0.25, 0.23)
    lamps: tuple[Lamp, ...] = ()
    directions: int = 56

    def radiance(self, directions: Float[np.ndarray, "D 3"]) -> Float[np.ndarray, "D 3"]:
        """Light that arrives from each direction."""
        up = np.clip(directions[:, 1:2] * 0.5 + 0.5, 0, 1)
        total = np.asarray(self.ground) * (1 - up) + np.asarray(self.sky) * up
        for lamp in self.lamps:
            axis = np.asarray(lamp.direction) / np.linalg.norm(lamp.direction)
            strength = np.exp(lamp.sharpness * (np.clip(directions @ axis, -1, 1) - 1))
            total = total + strength[:, None] * np.asarray(lamp.colour)
        return total


def random_studio(generator: np.random.Generator) -> Studio:
    """A pleasant light: a key from the front or side, a weak fill opposite, a rim from behind."""
    side = generator.choice([-1.0, 1.0])
    warmth = generator.uniform(-0.06, 0.10)
    key = generator.uniform(2.6, 3.6)
    azimuth = side * generator.uniform(0.35, 1.0)
    height = generator.uniform(0.55, 0.95)
    sky = generator.uniform(0.9, 1.25)
    return Studio(
        sky=(0.52 * sky, 0.55 * sky, 0.60 * sky),
        ground=(0.40 * sky, 0.37 * sky, 0.34 * sky),
        lamps=(
            Lamp((np.sin(azimuth), height, np.cos(azimuth)), (key * (1 + warmth), key, key * (1 - warmth)), 7.0),
            Lamp((-np.sin(azimuth), 0.3, 0.5), (0.35, 0.38, 0.44), 5.0),
            Lamp((-0.5 * side, 0.55, -0.8), (0.9, 0.92, 0.98), 7.0),
        ),
    )


def sphere_directions(count: int) -> Float[np.ndarray, "D 3"]:
    """Evenly spread unit vectors (a Fibonacci spiral), top first."""
    index = np.arange(count) + 0.5
    angle = np.pi * (1 + 5**0.5) * index
    up = 1 - 2 * index / count
    radius = np.sqrt(1 - up * up)
    return np.stack([radius * np.cos(angle), up, radius * np.sin(angle)], 1)


@dataclass(frozen=True)
class Irradiance:
    """Light per vertex: colour (V, 3) for its own normal, and the direction (V, 3) whose dot product with a
    tilted normal gives the change of brightness (luminance units)."""

    colour: Float[np.ndarray, "V 3"]
    direction: Float[np.ndarray, "V 3"]


def gather_light(
    vertices: Float[np.ndarray, "V 3"],
    normals: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    studio: Studio,
    softness: Float[np.ndarray, "V"],
) -> Irradiance:
    """Irradiance of every vertex with shadows.

    Args:
        vertices, normals, faces: the posed person; casters are all `faces`.
        studio: the lights.
        softness: per vertex, how far light wraps past the terminator (skin some 0.2, cloth 0).
    """
    directions = sphere_directions(studio.directions)
    arriving = studio.radiance(directions)
    share = 4 / len(directions)
    colour = np.zeros_like(vertices)
    total = np.zeros_like(vertices)
    for direction, light in zip(directions, arriving, strict=True):
        cosine = normals @ direction
        facing = np.clip((cosine + softness) / (1 + softness), 0, 1)
        lit = np.flatnonzero(facing > 0)
        seen = np.zeros(len(vertices))
        start = vertices[lit] + normals[lit] * 0.004
        seen[lit] = _visibility(start, vertices, faces, direction)
        # One part in ten of blocked light still arrives: it has bounced off the person or the floor.
        amount = facing * (0.9 * seen + 0.1)
        colour += amount[:, None] * light * share
        total += (seen * (facing > 0) * light.mean())[:, None] * direction * share
    return Irradiance(colour, total)


def _visibility(
    points: Float[np.ndarray, "N 3"],
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    direction: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "N"]:
    """1 where light from `direction` reaches a point, 0 in shadow, between at a shadow's border."""
    helper = np.array([0.0, 1, 0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0, 0])
    right = np.cross(helper, direction)
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(direction, right), -direction])  # depth grows away from the light
    flat = vertices @ frame.T
    low, high = flat[:, :2].min(0), flat[:, :2].max(0)
    scale = (MAP_SIZE - 5) / (high - low).max()
    fragments = rasterise((flat[:, :2] - low) * scale + 2, flat[:, 2], faces, MAP_SIZE, MAP_SIZE, perspective=False)
    nearest = np.full(MAP_SIZE * MAP_SIZE, np.inf)
    nearest[fragments.pixel] = fragments.depth
    seen = points @ frame.T
    position = (seen[:, :2] - low) * scale + 2
    corner = np.floor(position).astype(np.int64).clip(0, MAP_SIZE - 2)
    fraction = np.clip(position - corner, 0, 1)
    visible = np.zeros(len(points))
    for dx in (0, 1):
        for dy in (0, 1):
            index = (corner[:, 1] + dy) * MAP_SIZE + corner[:, 0] + dx
            weight = np.abs(1 - dx - fraction[:, 0]) * np.abs(1 - dy - fraction[:, 1])
            visible += weight * (seen[:, 2] < nearest[index] + BIAS)
    return visible

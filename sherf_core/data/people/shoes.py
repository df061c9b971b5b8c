"""Shoes: the suit's foot, thickened, with a flat sole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from sherf_core.data.people.anatomy import LEFT_ANKLE, LEFT_FOOT, Anatomy
from sherf_core.data.people.cuts import Cut
from sherf_core.data.people.mesh import Surface, neighbour_average, smooth
from sherf_core.data.people.noise import linear_rgb, mix, smoothstep, value_noise
from sherf_core.data.people.part import Shader, SurfaceSamples

SOLE = 0.022
"""Metres of sole under the foot."""


@dataclass(frozen=True)
class Shoe:
    """A pair of shoes.

    Attributes:
        kind: sneaker, boot or loafer.
        upper, sole, detail: linear colours (detail: laces and stripes).
        collar: metres of the opening above the ankle joint.
    """

    kind: str = "sneaker"
    upper: Float[np.ndarray, "3"] = field(default_factory=lambda: linear_rgb("3b3b40"))
    sole: Float[np.ndarray, "3"] = field(default_factory=lambda: linear_rgb("e8e6e0"))
    detail: Float[np.ndarray, "3"] = field(default_factory=lambda: linear_rgb("f2f2f2"))
    collar: float = -0.012


def shoe_surface(suit: Surface, rest: Float[np.ndarray, "V 3"], anatomy: Anatomy, cut: Cut) -> Surface:
    """Both shoes on this person's feet at rest."""
    level = cut(rest).min(1)
    near = (level[suit.faces] > -0.03).all(1)
    used = np.unique(suit.faces[near])
    feet, rest, level = suit.selected(near), rest[used], level[used]
    average = neighbour_average(feet.faces, len(feet.position))
    position = smooth(feet.position, average, 10)
    normals = smooth(feet.normals(), average, 6)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    short = ((feet.position - position) * normals).sum(1)
    ankle = anatomy.joints[LEFT_ANKLE]
    toes = smoothstep(rest[:, 2] - ankle[2], 0.06, 0.16)
    position = position + normals * (np.maximum(short, 0) + 0.006 + 0.004 * toes)[:, None]
    ground = position[:, 1].min()
    low = smoothstep(position[:, 1] - ground, 0.030, 0.012)
    # The sole: everything near the ground is pressed onto one plane and set out a little.
    position = position + normals * [1, 0, 1] * (0.004 * low)[:, None]
    position[:, 1] = position[:, 1] * (1 - low) + (ground - SOLE + 0.6 * np.maximum(position[:, 1] - ground, 0)) * low
    return feet.at(position).clipped(level).with_smooth_border(6).rimmed(0.004)


def shoe_shader(shoe: Shoe, anatomy: Anatomy, ground: float) -> Shader:
    """Upper with laces or a toe cap, and the sole's band.

    Args:
        ground: the lowest point of the shoes on this person at rest.
    """
    ankle, toe = anatomy.joints[LEFT_ANKLE], anatomy.joints[LEFT_FOOT]

    def shade(samples: SurfaceSamples) -> tuple[np.ndarray, np.ndarray]:
        height = samples.position[:, 1] - ground
        forward = samples.rest[:, 2] - ankle[2]
        across = np.abs(samples.rest[:, 0]) - np.interp(samples.rest[:, 2], [ankle[2], toe[2]], [ankle[0], toe[0]])
        grain = value_noise(samples.rest * 220, 2, 5)
        colour = shoe.upper * (0.88 + 0.24 * grain)[:, None]
        relief = 0.0003 * grain
        top = samples.normal[:, 1] > 0.35
        if shoe.kind == "sneaker":
            tongue = top & (forward > 0.03) & (forward < 0.105) & (np.abs(across) < 0.026)
            lace = tongue & (np.mod(forward, 0.016) < 0.008)
            colour = mix(colour, shoe.upper * 0.6, 0.8 * tongue)
            colour = mix(colour, shoe.detail, 0.9 * lace)
            relief = relief + 0.002 * lace
            slash = (
                (np.abs(np.mod(forward * 1.0 + height * 0.6, 0.03) - 0.015) < 0.005)
                & (forward > 0.01)
                & (forward < 0.075)
            )
            colour = mix(colour, shoe.detail, 0.85 * (slash & ~top & (height > 0.038)))
            cap = np.exp(-(((forward - 0.145) / 0.0015) ** 2)) * (height > 0.03)
            colour = colour * (1 - 0.4 * cap)[:, None]
        elif shoe.kind == "boot":
            lace = top & (forward > 0.02) & (forward < 0.1) & (np.abs(across) < 0.02) & (np.mod(forward, 0.014) < 0.005)
            colour = mix(colour, shoe.detail, 0.8 * lace)
        else:
            seam = np.exp(-(((np.hypot(forward - 0.10, across * 1.6) - 0.052) / 0.0016) ** 2)) * top
            colour = colour * (1 - 0.5 * seam)[:, None]
        sole = smoothstep(height, SOLE + 0.008, SOLE + 0.006)
        colour = mix(colour, shoe.sole * (0.9 + 0.2 * grain)[:, None], sole)
        groove = np.exp(-(((height - SOLE - 0.007) / 0.0016) ** 2))
        return colour * (1 - 0.45 * groove)[:, None], relief - 0.001 * groove

    return shade

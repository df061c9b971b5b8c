"""What cloth looks like: colour and relief of every sample of a garment.

Patterns are functions of cloth coordinates (metres across and along the panel), as if printed before sewing, so that
stripes run straight down a sleeve and around a trunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from sherf_core.data.people.jeans import jeans_places
from sherf_core.data.people.noise import hash_cells, mix, smoothstep, value_noise
from sherf_core.data.people.wardrobe import load_picture, sample_picture

Colour = Float[np.ndarray, "3"]
Colours = Float[np.ndarray, "N 3"]
Relief = Float[np.ndarray, "N"]
Motif = Callable[[Float[np.ndarray, "N 2"], Relief], Relief]
"""Relative distance from a motif's middle: below 1 inside. Takes the offset in repeats and the motif's number."""


@dataclass(frozen=True)
class ClothSamples:
    """Where samples lie on a garment.

    Attributes:
        across, along: metres on the panel; panel: 0 trunk, 1 sleeves, 2 trouser legs.
        side: -1 right, 1 left.
        front: whether the sample faces forwards on the trunk.
        edges: (N, E) metres to each edge of the cut.
        armhole: metres to the armhole seam.
    """

    across: Float[np.ndarray, "N"]
    along: Float[np.ndarray, "N"]
    panel: Int[np.ndarray, "N"]
    side: Float[np.ndarray, "N"]
    front: np.ndarray
    edges: Float[np.ndarray, "N E"]
    rest: Float[np.ndarray, "N 3"]


@dataclass(frozen=True)
class Fabric:
    """A cloth: pattern, colours and the make of its edges.

    Attributes:
        pattern: plain, melange, stripe, pinstripe, plaid, check, floral, dots, block, denim, corduroy or knit.
        base, second, third: linear colours.
        scale: metres of one repeat.
        trim: ribbed (knitted cuffs), hemmed (a stitched line) or none.
        trim_colour: colour of the trim; None for the cloth's own.
        emblem: bars, disc, mountain, letter or none: a print on the chest.
        placket: a button placket down the front.
        split: metres along at which a block pattern changes colour.
        seed: of the irregularities.
    """

    pattern: str = "plain"
    base: Colour = field(default_factory=lambda: np.array([0.3, 0.3, 0.3]))
    second: Colour = field(default_factory=lambda: np.array([0.7, 0.7, 0.7]))
    third: Colour = field(default_factory=lambda: np.array([0.6, 0.2, 0.2]))
    scale: float = 0.05
    trim: str = "hemmed"
    trim_colour: Colour | None = None
    emblem: str = "none"
    placket: bool = False
    split: float = 0.0
    seed: int = 0

    def shade(self, samples: ClothSamples) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]:
        """Linear colour (N, 3) and relief in metres (N,)."""
        colour = PATTERNS[self.pattern](self, samples)
        height = self._weave(samples)
        if self.emblem != "none":
            colour = mix(colour, self.second, _emblem(self.emblem, samples))
        if self.placket:
            colour, height = _placket(colour, height, samples)
        colour, height = self._edges(colour, height, samples)
        return np.clip(colour, 0, 1), height

    def _weave(self, samples: ClothSamples) -> Float[np.ndarray, "N"]:
        """Fine creases everywhere; ribs for corduroy and cables for knit."""
        across, along = samples.across, samples.along
        turned = np.where((samples.panel == 1)[:, None], samples.rest[:, [1, 0, 2]], samples.rest)
        bend = value_noise(turned * 9, 2, self.seed + 1)
        creases = value_noise(turned * [42, 22, 42] + 2.5 * bend[:, None], 2, self.seed + 2)
        height = 0.0035 * (creases - 0.5)
        if self.pattern == "knit":
            height = height + 0.0009 * np.abs(np.sin(across * np.pi / 0.011)) * (
                0.6 + 0.4 * np.sin(along * 2 * np.pi / 0.008)
            )
        if self.pattern == "corduroy":
            height = height + 0.0006 * np.sin(across * 2 * np.pi / 0.008)
        return height

    def _edges(self, colour: Colours, height: Relief, samples: ClothSamples) -> tuple[Colours, Relief]:
        """Hems with a stitched line, or ribbed bands; seams at the armholes and down the sides."""
        seam = _seam(samples)
        colour = colour * (1 - 0.35 * seam)[:, None]
        height = height - 0.0012 * seam
        for edge in samples.edges.T:
            if self.trim == "ribbed":
                band = smoothstep(edge, 0.046, 0.044)
                ribs = np.sin(samples.across * 2 * np.pi / 0.0085)
                height = height + band * (0.0007 * ribs - 0.001)
                colour = colour * (1 - 0.16 * band * (ribs < -0.2))[:, None]
                if self.trim_colour is not None:
                    colour = mix(colour, self.trim_colour, 0.95 * band)
                colour = colour * (1 - 0.4 * np.exp(-(((edge - 0.045) / 0.0018) ** 2)))[:, None]
            elif self.trim == "hemmed":
                if self.trim_colour is not None:
                    colour = mix(colour, self.trim_colour, smoothstep(edge, 0.019, 0.017))
                line = np.exp(-(((edge - 0.018) / 0.0014) ** 2))
                colour = colour * (1 - 0.28 * line)[:, None]
                height = height - 0.0010 * line
            colour = colour * (1 - 0.25 * np.exp(-((np.clip(edge, 0, 1) / 0.003) ** 2)))[:, None]
        return colour, height


def _seam(samples: ClothSamples) -> Float[np.ndarray, "N"]:
    """1 on a seam: along the armhole (where the panel changes) and under the arm, down the outside of a leg."""
    trunk_side = np.exp(-(((np.abs(samples.across) - 0.222) / 0.0016) ** 2)) * (samples.panel == 0)
    outer = np.exp(-(((samples.across - 0.118) / 0.0016) ** 2)) * (samples.panel == 2)
    inner = np.exp(-(((samples.across + 0.118) / 0.0016) ** 2)) * (samples.panel == 2)
    under = np.exp(-(((np.abs(samples.across) - 0.199) / 0.0022) ** 2)) * (samples.panel == 1)
    return np.clip(0.6 * trunk_side + outer + inner + under, 0, 1)


def _mottle(fabric: Fabric, samples: ClothSamples, amount: float = 0.10) -> Float[np.ndarray, "N 1"]:
    """Slow and fine variation of brightness that keeps cloth from looking like plastic."""
    points = np.stack([samples.across * 11, samples.along * 9, samples.side * (samples.panel > 0) * 5], 1)
    slow = value_noise(points, 2, fabric.seed + 11)
    fine = value_noise(np.stack([samples.across * 420, samples.along * 420], 1), 1, fabric.seed + 12)
    return (1 + amount * (2 * slow - 1) + 0.07 * (2 * fine - 1))[:, None]


def _plain(fabric: Fabric, samples: ClothSamples) -> Colours:
    return fabric.base * _mottle(fabric, samples)


def _melange(fabric: Fabric, samples: ClothSamples) -> Colours:
    points = np.stack([samples.across * 320, samples.along * 90, samples.side * 3], 1)
    fleck = value_noise(points, 2, fabric.seed + 20)
    return mix(np.tile(fabric.base, (len(fleck), 1)), fabric.second, 0.17 * smoothstep(fleck, 0.35, 0.75)) * _mottle(
        fabric, samples
    )


def _wave(position: np.ndarray, scale: float, share: float) -> np.ndarray:
    """1 on a `share` of every repeat, 0 elsewhere, with a soft border of half a millimetre."""
    phase = np.abs(np.mod(position / scale, 1.0) - 0.5) * 2 * scale
    return smoothstep(phase, share * scale + 0.0006, share * scale - 0.0006)


def _stripe(fabric: Fabric, samples: ClothSamples) -> Colours:
    band = _wave(samples.along, fabric.scale, 0.42)
    return mix(np.tile(fabric.base, (len(band), 1)), fabric.second, band) * _mottle(fabric, samples)


def _pinstripe(fabric: Fabric, samples: ClothSamples) -> Colours:
    band = _wave(samples.across, fabric.scale * 0.4, 0.16)
    return mix(np.tile(fabric.base, (len(band), 1)), fabric.second, 0.75 * band) * _mottle(fabric, samples)


def _plaid(fabric: Fabric, samples: ClothSamples) -> Colours:
    scale = fabric.scale * 1.4
    colour = np.tile(fabric.base, (len(samples.across), 1))
    for axis in (samples.across, samples.along):
        colour = mix(colour, fabric.third, 0.42 * _wave(axis, scale, 0.45))
        colour = mix(colour, fabric.second, 0.65 * _wave(axis + 0.23 * scale, scale, 0.07))
        colour = mix(colour, fabric.second, 0.30 * _wave(axis + 0.36 * scale, scale, 0.03))
    return colour * _mottle(fabric, samples, 0.06)


def _check(fabric: Fabric, samples: ClothSamples) -> Colours:
    scale = fabric.scale * 0.55
    amount = 0.5 * (_wave(samples.across, scale, 0.5) + _wave(samples.along, scale, 0.5))
    return mix(np.tile(fabric.base, (len(amount), 1)), fabric.second, amount) * _mottle(fabric, samples, 0.06)


def _scattered(fabric: Fabric, samples: ClothSamples, radius: Motif) -> tuple[Relief, Relief]:
    """Nearest motif: its relative distance (below 1 inside) and a number in 0..1 that tells motifs apart."""
    plane = np.stack([samples.across, samples.along], 1) / fabric.scale + 40 * samples.panel[:, None]
    plane = plane + 17 * (samples.side * (samples.panel > 0))[:, None]
    cell = np.floor(plane).astype(np.int64)
    best, kind = np.full(len(plane), 9.0), np.zeros(len(plane))
    for step in ((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
        here = cell + np.array(step)
        middle = here + 0.22 + 0.56 * np.stack([hash_cells(here, fabric.seed), hash_cells(here, fabric.seed + 1)], 1)
        number = hash_cells(here, fabric.seed + 2)
        distance = radius(plane - middle, number)
        nearer = distance < best
        best, kind = np.where(nearer, distance, best), np.where(nearer, number, kind)
    return best, kind


def _floral(fabric: Fabric, samples: ClothSamples) -> Colours:
    def petals(offset: np.ndarray, number: np.ndarray) -> np.ndarray:
        angle = np.arctan2(offset[:, 0], offset[:, 1]) + 6.28 * number
        size = (0.30 + 0.14 * np.mod(number * 7, 1)) * (1 + 0.28 * np.cos(5 * angle))
        return np.hypot(offset[:, 0], offset[:, 1]) / size

    distance, number = _scattered(fabric, samples, petals)
    leaf = value_noise(
        np.stack([samples.across, samples.along, samples.side], 1) / fabric.scale * 2.2, 2, fabric.seed + 30
    )
    colour = mix(
        np.tile(fabric.base, (len(leaf), 1)), fabric.base * 0.5 + 0.06 * fabric.third, smoothstep(leaf, 0.54, 0.58)
    )
    petal = (
        np.where((number > 0.45)[:, None], fabric.second, fabric.third)
        * (0.72 + 0.28 * np.clip(distance, 0, 1))[:, None]
    )
    colour = mix(colour, petal, smoothstep(distance, 1.06, 0.94))
    return mix(colour, np.array([0.80, 0.55, 0.10]), smoothstep(distance, 0.30, 0.24)) * _mottle(fabric, samples, 0.06)


def _dots(fabric: Fabric, samples: ClothSamples) -> Colours:
    size = fabric.scale * 0.5
    row = np.floor(samples.along / size)
    x = np.mod(samples.across / size + 0.5 * np.mod(row, 2), 1) - 0.5
    y = np.mod(samples.along / size, 1) - 0.5
    amount = smoothstep(np.hypot(x, y), 0.27, 0.22)
    return mix(np.tile(fabric.base, (len(amount), 1)), fabric.second, amount) * _mottle(fabric, samples)


def _block(fabric: Fabric, samples: ClothSamples) -> Colours:
    level = np.where(samples.panel == 1, samples.along + 9, samples.along)
    amount = smoothstep(level, fabric.split - 0.001, fabric.split + 0.001)
    band = _wave(np.clip(samples.along - fabric.split, -0.06, 0.06), 0.12, 0.18) * (samples.panel == 0)
    colour = mix(np.tile(fabric.base, (len(amount), 1)), fabric.second, amount)
    return mix(colour, fabric.third, band) * _mottle(fabric, samples)


def _denim(fabric: Fabric, samples: ClothSamples) -> Colours:
    """Photographed jeans in the fabric's colours: pockets, seams and fading come from the picture."""
    places, coordinates = jeans_places()
    distance, index = places.query(samples.rest, k=3)
    weight = 1 / (distance + 0.001)
    uv = coordinates[index]
    picture = load_picture("jeans.jpg")
    colours = sum(sample_picture(picture, uv[:, k]) * weight[:, k, None] for k in range(3))
    brightness = (colours / weight.sum(1, keepdims=True)) @ np.array([0.25, 0.40, 0.35])
    # Dark cloth is the base colour, worn places the second; bright threads stay bright.
    level = np.clip((brightness / 0.30) ** 0.8, 0, 1.6)
    colour = mix(np.tile(fabric.base, (len(level), 1)), fabric.second, np.clip(level, 0, 1))
    twill = value_noise(np.stack([samples.across * 500, samples.along * 70, samples.side], 1), 2, fabric.seed)
    return colour * (0.9 + 0.2 * twill + 0.25 * np.clip(level - 1, 0, 1))[:, None]


def _emblem(kind: str, samples: ClothSamples) -> Float[np.ndarray, "N"]:
    """A print on the chest: 1 where there is ink."""
    x = samples.across
    y = samples.along - EMBLEM_HEIGHT
    if kind == "disc":
        ring = np.abs(np.hypot(x, y) - 0.052)
        ink = np.maximum(smoothstep(ring, 0.011, 0.009), smoothstep(np.hypot(x, y), 0.023, 0.021))
    elif kind == "bars":
        ink = _wave(y + 0.0065, 0.026, 0.5) * (np.abs(x) < 0.085) * (np.abs(y) < 0.052)
    elif kind == "mountain":
        peak = np.maximum(0.055 - 1.1 * np.abs(x + 0.02), 0.030 - 1.0 * np.abs(x - 0.045))
        ink = smoothstep(peak - y - 0.02, -0.001, 0.001) * (y > -0.045) * (np.abs(x) < 0.09)
    else:
        stem = (np.abs(x) < 0.014) * (np.abs(y) < 0.055)
        bar = (np.abs(y - 0.042) < 0.013) * (np.abs(x) < 0.048)
        ink = np.maximum(stem, bar).astype(float)
    return ink * samples.front * (samples.panel == 0)


EMBLEM_HEIGHT = 0.10
"""Height of a chest print's middle on the mean body (metres above its origin)."""


def _placket(colour: Colours, height: Relief, samples: ClothSamples) -> tuple[Colours, Relief]:
    """A button placket down the middle of the front."""
    front = samples.front & (samples.panel == 0)
    strip = smoothstep(np.abs(samples.across), 0.0165, 0.0155) * front
    edge = np.exp(-(((np.abs(samples.across) - 0.016) / 0.0012) ** 2)) * front
    button = np.hypot(samples.across, np.mod(samples.along, 0.085) - 0.0425)
    disc = smoothstep(button, 0.0062, 0.0052) * front
    colour = colour * (1 - 0.30 * edge + 0.03 * strip)[:, None]
    colour = mix(colour, np.array([0.62, 0.58, 0.52]), disc)
    return colour, height + 0.0006 * strip + 0.001 * disc


PATTERNS = {
    "plain": _plain,
    "knit": _plain,
    "corduroy": _plain,
    "melange": _melange,
    "stripe": _stripe,
    "pinstripe": _pinstripe,
    "plaid": _plaid,
    "check": _check,
    "floral": _floral,
    "dots": _dots,
    "block": _block,
    "denim": _denim,
}

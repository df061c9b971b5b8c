"""Who a random person is: body, face, hair and clothes drawn from a seed, before anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from sherf_core.data.people.cuts import TopShape
from sherf_core.data.people.fabrics import Fabric
from sherf_core.data.people.hair import Hairstyle
from sherf_core.data.people.light import Studio, random_studio
from sherf_core.data.people.noise import linear_rgb
from sherf_core.data.people.shoes import Shoe
from sherf_core.data.people.skin import SKIN_TONES, Face
from sherf_core.data.people.tailor import Fit

HAIR_TONES = ("15110e", "1d1511", "2b1c13", "3f2818", "5a3a20", "7a5330", "a67c48", "6a2f18", "8a8680", "b9b4ac")
IRIS_TONES = ("3a2414", "4a2f1a", "5a4a2a", "4f6a4a", "4f7a8c", "6f8796")
BRIGHT = ("b3292e", "1f4e8c", "2f6b4a", "d98f1f", "7a2f5e", "d2571e", "2b8a8c", "c45a7a", "4a3f8c", "e0c23a")
MUTED = ("3b4a5a", "6b5a48", "56603f", "7a6a5a", "8c4a3a", "4a4a55", "5f7080", "2f3a34", "a08a6a", "6a4a5a")
LIGHT = ("e9e4d8", "dfe3e6", "cfd8dc", "e6d3c0", "d8c9d4", "c9d6c4")
DARK = ("17191d", "1f2630", "2a2222", "22302a", "2b2333")
DENIM = (("23395a", "8fa5bd"), ("2f4f7a", "b9c8d8"), ("191f2c", "56637a"), ("5a6f88", "d2dbe3"), ("2a2c30", "6c7078"))
TROUSERS = ("b79f74", "5a5346", "3a4048", "23262e", "6e6a60", "4d5a4a", "7b5b45", "2b3350", "8c8578")


@dataclass(frozen=True)
class Bottom:
    """Trousers, shorts, leggings or a skirt.

    Attributes:
        kind: trousers or skirt.
        hem: leg length at which it ends (1 is the ankle).
    """

    kind: str
    hem: float
    fit: Fit
    fabric: Fabric
    waist: float = 0.16
    flare: float = 0.1


@dataclass(frozen=True)
class Top:
    """A tee, sweater, shirt, hoodie, tank top or a dress' upper half."""

    name: str
    shape: TopShape
    fit: Fit
    fabric: Fabric


@dataclass(frozen=True)
class Recipe:
    """Everything that tells one person from another.

    Attributes:
        phenotypes: body traits in 0..1 (see `Wardrobe.shapes`).
        tucked: the bottom goes over the top.
    """

    phenotypes: dict[str, float]
    face: Face
    hair: Hairstyle
    top: Top
    bottom: Bottom
    shoe: Shoe
    studio: Studio
    tucked: bool
    seed: int


def random_recipe(generator: np.random.Generator) -> Recipe:
    """Draw a person."""
    seed = int(generator.integers(1, 2**20))
    feminine = bool(generator.random() < 0.5)
    tone_index = int(generator.integers(len(SKIN_TONES)))
    phenotypes = _phenotypes(generator, feminine, tone_index / (len(SKIN_TONES) - 1))
    old = phenotypes["age"] > 0.88
    hair_colour = _hair_colour(generator, tone_index, old)
    hair = _hairstyle(generator, feminine, hair_colour, tone_index, seed)
    beard = 0.0 if feminine else float(generator.choice([0.0, 0.0, 0.45, 0.9]))
    face = Face(
        tone=linear_rgb(SKIN_TONES[tone_index]),
        brow=hair_colour * 0.6,
        iris=linear_rgb(str(generator.choice(IRIS_TONES[:3] if tone_index > 4 else IRIS_TONES))),
        lip=float(generator.uniform(0.3, 0.8)) if feminine else 0.1,
        lip_colour=linear_rgb(str(generator.choice(["a8433f", "b03a48", "9a4a50", "c0606a"]))),
        beard=beard,
        roots=None if hair.kind == "bald" else hair_colour * 0.5,
        feminine=1.0 if feminine else 0.0,
        seed=seed,
    )
    dress = feminine and generator.random() < 0.3
    top = _dress_top(generator, seed) if dress else _top(generator, feminine, seed)
    bottom = _dress_skirt(generator, top) if dress else _bottom(generator, feminine, seed)
    may_tuck = top.name in ("shirt", "tank", "tee") and bottom.fit.gap > 0.004  # not into leggings
    tucked = bool(bottom.kind == "skirt" or (may_tuck and generator.random() < 0.15))
    shoe = _shoe(generator, feminine)
    return Recipe(phenotypes, face, hair, top, bottom, shoe, random_studio(generator), tucked, seed)


def _phenotypes(generator: np.random.Generator, feminine: bool, dark: float) -> dict[str, float]:
    """Body traits; stature stays within what people have (1.52 to 1.93 m)."""
    african = float(np.clip(generator.normal(0.85 * dark + 0.05, 0.15), 0, 1))
    asian = float(np.clip((1 - african) * generator.beta(0.7, 0.9), 0, 1))
    return {
        "gender": float(generator.uniform(0.88, 1.0) if feminine else generator.uniform(0.0, 0.12)),
        "age": float(generator.uniform(0.62, 0.95)),
        "muscle": float(generator.uniform(0.35, 0.75)),
        "weight": float(np.clip(generator.beta(2.2, 2.6), 0.15, 0.85)),
        "height": float(np.clip(generator.normal(0.385, 0.045), 0.28, 0.47)),
        "proportions": float(np.clip(generator.normal(0.62, 0.15), 0.3, 0.95)),
        "cupsize": float(np.clip(generator.normal(0.5, 0.15), 0.2, 0.8)),
        "african": african,
        "asian": asian,
    }


def _hair_colour(generator: np.random.Generator, tone_index: int, old: bool) -> Float[np.ndarray, "3"]:
    if old and generator.random() < 0.7:
        return linear_rgb(str(generator.choice(HAIR_TONES[8:])))
    return linear_rgb(str(generator.choice(HAIR_TONES[:3] if tone_index > 3 else HAIR_TONES[:8])))


def _hairstyle(
    generator: np.random.Generator, feminine: bool, colour: Float[np.ndarray, "3"], tone_index: int, seed: int
) -> Hairstyle:
    curly = tone_index > 5 and generator.random() < 0.6
    if feminine:
        kind = str(generator.choice(["fall", "fall", "bob", "tail", "bun", "cap"]))
    else:
        kind = str(generator.choice(["crop", "cap", "cap", "cap", "bald"]))
    if kind == "fall":
        return Hairstyle("fall", colour, 0.016, 0.006, 50.0, float(generator.uniform(0.15, 0.32)), seed)
    if kind == "bob":
        return Hairstyle("fall", colour, 0.018, 0.005, 50.0, float(generator.uniform(0.06, 0.12)), seed)
    if kind in ("tail", "bun"):
        return Hairstyle(kind, colour, 0.007, 0.0015, 60.0, float(generator.uniform(0.12, 0.22)), seed)
    if curly:
        thick = float(generator.uniform(0.02, 0.05)) if feminine else float(generator.uniform(0.006, 0.018))
        return Hairstyle("cap", colour, thick, 0.004, 110.0, 0.0, seed)
    if kind == "crop":
        return Hairstyle("cap", colour, 0.003, 0.001, 120.0, 0.0, seed)
    return Hairstyle(kind, colour, float(generator.uniform(0.008, 0.02)), 0.004, 45.0, 0.0, seed)


def _pick(generator: np.random.Generator, *palettes: tuple[str, ...]) -> Float[np.ndarray, "3"]:
    return linear_rgb(str(generator.choice(palettes[int(generator.integers(len(palettes)))])))


def _pattern(generator: np.random.Generator, choices: list[str], **fixed: Any) -> Fabric:
    """A fabric with contrasting colours."""
    pattern = str(generator.choice(choices))
    base = _pick(generator, BRIGHT, MUTED, LIGHT, DARK)
    bright = base.mean() > 0.25
    second = _pick(generator, DARK, BRIGHT) if bright else _pick(generator, LIGHT, LIGHT, BRIGHT)
    if pattern == "denim":
        base, second = (linear_rgb(code) for code in DENIM[int(generator.integers(len(DENIM)))])
    third = _pick(generator, BRIGHT, MUTED)
    scale = float(generator.uniform(0.035, 0.075))
    return Fabric(
        pattern=pattern,
        base=base,
        second=second,
        third=third,
        scale=scale,
        split=float(generator.uniform(0.0, 0.08)),
        seed=int(generator.integers(1 << 16)),
        **fixed,
    )


def _top(generator: np.random.Generator, feminine: bool, seed: int) -> Top:
    kind = str(generator.choice(["tee", "tee", "sweater", "shirt", "shirt", "hoodie", "longsleeve", "tank"]))
    hem = float(generator.uniform(-0.16, -0.06))
    if kind == "tee":
        emblem = str(generator.choice(["none", "none", "bars", "disc", "mountain", "letter"]))
        plain = emblem != "none"
        fabric = _pattern(
            generator, ["plain", "melange"] if plain else ["plain", "stripe", "melange", "block"], emblem=emblem
        )
        vee = float(generator.choice([0.0, 0.0, 0.05]))
        shape = TopShape(hem, float(generator.uniform(0.36, 0.50)), 0.066, vee)
        return Top(kind, shape, Fit(0.006, (0.014, 0.010, 0.0), (0.10, 0.03, 0.1), 0.008, 8), fabric)
    if kind == "tank":
        fabric = _pattern(generator, ["plain", "melange", "stripe"])
        return Top(kind, TopShape(hem, None, 0.082), Fit(0.005, (0.008, 0.0, 0.0), (0.22, 0.1, 0.1), 0.006, 6), fabric)
    if kind == "shirt":
        fabric = _pattern(generator, ["plaid", "plain", "pinstripe", "check", "dots"], placket=True)
        sleeve = float(generator.choice([0.5, 0.97]))
        return Top(
            kind,
            TopShape(hem, sleeve, 0.064, 0.03),
            Fit(0.007, (0.018, 0.012, 0.0), (0.09, 0.06, 0.1), 0.009, 8),
            fabric,
        )
    if kind == "longsleeve":
        fabric = _pattern(generator, ["stripe", "plain", "block", "floral", "melange"])
        return Top(
            kind, TopShape(hem, 0.96, 0.067), Fit(0.005, (0.008, 0.006, 0.0), (0.16, 0.10, 0.1), 0.006, 6), fabric
        )
    fabric = _pattern(
        generator,
        ["knit", "stripe", "melange", "block"] if kind == "sweater" else ["plain", "melange", "block"],
        trim="ribbed",
        emblem=str(generator.choice(["none", "none", "letter", "bars"])) if kind == "hoodie" else "none",
    )
    neck = 0.067 if kind == "sweater" else 0.064
    return Top(kind, TopShape(hem, 0.98, neck), Fit(0.010, (0.022, 0.016, 0.0), (0.08, 0.05, 0.1), 0.011, 12), fabric)


def _bottom(generator: np.random.Generator, feminine: bool, seed: int) -> Bottom:
    kinds = ["jeans", "jeans", "jeans", "chinos", "chinos", "joggers", "shorts"]
    kind = str(generator.choice([*kinds, "leggings", "leggings", "skirt", "skirt"] if feminine else kinds))
    if kind == "jeans":
        base, faded = DENIM[int(generator.integers(len(DENIM)))]
        fabric = Fabric("denim", linear_rgb(base), linear_rgb(faded), seed=seed)
        taper = float(generator.uniform(0.09, 0.22))
        return Bottom("trousers", 1.02, Fit(0.006, (0.003, 0.0, 0.005), (0.5, 0.1, taper), 0.006, 5), fabric)
    if kind == "chinos":
        fabric = Fabric(str(generator.choice(["plain", "plain", "corduroy"])), _pick(generator, TROUSERS), seed=seed)
        return Bottom(
            "trousers",
            0.985,
            Fit(0.007, (0.004, 0.0, 0.010), (0.4, 0.1, float(generator.uniform(0.07, 0.14))), 0.008, 7),
            fabric,
        )
    if kind == "joggers":
        fabric = Fabric("melange", _pick(generator, MUTED, DARK), _pick(generator, LIGHT), trim="ribbed", seed=seed)
        return Bottom("trousers", 0.95, Fit(0.009, (0.006, 0.0, 0.014), (0.3, 0.1, 0.14), 0.010, 9), fabric)
    if kind == "shorts":
        fabric = _pattern(generator, ["plain", "check", "floral"])
        return Bottom(
            "trousers",
            float(generator.uniform(0.34, 0.48)),
            Fit(0.008, (0.006, 0.0, 0.016), (0.3, 0.1, 0.02), 0.007, 8),
            fabric,
        )
    if kind == "leggings":
        fabric = Fabric("plain", _pick(generator, DARK, DARK, BRIGHT), seed=seed)
        return Bottom(
            "trousers",
            float(generator.choice([0.97, 0.7])),
            Fit(0.003, (0.0, 0.0, 0.0), (2.0, 1.0, 2.0), 0.0012, 2),
            fabric,
        )
    fabric = _pattern(generator, ["plain", "floral", "plaid", "dots", "pinstripe"])
    return Bottom(
        "skirt", float(generator.uniform(0.34, 0.72)), Fit(0.008), fabric, 0.20, float(generator.uniform(0.05, 0.35))
    )


def _dress_top(generator: np.random.Generator, seed: int) -> Top:
    fabric = _pattern(generator, ["floral", "floral", "dots", "plain", "stripe", "plaid"])
    sleeve = generator.choice([0.0, 0.30, 0.45])
    shape = TopShape(-0.05, float(sleeve) if sleeve else None, 0.085, float(generator.choice([0.0, 0.04])))
    return Top("dress", shape, Fit(0.005, (0.006, 0.010, 0.0), (0.40, 0.03, 0.1), 0.004, 7), fabric)


def _dress_skirt(generator: np.random.Generator, top: Top) -> Bottom:
    return Bottom(
        "skirt", float(generator.uniform(0.42, 0.75)), Fit(0.007), top.fabric, 0.26, float(generator.uniform(0.12, 0.4))
    )


def _shoe(generator: np.random.Generator, feminine: bool) -> Shoe:
    kind = str(generator.choice(["sneaker", "sneaker", "boot", "loafer"]))
    if kind == "sneaker":
        upper = _pick(generator, LIGHT, DARK, BRIGHT)
        detail = _pick(generator, DARK, BRIGHT) if upper.mean() > 0.3 else linear_rgb("ecebe6")
        return Shoe(kind, upper, linear_rgb("e8e6e0"), detail, float(generator.choice([-0.016, -0.010])))
    leather = linear_rgb(str(generator.choice(["2a1c14", "17130f", "5a351c", "3b2a20", "7a4a26"])))
    if kind == "boot":
        return Shoe(kind, leather, linear_rgb("1a1614"), linear_rgb("6a5a40"), 0.055)
    return Shoe(kind, leather, linear_rgb("1a1512"), leather, -0.028)

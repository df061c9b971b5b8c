"""Skin, brows, lips, beard and eyes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from sherf_core.data.people.anatomy import HEAD, Anatomy
from sherf_core.data.people.noise import linear_rgb, mix, smoothstep, value_noise
from sherf_core.data.people.part import Shader, SurfaceSamples
from sherf_core.data.people.wardrobe import load_picture, sample_picture

SKIN_TONES = ("deb195", "d3a080", "c58f6c", "b07a56", "946346", "784e34", "5c3c28", "483020", "3a2619")
"""sRGB tones from light to dark."""
HAIRLINE = np.array(
    [
        (-0.10, -0.052),
        (-0.085, -0.045),
        (-0.060, -0.028),
        (-0.040, -0.005),
        (-0.025, 0.030),
        (-0.015, 0.053),
        (0.010, 0.056),
        (0.020, 0.034),
        (0.032, 0.040),
        (0.044, 0.070),
        (0.060, 0.096),
        (0.085, 0.111),
        (0.140, 0.118),
    ]
)
"""(z, y) of the hair's border seen from the side, metres from the head joint: nape, ear, sideburn, forehead."""


@dataclass(frozen=True)
class Face:
    """Colours of one face.

    Attributes:
        tone: linear skin colour.
        brow: linear colour of brows and beard.
        iris: linear colour of the eyes.
        lip: how much redder the lips are (0..1); lip_colour their colour.
        beard: 0 shaven, 0.5 stubble, 1 full beard.
        roots: linear colour of hair roots painted on the scalp; None for a bald head.
        feminine: 0..1, finer brows and softer jaw shading.
    """

    tone: Float[np.ndarray, "3"]
    brow: Float[np.ndarray, "3"]
    iris: Float[np.ndarray, "3"]
    lip: float = 0.25
    lip_colour: Float[np.ndarray, "3"] = field(default_factory=lambda: linear_rgb("a8484a"))
    beard: float = 0.0
    roots: Float[np.ndarray, "3"] | None = None
    feminine: float = 0.0
    seed: int = 0


def hair_level(rest: Float[np.ndarray, "N 3"], anatomy: Anatomy) -> Float[np.ndarray, "N"]:
    """Metres above the hairline (positive on the scalp)."""
    local = rest - anatomy.joints[HEAD]
    line = np.interp(local[:, 2], HAIRLINE[:, 0], HAIRLINE[:, 1])
    recede = 0.012 * smoothstep(np.abs(local[:, 0]), 0.02, 0.05) * smoothstep(local[:, 2], 0.05, 0.09)
    return local[:, 1] - line + recede - 0.1 * np.clip(-0.10 - local[:, 2], 0, None)


def skin_shader(face: Face, anatomy: Anatomy) -> Shader:
    """The body's shader: photographic skin in the person's tone, with a painted face."""
    picture = load_picture("skin.jpg")
    masks = load_picture("face_masks.png") ** (1 / 2.2)  # not colours: undo the display's gamma
    middle = np.median(picture.reshape(-1, 3), axis=0)

    def shade(samples: SurfaceSamples) -> tuple[np.ndarray, np.ndarray]:
        ratio = sample_picture(picture, samples.uv) / middle
        darkness = 1 - float(face.tone.mean() / 0.6)
        colour = face.tone * ratio ** (1.0 - 0.35 * np.clip(darkness, 0, 1))
        local = samples.rest - anatomy.joints[HEAD]
        mottle = value_noise(samples.rest * 60, 2, face.seed)
        colour = colour * (0.95 + 0.10 * mottle)[:, None]
        front = smoothstep(local[:, 2], 0.05, 0.08) * smoothstep(local[:, 1], -0.10, -0.08)
        colour = _blush(colour, local, front, face)
        colour = _lips(colour, local, front, sample_picture(masks, samples.uv)[:, 0], face)
        colour = _brows(colour, local, front, face)
        if face.beard:
            colour = _beard(colour, local, face)
        if face.roots is not None:
            level = hair_level(samples.rest, anatomy) + 0.004 * (
                value_noise(samples.rest * 260, 2, face.seed + 3) - 0.5
            )
            colour = mix(colour, face.roots, 0.92 * smoothstep(level, -0.004, 0.005) * (local[:, 1] > -0.06))
        pores = value_noise(samples.rest * 500, 1, face.seed + 4)
        return colour, 0.00015 * pores

    return shade


def _blush(
    colour: Float[np.ndarray, "N 3"], local: Float[np.ndarray, "N 3"], front: Float[np.ndarray, "N"], face: Face
) -> Float[np.ndarray, "N 3"]:
    cheeks = np.exp(-(((np.abs(local[:, 0]) - 0.042) / 0.018) ** 2 + ((local[:, 1] - 0.005) / 0.017) ** 2)) * front
    nose = 0.6 * np.exp(-((local[:, 0] / 0.014) ** 2 + ((local[:, 1] - 0.002) / 0.012) ** 2)) * front
    return colour * (1 + (0.14 * cheeks + 0.12 * nose)[:, None] * np.array([0.6, -0.7, -0.6]))


def _lips(
    colour: Float[np.ndarray, "N 3"],
    local: Float[np.ndarray, "N 3"],
    front: Float[np.ndarray, "N"],
    lips: Float[np.ndarray, "N"],
    face: Face,
) -> Float[np.ndarray, "N 3"]:
    y = local[:, 1] + 0.0345
    inside = smoothstep(lips, 0.15, 0.75) * front
    line = np.exp(-((y / 0.0011) ** 2)) * inside
    natural = colour * np.array([0.92, 0.66, 0.66])
    tinted = mix(natural, face.lip_colour * (0.4 + 0.6 * face.tone.mean() / 0.45), np.full(len(y), face.lip))
    colour = mix(colour, tinted, 0.85 * inside)
    return colour * (1 - 0.55 * line)[:, None]


def _brows(
    colour: Float[np.ndarray, "N 3"], local: Float[np.ndarray, "N 3"], front: Float[np.ndarray, "N"], face: Face
) -> Float[np.ndarray, "N 3"]:
    x = np.abs(local[:, 0])
    t = np.clip((x - 0.014) / 0.041, 0, 1)
    middle = 0.0585 + 0.0055 * np.sin(t * 2.3) - 0.008 * np.clip(t - 0.7, 0, 1) + 0.002 * face.feminine
    half = (0.0050 - 0.0016 * face.feminine) * (1 - 0.5 * t)
    body = np.clip(1.6 * (1 - np.abs((local[:, 1] - middle) / half)), 0, 1)
    ends = smoothstep(x, 0.012, 0.018) * smoothstep(x, 0.057, 0.050)
    hairs = value_noise(np.stack([x * 900 + local[:, 1] * 700, local[:, 1] * 250], 1), 2, face.seed + 5)
    amount = body * ends * front * np.clip(0.35 + hairs, 0, 1) * 0.9
    lashes = np.exp(-(((local[:, 1] - 0.0462 + 6.0 * (x - 0.034) ** 2) / 0.0013) ** 2))
    lashes = lashes * smoothstep(np.abs(x - 0.034), 0.017, 0.013) * front * (0.45 + 0.4 * face.feminine)
    return mix(mix(colour, face.brow, amount), np.array([0.015, 0.010, 0.008]), lashes)


def _beard(colour: Float[np.ndarray, "N 3"], local: Float[np.ndarray, "N 3"], face: Face) -> Float[np.ndarray, "N 3"]:
    x, y, z = np.abs(local[:, 0]), local[:, 1], local[:, 2]
    cheek_line = -0.016 + 0.55 * np.clip(x - 0.035, 0, 0.04)
    area = smoothstep(cheek_line - y, -0.003, 0.006) * smoothstep(z, 0.005, 0.03) * smoothstep(y, -0.088, -0.070)
    moustache = smoothstep(np.abs(y + 0.0215), 0.0075, 0.0045) * smoothstep(x, 0.034, 0.026) * smoothstep(z, 0.07, 0.09)
    mouth = smoothstep(np.hypot(x / 0.028, (y + 0.035) / 0.0125), 1.1, 0.95)
    area = np.maximum(area * (1 - mouth), moustache * (1 - 0.9 * mouth))
    hairs = value_noise(np.stack([x * 500, y * 300, z * 500], 1), 2, face.seed + 6)
    return mix(colour, face.brow, np.clip(area * face.beard * (0.55 + 0.6 * hairs), 0, 0.95))


def eye_shader(face: Face, centre: Float[np.ndarray, "3"]) -> Shader:
    """White, iris and pupil by the angle from the gaze (straight ahead)."""

    def shade(samples: SurfaceSamples) -> tuple[np.ndarray, np.ndarray]:
        outward = samples.position - centre
        outward = outward / np.linalg.norm(outward, axis=1, keepdims=True)
        angle = np.degrees(np.arccos(np.clip(outward[:, 2], -1, 1)))
        streaks = value_noise(np.stack([np.arctan2(outward[:, 1], outward[:, 0]) * 6, angle * 0.2], 1), 2, face.seed)
        colour = np.tile(linear_rgb("ddd5ce"), (len(angle), 1))
        colour = mix(colour, face.iris * (0.7 + 0.6 * streaks[:, None]), smoothstep(angle, 27, 25))
        colour = mix(colour, face.iris * 0.35, np.exp(-(((angle - 25) / 1.6) ** 2)))
        colour = mix(colour, np.full(3, 0.006), smoothstep(angle, 12, 10))
        lid = smoothstep(samples.position[:, 1] - centre[1], 0.0, 0.008)  # shade under the upper lid
        return 0.8 * colour * (1 - 0.6 * lid)[:, None], np.zeros(len(angle))

    return shade

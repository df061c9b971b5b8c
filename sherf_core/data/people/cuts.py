"""Cutting patterns: how far inside a garment's outline each point of the resting body lies.

A cut returns (N, E) distances in metres to each of its E edges (neckline, hem, cuff ...); the garment is where all are
positive. Distances are smooth functions of the rest position, so clipped hems are smooth curves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sherf_core.data.people.anatomy import (
    CHEST,
    HEAD,
    LEFT_FOOT,
    LEFT_SHOULDER,
    NECK,
    Anatomy,
    capsule_distance,
)
from sherf_core.data.people.noise import smoothstep

Cut = Callable[[Float[np.ndarray, "N 3"]], Float[np.ndarray, "N E"]]
FAR = 9.0
"""Level of an edge where it does not apply."""


@dataclass(frozen=True)
class TopShape:
    """Outline of a top, in units of the body (see Anatomy.height, along_arm).

    Attributes:
        hem: height of the hem (0 pelvis joint; -0.12 hips).
        sleeve: along_arm of the cuff; None for a sleeveless top.
        neck: radius of the neckline in metres.
        vee: depth of a V neckline in metres, 0 for a round one.
    """

    hem: float = -0.12
    sleeve: float | None = 0.45
    neck: float = 0.075
    vee: float = 0.0


def top_cut(anatomy: Anatomy, shape: TopShape) -> Cut:
    """Edges: neckline, hem, cuff (or armhole)."""
    joints = anatomy.joints
    neck_start, neck_end = _neck_axis(anatomy)

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        back = smoothstep(rest[:, 2] - joints[NECK, 2], 0.0, -0.05)  # cloth reaches higher at the nape
        neckline = capsule_distance(rest, neck_start, neck_end) - shape.neck + 0.025 * back
        if shape.vee:
            front = rest[:, 2] > joints[NECK, 2]
            depth = joints[NECK, 1] - 0.055 - shape.vee
            opening = (np.abs(rest[:, 0]) * 2.0 - (rest[:, 1] - depth)) / 2.2
            neckline = np.where(front, np.minimum(neckline, opening), neckline)
        neckline = np.minimum(neckline, joints[NECK, 1] + 0.012 - rest[:, 1])  # never on the chin
        on_arm = anatomy.along_arm(rest) > 0.15
        hem = np.where(on_arm, FAR, (anatomy.height(rest) - shape.hem) * anatomy.trunk)
        if shape.sleeve is None:
            shoulder = joints[LEFT_SHOULDER] + np.array([0.012, -0.012, 0])
            mirrored = rest * [0, 1, 1] + np.abs(rest) * [1, 0, 0]
            cuff = capsule_distance(mirrored, shoulder, shoulder + np.array([1.0, 0.1, 0])) - 0.073
            cuff = np.where(anatomy.along_arm(rest) > 0.25, -FAR, cuff)
        else:
            cuff = (shape.sleeve - anatomy.along_arm(rest)) * anatomy.arm
        return np.stack([neckline, hem, cuff], 1)

    return cut


def collar_cut(anatomy: Anatomy, neck: float) -> Cut:
    """A shirt's collar around a neckline of radius `neck`: outer edge, front gap, top."""
    start, end = _neck_axis(anatomy)

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 4"]:
        distance = capsule_distance(rest, start, end)
        forward = smoothstep(rest[:, 2] - anatomy.joints[NECK, 2], 0.0, 0.05)
        points = 0.030 * forward * np.exp(-(((np.abs(rest[:, 0]) - 0.045) / 0.018) ** 2))
        outer = neck + 0.030 + points - distance
        gap = np.where(forward > 0, np.abs(rest[:, 0]) - 0.012, FAR)
        top = anatomy.joints[NECK, 1] + 0.016 - rest[:, 1]
        return np.stack([outer, gap, top, distance - neck + 0.010], 1)

    return cut


def hood_cut(anatomy: Anatomy, neck: float) -> Cut:
    """A hood that lies on the shoulders: outer edge, opening at the throat, top."""
    start, end = _neck_axis(anatomy)

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 4"]:
        distance = capsule_distance(rest, start, end)
        back = smoothstep(rest[:, 2] - anatomy.joints[NECK, 2], 0.05, -0.06)
        outer = neck + 0.030 + 0.065 * back - distance
        throat = np.where(rest[:, 2] > anatomy.joints[NECK, 2], np.abs(rest[:, 0]) - 0.016, FAR)
        top = anatomy.joints[NECK, 1] + 0.016 - rest[:, 1]
        return np.stack([outer, throat, top, distance - neck + 0.008], 1)

    return cut


def _neck_axis(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """The line from the pit of the neck to the skull that necklines are measured from."""
    joints = anatomy.joints
    return joints[NECK] + np.array([0, -0.050, 0.008]), joints[HEAD] + np.array([0, 0.05, 0.010])


def trousers_cut(anatomy: Anatomy, waist: float = 0.16, hem: float = 0.99) -> Cut:
    """Edges: waist, hem. `waist` is a trunk height, `hem` a leg length (see Anatomy)."""

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
        tilt = 0.10 * (rest[:, 2] - anatomy.joints[CHEST, 2])  # a waistband sits lower in front
        top = (waist - anatomy.height(rest)) * anatomy.trunk - tilt
        top = np.where(anatomy.along_arm(rest) > 0.15, -FAR, top)
        bottom = (hem - anatomy.along_leg(rest)) * anatomy.leg
        foot = rest[:, 2] - anatomy.joints[LEFT_FOOT, 2] + 0.055  # trousers end at the instep
        return np.stack([top, np.minimum(bottom, np.where(anatomy.along_leg(rest) > 0.9, -foot, FAR))], 1)

    return cut


def skirt_cover(anatomy: Anatomy, waist: float, hem: float) -> Cut:
    """What a skirt hides of the body and of a tucked top: distances to waist and hem."""

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
        top = (waist - anatomy.height(rest)) * anatomy.trunk
        return np.stack([top, (hem - anatomy.along_leg(rest)) * anatomy.leg], 1)

    return cut


def shoe_cut(anatomy: Anatomy, collar: float) -> Cut:
    """Edge: the opening, `collar` metres above the ankle joint at the back and lower over the instep."""
    ankle = anatomy.joints[7]

    def cut(rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 1"]:
        forward = rest[:, 2] - ankle[2]
        dip = 0.016 * smoothstep(np.abs(forward), 0.05, 0.0)
        return (ankle[1] + collar - dip - rest[:, 1])[:, None]

    return cut

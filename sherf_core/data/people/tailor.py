"""Sewing: from the suit that wraps the body to garments that hang from it, layer over layer.

Every garment is cut from the same suit mesh and skinned with the same weights, so a layer that lies outside another
at rest stays outside when the body moves; nothing below can poke through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from sherf_core.data.people.anatomy import Anatomy
from sherf_core.data.people.cuts import Cut
from sherf_core.data.people.drape import draped_radius
from sherf_core.data.people.mesh import Surface, neighbour_average, smooth
from sherf_core.data.people.noise import smoothstep, value_noise

RIM = 0.004
"""Thickness of cloth seen at its edges, metres."""


@dataclass(frozen=True)
class Fit:
    """How loose a garment is (metres).

    Attributes:
        gap: least distance from what lies beneath.
        ease: extra air around trunk, sleeves and legs.
        taper: radius lost per metre downwards for trunk, sleeves and legs; large is tight.
        folds: depth of the folds where the cloth is loose.
        smoothing: how many times wrinkles of the body are smoothed away.
    """

    gap: float = 0.005
    ease: tuple[float, float, float] = (0.008, 0.008, 0.008)
    taper: tuple[float, float, float] = (0.10, 0.06, 0.06)
    folds: float = 0.006
    smoothing: int = 6


class Tailor:
    """Dresses one person: keeps the outermost layer so that the next garment goes over it.

    Args:
        suit: the body-hugging suit on this person at rest.
        rest: the same vertices on the mean body.
        weights: their skinning weights; cloth follows them more smoothly.
        anatomy: landmarks of the mean body.
        seed: of the folds.
    """

    def __init__(
        self,
        suit: Surface,
        rest: Float[np.ndarray, "V 3"],
        weights: Float[np.ndarray, "V 24"],
        anatomy: Anatomy,
        seed: int,
    ) -> None:
        self.rest, self.anatomy, self.seed = rest, anatomy, seed
        self.average = neighbour_average(suit.faces, len(suit.position))
        self.suit = replace(suit, weights=smooth(weights, self.average, 20))
        # Cloth bridges furrows (seat, spine): directions outwards are those of the suit without them.
        bridged = suit.at(smooth(suit.position, self.average, 24))
        self.normals = smooth(bridged.normals(), self.average, 6)
        self.normals /= np.linalg.norm(self.normals, axis=1, keepdims=True)
        self.outer = self._own_side(self._outside(bridged.position, suit.position))
        self.covered = np.full(len(rest), -1.0)

    def garment(self, cut: Cut, fit: Fit) -> Surface:
        """A garment over everything sewn so far.

        Returns:
            its surface, clipped at its edges and rimmed.
        """
        level = cut(self.rest).min(1)
        near = level > -0.08
        offset = np.full(len(self.rest), fit.gap)
        position = self.outer + self.normals * offset[:, None]
        hung = self._hang(position, near, fit)
        hung = self._outside(smooth(hung, self.average, fit.smoothing), position)
        loose = np.clip(np.linalg.norm(hung - position, axis=1) / 0.025, 0, 1)
        depth = self._folds(fit) * (0.25 + 0.75 * loose)
        hung = self._outside(hung + self.normals * depth[:, None], position)
        hung = self._own_side(self._outside(smooth(hung, self.average, 1), position))
        self.outer = np.where((level > 0)[:, None], hung, self.outer)
        self.covered = np.maximum(self.covered, level)
        return self.suit.at(hung).clipped(level).with_smooth_border().rimmed(RIM)

    def patch(self, cut: Cut, gap: float, bulge: Float[np.ndarray, "V"]) -> Surface:
        """A piece sewn onto the outermost layer: a collar, a hood.

        Args:
            cut: its outline.
            gap: metres above the layer beneath.
            bulge: further metres outwards per suit vertex.
        """
        level = cut(self.rest).min(1)
        position = self.outer + self.normals * (gap + bulge)[:, None]
        return self.suit.at(smooth(position, self.average, 2)).clipped(level).with_smooth_border().rimmed(RIM)

    def _outside(self, position: Float[np.ndarray, "V 3"], least: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Moved outwards along the suit's normal where it lies within `least`."""
        short = ((least - position) * self.normals).sum(1)
        return position + self.normals * np.maximum(short, 0)[:, None]

    def _own_side(self, position: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
        """Vertices near the body's middle kept on their side of it, in their order."""
        side = np.sign(self.rest[:, 0])
        least = np.minimum(0.6 * np.abs(self.rest[:, 0]), 0.012)
        across = side * np.maximum(side * position[:, 0], least)
        return np.column_stack([across, position[:, 1:]])

    def _hang(self, position: Float[np.ndarray, "V 3"], near: np.ndarray, fit: Fit) -> Float[np.ndarray, "V 3"]:
        """Trunk, sleeves and legs drawn out to their hanging radius."""
        anatomy, rest = self.anatomy, self.rest
        height, arm, leg = anatomy.height(rest), anatomy.along_arm(rest), anatomy.along_leg(rest)
        moved = position.copy()
        trunk = near & (height < 0.82) & (height > -0.42) & (arm < 0.05)
        axis = np.stack([np.zeros(len(rest)), np.full(len(rest), position[trunk, 2].mean())], 1)
        share = smoothstep(height, 0.74, 0.52) * smoothstep(height, -0.36, -0.22)
        self._draw_out(moved, trunk, (0, 2), axis, -position[:, 1], share, fit.ease[0], fit.taper[0])
        for side in (-1, 1):
            here = rest[:, 0] * side > 0
            shoulder = self._middle(position, here & (arm > 0.1) & (arm < 0.9), (1, 2))
            sleeve = near & here & (arm > 0.02)
            share = smoothstep(arm, 0.05, 0.28)
            self._draw_out(moved, sleeve, (1, 2), shoulder, np.abs(position[:, 0]), share, fit.ease[1], fit.taper[1])
            limb = near & here & (leg > 0.10) & (leg < 1.1)
            thigh = self._leg_axis(position, here)
            # Between the thighs there is no room to hang: cloth there stays at the leg.
            inward = (thigh[:, 0] - position[:, 0]) * side / 0.07
            share = smoothstep(leg, 0.13, 0.30) * (1 - smoothstep(inward, 0.2, 0.9) * smoothstep(leg, 0.75, 0.45))
            self._draw_out(moved, limb, (0, 2), thigh, -position[:, 1], share, fit.ease[2], fit.taper[2])
        return moved

    @staticmethod
    def _draw_out(
        moved: Float[np.ndarray, "V 3"],
        chosen: Bool[np.ndarray, "V"],
        axes: tuple[int, int],
        centre: Float[np.ndarray, "V 2"],
        along: Float[np.ndarray, "V"],
        share: Float[np.ndarray, "V"],
        ease: float,
        taper: float,
    ) -> None:
        """Push the `chosen` vertices of a tube out to their draped radius, in the plane of `axes`."""
        if not chosen.any():
            return
        plane = list(axes)
        arm = moved[chosen][:, plane] - centre[chosen]
        radius = np.linalg.norm(arm, axis=1)
        angle = np.arctan2(arm[:, 0], arm[:, 1])
        wanted = draped_radius(angle, along[chosen], radius, ease=ease, taper=taper)
        grown = radius + share[chosen] * np.maximum(wanted - radius, 0)
        result = moved[chosen]
        result[:, plane] = centre[chosen] + arm * (grown / np.maximum(radius, 1e-6))[:, None]
        moved[chosen] = result

    def _middle(self, position: Float[np.ndarray, "V 3"], chosen: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
        middle = position[chosen][:, list(axes)].mean(0)
        return np.tile(middle, (len(position), 1))

    def _leg_axis(self, position: Float[np.ndarray, "V 3"], here: np.ndarray) -> Float[np.ndarray, "V 2"]:
        """(x, z) of this person's leg at every vertex' height: the mean of the leg's slices."""
        leg = self.anatomy.along_leg(self.rest)
        chosen = here & (leg > 0.16) & (leg < 0.97)
        slices = np.clip((leg * 12).astype(int), 2, 11)
        centres = np.stack([position[chosen & (slices == index)][:, [0, 2]].mean(0) for index in range(2, 12)])
        heights = (np.arange(2, 12) + 0.5) / 12
        return np.stack([np.interp(leg, heights, centres[:, axis]) for axis in (0, 1)], 1)

    def _folds(self, fit: Fit) -> Float[np.ndarray, "V"]:
        """Relief of the folds: along the trunk and skirt, across sleeves and ankles."""
        rest, panel = self.rest, self.anatomy.panels(self.rest)
        arm, leg = self.anatomy.along_arm(rest), self.anatomy.along_leg(rest)
        stacked = np.maximum(smoothstep(leg, 0.72, 0.95), 0.6 * np.exp(-(((leg - 0.5) / 0.07) ** 2)))
        stacked = np.where(panel == 1, 0.4 + 0.6 * np.exp(-(((arm - 0.52) / 0.16) ** 2)), stacked * (panel == 2))
        # Noise in space has no seam where a panel's coordinates close; sleeves run along x, the rest along y.
        turned = np.where((panel == 1)[:, None], rest[:, [1, 0, 2]], rest)
        warp = value_noise(turned * 7, 2, self.seed + 1) - 0.5
        tall = value_noise(turned * [17, 5, 17] + 2.5 * warp[:, None], 2, self.seed + 2)
        rings = value_noise(turned * [6, 30, 6] + 3 * warp[:, None], 2, self.seed + 3)
        relief = (1 - stacked) * (tall - 0.5) + stacked * (rings - 0.5)
        return (2 * fit.folds) * relief

    def hidden(self, rest: Float[np.ndarray, "N 3"], cuts: list[Cut], margin: float) -> np.ndarray:
        """(N,) bool: points that lie deeper than `margin` metres under at least one garment."""
        return np.any([cut(rest).min(1) > margin for cut in cuts], axis=0) if cuts else np.zeros(len(rest), bool)

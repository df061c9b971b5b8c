"""Where things are on the resting body: the coordinates in which clothes are cut and patterns are drawn.

All functions take rest positions of the *mean* body (T-pose, metres), so that a hem lies at the same place on every
person. Landmarks are derived from the mean joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

PELVIS, LEFT_HIP, LEFT_KNEE, SPINE, LEFT_ANKLE, CHEST, LEFT_FOOT, NECK, HEAD = 0, 1, 4, 3, 7, 9, 10, 12, 15
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 16, 18, 20


@dataclass(frozen=True)
class Anatomy:
    """Landmarks of the mean body, from its 24 rest joints (24, 3)."""

    joints: Float[np.ndarray, "24 3"]

    def height(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """Height along the trunk: 0 at the pelvis joint, 1 at the neck joint."""
        return (rest[:, 1] - self.joints[PELVIS, 1]) / (self.joints[NECK, 1] - self.joints[PELVIS, 1])

    @property
    def trunk(self) -> float:
        """Metres from pelvis to neck joint."""
        return float(self.joints[NECK, 1] - self.joints[PELVIS, 1])

    def along_arm(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """0 at the shoulder joint, 1 at the wrist, negative on the trunk; both arms alike."""
        shoulder, wrist = self.joints[LEFT_SHOULDER, 0], self.joints[LEFT_WRIST, 0]
        return (np.abs(rest[:, 0]) - shoulder) / (wrist - shoulder)

    @property
    def arm(self) -> float:
        """Metres from shoulder to wrist joint."""
        return float(self.joints[LEFT_WRIST, 0] - self.joints[LEFT_SHOULDER, 0])

    def along_leg(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """0 at the hip joint, 1 at the ankle, by height."""
        hip, ankle = self.joints[LEFT_HIP, 1], self.joints[LEFT_ANKLE, 1]
        return (hip - rest[:, 1]) / (hip - ankle)

    @property
    def leg(self) -> float:
        """Metres from hip to ankle joint, by height."""
        return float(self.joints[LEFT_HIP, 1] - self.joints[LEFT_ANKLE, 1])

    def leg_axis(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
        """(|x|, z) of the leg's axis at each point's height."""
        chain = self.joints[[LEFT_ANKLE, LEFT_KNEE, LEFT_HIP]]
        return np.stack([np.interp(rest[:, 1], chain[:, 1], chain[:, axis]) for axis in (0, 2)], 1)

    def on_arm(self, rest: Float[np.ndarray, "N 3"]) -> np.ndarray:
        """(N,) bool: beyond the armhole seam."""
        slope = 0.25 * (rest[:, 1] - self.joints[LEFT_SHOULDER, 1])
        return np.abs(rest[:, 0]) > self.joints[LEFT_SHOULDER, 0] * 1.02 - slope * 0.6

    def around_trunk(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """Metres along a horizontal line around the trunk, 0 in front, positive to the left."""
        angle = np.arctan2(rest[:, 0], rest[:, 2] - self.joints[CHEST, 2] - 0.03)
        return ellipse_length(angle)

    def around_arm(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """Metres around the sleeve, 0 on top."""
        shoulder = self.joints[LEFT_SHOULDER]
        return 0.065 * np.arctan2(rest[:, 2] - shoulder[2], rest[:, 1] - shoulder[1])

    def around_leg(self, rest: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
        """Metres around the trouser leg: 0 in front, positive outwards."""
        axis = self.leg_axis(rest)
        return 0.075 * np.arctan2(np.abs(rest[:, 0]) - axis[:, 0], rest[:, 2] - axis[:, 1])

    def panels(self, rest: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, "N"]:
        """The piece of cloth that each point belongs to: 0 trunk, 1 sleeves, 2 trouser legs."""
        sleeve = self.on_arm(rest) & (self.height(rest) > 0.4)
        return np.where(sleeve, 1, np.where(self.height(rest) < -0.26, 2, 0))

    def cloth_coordinates(
        self, points: Float[np.ndarray, "N 3"], panel: Int[np.ndarray, "N"]
    ) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """Metres across and along the piece of cloth, straight on it at rest."""
        # Over the shoulders cloth runs from front to back, no longer upwards.
        ridge = np.abs(points[:, 2] - self.joints[LEFT_SHOULDER, 2] + 0.01)
        over = np.clip((self.height(points) - 0.78) / 0.14, 0, 1) * (self.along_arm(points) < 0.2)
        along = points[:, 1] + 0.9 * over * (0.06 - np.minimum(ridge, 0.06))
        across = [self.around_trunk(points), self.around_arm(points), self.around_leg(points)]
        return np.choose(panel, across), np.where(panel == 1, -np.abs(points[:, 0]), along)


def _ellipse_length_table() -> tuple[np.ndarray, np.ndarray]:
    """Polar angle against arc length of an ellipse with the trunk's proportions (17 by 12 cm)."""
    parameter = np.linspace(-np.pi, np.pi, 721)
    x, z = 0.165 * np.sin(parameter), 0.115 * np.cos(parameter)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    return np.unwrap(np.arctan2(x, z)), length - length[360]


_ANGLES, _LENGTHS = _ellipse_length_table()


def ellipse_length(angle: np.ndarray) -> np.ndarray:
    """Arc length from the front at a polar angle."""
    return np.interp(angle, _ANGLES, _LENGTHS)


def capsule_distance(points: Float[np.ndarray, "N 3"], start: np.ndarray, end: np.ndarray) -> Float[np.ndarray, "N"]:
    """Distance to a line segment."""
    axis = end - start
    fraction = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - fraction[:, None] * axis, axis=1)

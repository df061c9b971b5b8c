"""Poses: named ones, and random plausible ones whose limbs keep clear of the body.

Conventions: SMPL's T-pose, y up, facing +z, left is +x. Angles here are degrees; results are axis-angle radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

HIPS, KNEES, ANKLES, TOES = (1, 2), (4, 5), (7, 8), (10, 11)
SPINE, NECK, HEAD, COLLARS, SHOULDERS, ELBOWS, WRISTS, HANDS = (
    (3, 6, 9),
    12,
    15,
    (13, 14),
    (16, 17),
    (18, 19),
    (20, 21),
    (22, 23),
)
LEFT, RIGHT = 0, 1
Degrees = int | float


@dataclass(frozen=True)
class Arm:
    """One arm, in degrees.

    Attributes:
        lower: from the T-pose down: 0 level, 70 hanging, -40 raised.
        forward: swing of the whole arm to the front (positive) or back.
        elbow: bend of the elbow.
        twist: turns the plane in which the elbow bends: 0 forwards, 90 up.
    """

    lower: Degrees = 68
    forward: Degrees = 0
    elbow: Degrees = 15
    twist: Degrees = 0


@dataclass(frozen=True)
class Leg:
    """One leg, in degrees: hip flexion to the front, spread to the side, outward turn, knee bend, ankle (toes up)."""

    flex: Degrees = 0
    spread: Degrees = 2
    turn: Degrees = 4
    knee: Degrees = 0
    ankle: Degrees = 0


@dataclass(frozen=True)
class Stance:
    """A whole pose: arms and legs (left, right), trunk, head and heading (x, y, z rotations in degrees)."""

    arms: tuple[Arm, Arm] = (Arm(), Arm())
    legs: tuple[Leg, Leg] = (Leg(), Leg())
    trunk: tuple[Degrees, Degrees, Degrees] = (0, 0, 0)
    head: tuple[Degrees, Degrees, Degrees] = (0, 0, 0)
    heading: Degrees = 0
    lean: Degrees = 0

    def joint_angles(self) -> Float[np.ndarray, "24 3"]:
        """Axis-angle rotations of the 24 joints."""
        poses = np.zeros((24, 3))
        poses[0] = _rotation("YX", [self.heading, self.lean])
        for joint in SPINE:
            poses[joint] = np.radians(self.trunk) / 3
        poses[NECK] = 0.4 * np.radians(self.head)
        poses[HEAD] = 0.6 * np.radians(self.head)
        for side, arm in enumerate(self.arms):
            sign = 1 if side == LEFT else -1
            raised = max(0.0, -arm.lower)
            # The collar carries a fifth of the movement, more when the arm is raised.
            collar = 0.12 * (arm.lower - 10) - 0.15 * raised
            poses[COLLARS[side]] = np.radians([0, -sign * 0.10 * arm.forward, -sign * collar])
            swing = Rotation.from_euler("X", -arm.forward * 0.9, degrees=True)
            drop = Rotation.from_euler("Z", -sign * (arm.lower - collar), degrees=True)
            roll = Rotation.from_euler("X", -arm.twist, degrees=True)
            poses[SHOULDERS[side]] = (swing * drop * roll).as_rotvec()
            poses[ELBOWS[side]] = np.radians([0, -sign * arm.elbow, 0])
            poses[HANDS[side]] = np.radians([0, 0, -sign * 14])
        for side, leg in enumerate(self.legs):
            sign = 1 if side == LEFT else -1
            poses[HIPS[side]] = _rotation("XZY", [-leg.flex, sign * leg.spread, sign * leg.turn])
            poses[KNEES[side]] = np.radians([leg.knee, 0, 0])
            poses[ANKLES[side]] = np.radians([-leg.ankle, 0, 0])
        return poses


def _rotation(axes: str, degrees: list[Degrees]) -> Float[np.ndarray, "3"]:
    return Rotation.from_euler(axes, degrees, degrees=True).as_rotvec()


NAMED: dict[str, Stance] = {
    "a_pose": Stance(arms=(Arm(lower=48, elbow=6), Arm(lower=48, elbow=6))),
    "stand": Stance(
        arms=(Arm(lower=66, elbow=16), Arm(lower=64, elbow=20)), legs=(Leg(), Leg(flex=3, knee=6, turn=10))
    ),
    "walk": Stance(
        arms=(Arm(lower=68, forward=-24, elbow=14), Arm(lower=68, forward=26, elbow=28)),
        legs=(Leg(flex=24, knee=6, ankle=4), Leg(flex=-16, knee=16, ankle=-4)),
        trunk=(4, 8, 0),
        head=(0, -6, 0),
    ),
    "wave": Stance(
        arms=(Arm(lower=66, elbow=14), Arm(lower=8, forward=8, elbow=88, twist=84)),
        legs=(Leg(spread=4), Leg(flex=2, spread=4, turn=10)),
        head=(0, -10, -3),
    ),
    "reach": Stance(
        arms=(Arm(lower=-32, forward=18, elbow=12), Arm(lower=66, elbow=20)),
        legs=(Leg(flex=10, knee=4), Leg(flex=-8, knee=8)),
        trunk=(0, -10, -6),
        head=(-14, 12, 0),
    ),
    "squat": Stance(
        arms=(Arm(lower=38, forward=62, elbow=16), Arm(lower=38, forward=62, elbow=16)),
        legs=(Leg(flex=74, spread=14, turn=14, knee=84, ankle=10), Leg(flex=74, spread=14, turn=14, knee=84, ankle=10)),
        trunk=(14, 0, 0),
        lean=14,
        head=(-14, 0, 0),
    ),
    "akimbo": Stance(
        arms=(Arm(lower=44, forward=-8, elbow=72, twist=-34), Arm(lower=44, forward=-8, elbow=72, twist=-34)),
        legs=(Leg(spread=5), Leg(spread=5)),
    ),
    "lunge": Stance(
        arms=(Arm(lower=56, forward=-20, elbow=50), Arm(lower=56, forward=30, elbow=70)),
        legs=(Leg(flex=52, knee=56, ankle=4), Leg(flex=-24, knee=30, ankle=-8)),
        trunk=(6, 6, 0),
    ),
    "look_back": Stance(
        arms=(Arm(lower=64, forward=10, elbow=30), Arm(lower=58, forward=-14, elbow=24)),
        legs=(Leg(flex=6, knee=8), Leg(flex=-4, spread=5)),
        trunk=(0, 24, 0),
        head=(0, 38, 0),
    ),
    "point": Stance(
        arms=(Arm(lower=66, elbow=18), Arm(lower=6, forward=6, elbow=6)),
        trunk=(0, -8, 0),
        head=(0, -32, 0),
        legs=(Leg(spread=4), Leg(spread=4)),
    ),
}
DEEP = ("squat", "lunge")
"""Poses with strongly bent hips."""


def named_pose(name: str) -> Float[np.ndarray, "24 3"]:
    """Axis-angle rotations (24, 3) of a named pose."""
    return NAMED[name].joint_angles()


def random_stance(generator: np.random.Generator) -> Stance:
    """A plausible stance: arms clear of the trunk, knees and elbows bend their way, feet near the ground."""

    def arm() -> Arm:
        lower = generator.choice([generator.uniform(50, 68), generator.uniform(-30, 45)], p=[0.6, 0.4])
        hanging = lower > 45
        forward = generator.uniform(-22, 30) if hanging else generator.uniform(0, 40)
        elbow = generator.uniform(8, 60) if hanging else generator.uniform(5, 85)
        twist = generator.uniform(-10, 15) if hanging else generator.uniform(10, 95)
        return Arm(lower, forward, elbow, twist)

    stride = generator.uniform(-26, 26)
    crouch = generator.choice([0.0, generator.uniform(0, 35)])
    spread = generator.uniform(2, 9)
    legs = tuple(
        Leg(
            flex=direction * stride + crouch,
            spread=spread,
            turn=generator.uniform(2, 12),
            knee=max(0.0, -direction * stride) * generator.uniform(0.4, 0.9) + 1.6 * crouch + generator.uniform(0, 8),
            ankle=0.5 * crouch,
        )
        for direction in (1, -1)
    )
    return Stance(
        arms=(arm(), arm()),
        legs=(legs[0], legs[1]),
        trunk=(0.4 * crouch + generator.uniform(-3, 8), generator.uniform(-16, 16), generator.uniform(-5, 5)),
        head=(generator.uniform(-12, 14), generator.uniform(-30, 30), generator.uniform(-6, 6)),
        heading=generator.uniform(-35, 35),
        lean=0.35 * crouch,
    )


def pose_sequence(count: int, generator: np.random.Generator, *, skirt: bool = False) -> Float[np.ndarray, "P 24 3"]:
    """`count` poses: the A-pose, then the livelier named ones in a random order, then random ones.

    Args:
        skirt: leave out the named poses in which a skirt would turn inside out.
    """
    left_out = ("a_pose", "stand", *(DEEP if skirt else ()))
    names = [name for name in NAMED if name not in left_out]
    chosen = ["a_pose", *(names[index] for index in generator.permutation(len(names)))][:count]
    poses = [named_pose(name) for name in chosen]
    poses += [random_stance(generator).joint_angles() for _ in range(count - len(poses))]
    return np.stack(poses)

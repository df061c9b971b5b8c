"""The 24 SMPL joints on MakeHuman's 163 bones: which bone feeds which joint, and where each joint lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

JOINTS = 24
# Left-side joints; the right side is always the next number.
HIP, KNEE, ANKLE, TOES, COLLAR, SHOULDER, ELBOW, WRIST, HAND = 1, 4, 7, 10, 13, 16, 18, 20, 22
PELVIS, SPINE_LOW, SPINE_MIDDLE, SPINE_HIGH, NECK, HEAD = 0, 3, 6, 9, 12, 15

_TRUNK_BONES = {
    "root": PELVIS,
    "pelvis": PELVIS,
    "spine05": PELVIS,
    "spine04": SPINE_LOW,
    "spine03": SPINE_LOW,
    "spine02": SPINE_MIDDLE,
    "spine01": SPINE_HIGH,
    "breast": SPINE_HIGH,
}
# The first prefix that fits wins, so "finger1-1" (the thumb's root) comes before "finger".
_LIMB_PREFIXES = (
    (("clavicle", "shoulder01"), COLLAR),
    (("upperarm",), SHOULDER),
    (("lowerarm",), ELBOW),
    (("wrist", "metacarpal", "finger1-1"), WRIST),
    (("finger",), HAND),
    (("upperleg",), HIP),
    (("lowerleg",), KNEE),
    (("foot",), ANKLE),
    (("toe",), TOES),
)


def joint_of_bone(bone: str) -> int:
    """The SMPL joint that takes over the skin weights of a MakeHuman bone."""
    stem, side = bone.split(".")[0], 0 if bone.endswith(".L") else 1
    if stem in _TRUNK_BONES:
        return _TRUNK_BONES[stem]
    if stem.startswith("neck"):
        return NECK
    for prefixes, joint in _LIMB_PREFIXES:
        if stem.startswith(prefixes):
            return joint + side
    return HEAD  # jaw, eyes, tongue and the muscles of the face


def smpl_joints(heads: Array, bones: list[str]) -> Array:
    """Joint centres (B, 24, 3) from the bones' heads (B, 163, 3)."""
    index = {bone: number for number, bone in enumerate(bones)}

    def middle(*names: str) -> Array:
        return np.mean([heads[:, index[name]] for name in names], axis=0)

    joints = np.zeros((len(heads), JOINTS, 3))
    joints[:, PELVIS] = middle("spine05", "spine04")
    joints[:, SPINE_LOW] = middle("spine04", "spine03")
    joints[:, SPINE_MIDDLE] = middle("spine02")
    joints[:, SPINE_HIGH] = middle("spine01", "spine02")
    joints[:, NECK] = middle("neck01")
    joints[:, HEAD] = middle("head")
    for side, letter in enumerate("LR"):
        joints[:, HIP + side] = middle(f"upperleg01.{letter}")
        joints[:, KNEE + side] = middle(f"lowerleg01.{letter}")
        joints[:, ANKLE + side] = middle(f"foot.{letter}")
        joints[:, TOES + side] = middle(*(f"toe{toe}-1.{letter}" for toe in range(1, 6)))
        joints[:, COLLAR + side] = middle(f"clavicle.{letter}", f"shoulder01.{letter}")
        joints[:, SHOULDER + side] = middle(f"upperarm01.{letter}")
        joints[:, ELBOW + side] = middle(f"lowerarm01.{letter}")
        joints[:, WRIST + side] = middle(f"wrist.{letter}")
        joints[:, HAND + side] = middle(*(f"finger{finger}-1.{letter}" for finger in range(2, 6)))
    return joints


def knuckle_lines(heads: Array, bones: list[str]) -> Array:
    """Index-to-little-finger knuckle vectors (B, 2, 3), left hand first: they tell where a palm faces."""
    lines = []
    for letter in "LR":
        index, little = bones.index(f"finger2-1.{letter}"), bones.index(f"finger5-1.{letter}")
        lines.append(heads[:, little] - heads[:, index])
    return np.stack(lines, axis=1)

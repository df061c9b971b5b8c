"""How much is measured: all of it takes minutes on a GPU, and would take an hour on a laptop's CPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Depth:
    """Sizes of the tables.

    Attributes:
        repeats: of each row that is no whole process.
        frame: side of the stage table's picture.
        paths: side of the fast paths' picture, at most 512.
        nearest: side where nearest vertices are compared with all pairs.
        resolutions: sides that are compared.
        scaling: side of the other comparisons.
        samples_per_ray: of a ray.
        batches: people at once.
        views: pictures of a person that is encoded once.
        chunks: points per chunk.
        training: side of the training step's picture.
        processes: repeats of each whole process.
    """

    repeats: int
    frame: int = 512
    paths: int = 512
    nearest: int = 64
    resolutions: tuple[int, ...] = (64, 128, 256, 512, 1024)
    scaling: int = 512
    samples_per_ray: tuple[int, ...] = (24, 48, 96)
    batches: tuple[int, ...] = (1, 2, 4)
    views: tuple[int, ...] = (1, 2, 6, 18)
    chunks: tuple[int, ...] = tuple(1 << exponent for exponent in range(14, 21, 2))
    training: int = 512
    processes: int = 5


FULL = {"cuda": Depth(12), "cpu": Depth(3, training=128)}
QUICK = {
    "cuda": Depth(
        12,
        frame=256,
        paths=256,
        resolutions=(64, 128, 256),
        scaling=256,
        chunks=(1 << 14, 1 << 18),
        training=256,
        processes=2,
    ),
    "cpu": Depth(
        3,
        paths=128,
        resolutions=(64, 128, 256),
        scaling=64,
        batches=(1, 2),
        views=(1, 2, 6),
        chunks=(1 << 13, 1 << 15),
        training=64,
        processes=2,
    ),
}


def depth_of(device: str, quick: bool | None) -> Depth:
    """Full on a GPU, quick on a CPU, unless something is said."""
    return (QUICK if (device == "cpu" if quick is None else quick) else FULL)[device]

"""Edge collapse of a closed surface onto a subset of its own vertices."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from body_building.skeleton import Array

LENGTH_COST = 1e-6  # a little of each edge's squared length: it keeps flat areas from becoming a few huge triangles


class _Surface:
    """Vertices with their quadrics, and the faces around each."""

    def __init__(self, points: Array, faces: NDArray[np.int64]) -> None:
        self.points = points
        self.faces: list[list[int]] = faces.tolist()
        self.around: list[set[int]] = [set() for _ in points]
        for number, face in enumerate(self.faces):
            for vertex in face:
                self.around[vertex].add(number)
        corner = points[faces]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = normal / np.maximum(area, 1e-300)
        plane = np.concatenate([normal, -np.sum(normal * corner[:, 0], axis=1, keepdims=True)], axis=1)
        quadric = plane[:, :, None] * plane[:, None, :] * area[:, :, None]
        self.quadrics = np.zeros((len(points), 4, 4))
        for k in range(3):
            np.add.at(self.quadrics, faces[:, k], quadric)

    def neighbours(self, vertex: int) -> set[int]:
        return {other for number in self.around[vertex] for other in self.faces[number]} - {vertex}

    def cost(self, removed: int, kept: int) -> float:
        place = np.append(self.points[kept], 1.0)
        error = place @ (self.quadrics[removed] + self.quadrics[kept]) @ place
        return float(error + LENGTH_COST * np.sum((self.points[removed] - self.points[kept]) ** 2))

    def may_collapse(self, removed: int, kept: int) -> bool:
        """The link condition (the surface stays closed, genus 0), no vertex below valence 3, no flip, no sliver."""
        near_removed, near_kept = self.neighbours(removed), self.neighbours(kept)
        shared_faces = self.around[removed] & self.around[kept]
        opposite = near_removed & near_kept
        if len(opposite) != 2 or len(shared_faces) != 2 or len(near_removed | near_kept) < 5:
            return False
        if any(len(self.around[vertex]) <= 3 for vertex in opposite):
            return False
        for number in self.around[removed] - shared_faces:
            before = self.points[self.faces[number]]
            after = self.points[[kept if vertex == removed else vertex for vertex in self.faces[number]]]
            old, new = (np.cross(p[1] - p[0], p[2] - p[0]) for p in (before, after))
            size = np.linalg.norm(new)
            longest = max(np.sum((after[i] - after[i - 1]) ** 2) for i in range(3))
            if old @ new < 0.3 * np.linalg.norm(old) * size or size < 0.06 * longest:
                return False
        return True

    def collapse(self, removed: int, kept: int) -> None:
        for number in self.around[removed] & self.around[kept]:
            for vertex in self.faces[number]:
                self.around[vertex].discard(number)
        for number in self.around[removed]:
            face = self.faces[number]
            face[face.index(removed)] = kept
            self.around[kept].add(number)
        self.around[removed] = set()
        self.quadrics[kept] += self.quadrics[removed]


def decimate(points: Array, faces: NDArray[np.int64], target: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Collapse edges, cheapest first, until `target` vertices are left.

    A closed genus-0 surface stays one, so `target` vertices come with exactly 2 * target - 4 triangles.

    Returns:
        The kept vertices' numbers (target,), ascending, and the faces (2 * target - 4, 3) in the new numbers.
    """
    surface = _Surface(points, faces)
    alive, stamp = np.ones(len(points), dtype=bool), [0] * len(points)
    heap = [
        (surface.cost(vertex, other), vertex, other, 0, 0)
        for vertex in range(len(points))
        for other in sorted(surface.neighbours(vertex))
    ]
    heapq.heapify(heap)
    for _ in range(len(points) - target):
        while True:
            _, removed, kept, removed_stamp, kept_stamp = heapq.heappop(heap)
            fresh = stamp[removed] == removed_stamp and stamp[kept] == kept_stamp
            if alive[removed] and alive[kept] and fresh and surface.may_collapse(removed, kept):
                break
        surface.collapse(removed, kept)
        alive[removed] = False
        stamp[kept] += 1
        for other in sorted(surface.neighbours(kept)):
            for pair in ((kept, other), (other, kept)):
                heapq.heappush(heap, (surface.cost(*pair), *pair, stamp[pair[0]], stamp[pair[1]]))
    kept_ids = np.flatnonzero(alive)
    renumber = np.full(len(points), -1)
    renumber[kept_ids] = np.arange(target)
    left = sorted({number for vertex in kept_ids for number in surface.around[vertex]})
    return kept_ids, renumber[np.array([surface.faces[number] for number in left])]


def is_closed_manifold(faces: NDArray[np.int64], vertices: int) -> bool:
    """Every directed edge once and with its reverse, every vertex used, Euler characteristic 2."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = directed[:, 0] * vertices + directed[:, 1]
    reverse = directed[:, 1] * vertices + directed[:, 0]
    once = len(np.unique(key)) == len(key)
    paired = np.array_equal(np.sort(key), np.sort(reverse))
    euler = vertices - len(directed) // 2 + len(faces)
    return bool(once and paired and euler == 2 and len(np.unique(faces)) == vertices)

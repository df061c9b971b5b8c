"""Triangle mesh operations that cloth, hair and shoes are cut and sewn with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int


def vertex_normals(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit normals, the area-weighted mean of the adjoining faces."""
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.stack(
        [sum(np.bincount(faces[:, k], normal[:, axis], len(vertices)) for k in range(3)) for axis in range(3)], 1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def unique_edges(faces: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, "E 2"], Int[np.ndarray, "F 3"]]:
    """Undirected edges, and for each face the edges (0-1, 1-2, 2-0)."""
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    edges, inverse = np.unique(pairs, axis=0, return_inverse=True)
    return edges, inverse.reshape(3, -1).T


def boundary_edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    """Directed edges that belong to one face only, in that face's direction."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, inverse, count = np.unique(np.sort(directed, 1), axis=0, return_inverse=True, return_counts=True)
    return directed[count[inverse.ravel()] == 1]


def neighbour_average(faces: Int[np.ndarray, "F 3"], count: int) -> sparse.csr_matrix:
    """(V, V) matrix whose product with vertex values is the mean over each vertex' neighbours."""
    edges, _ = unique_edges(faces)
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    matrix = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    degree = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
    return sparse.diags(1 / degree) @ matrix


def smooth(values: np.ndarray, average: sparse.csr_matrix, iterations: int, strength: float = 0.5) -> np.ndarray:
    """Laplacian smoothing of per-vertex values."""
    for _ in range(iterations):
        values = (1 - strength) * values + strength * (average @ values)
    return values


def midpoint_matrix(faces: Int[np.ndarray, "F 3"], count: int) -> tuple[Int[np.ndarray, "G 3"], sparse.csr_matrix]:
    """Each face into four: new faces, and the matrix from old to new vertex values."""
    edges, of_face = unique_edges(faces)
    mid = count + of_face
    a, b, c = faces.T
    ab, bc, ca = mid.T
    new_faces = np.concatenate(
        [np.stack([a, ab, ca], 1), np.stack([b, bc, ab], 1), np.stack([c, ca, bc], 1), np.stack([ab, bc, ca], 1)]
    )
    rows = np.concatenate([np.arange(count), np.repeat(count + np.arange(len(edges)), 2)])
    columns = np.concatenate([np.arange(count), edges.ravel()])
    data = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5)])
    return new_faces, sparse.coo_matrix((data, (rows, columns)), shape=(count + len(edges), count)).tocsr()


@dataclass(frozen=True)
class Surface:
    """A triangle mesh with values per vertex, and where each vertex comes from.

    Attributes:
        faces: (F, 3) corner indices.
        position: (V, 3) metres.
        origin: (V, S) matrix whose rows blend the vertices of a source mesh; what is known of the source (skinning
            weights, pose blend shapes, rest position) is known of this surface through it.
        corner_uv: (F, 3, 2) texture coordinates, or None; lost by cuts.
        weights: (V, 24) skinning weights, or None if they are the source's.
    """

    faces: Int[np.ndarray, "F 3"]
    position: Float[np.ndarray, "V 3"]
    origin: sparse.csr_matrix
    corner_uv: Float[np.ndarray, "F 3 2"] | None = None
    weights: Float[np.ndarray, "V 24"] | None = None

    def at(self, position: Float[np.ndarray, "V 3"]) -> Surface:
        """The same surface with its vertices elsewhere."""
        return replace(self, position=position)

    def mapped(self, faces: Int[np.ndarray, "G 3"], matrix: sparse.csr_matrix) -> Surface:
        """Other faces on vertices that are blended by a (new, old) matrix."""
        weights = None if self.weights is None else matrix @ self.weights
        return Surface(faces, matrix @ self.position, (matrix @ self.origin).tocsr(), None, weights)

    def normals(self) -> Float[np.ndarray, "V 3"]:
        """Unit vertex normals."""
        return vertex_normals(self.position, self.faces)

    def border(self) -> np.ndarray:
        """(V,) bool: vertices on an open edge."""
        marked = np.zeros(len(self.position), bool)
        marked[boundary_edges(self.faces).ravel()] = True
        return marked

    def subdivided(self, times: int = 1) -> Surface:
        """Each face into 4**times, the new vertices rounded by one smoothing step away from borders."""
        surface = self
        for _ in range(times):
            surface = surface.mapped(*midpoint_matrix(surface.faces, len(surface.position)))
            count = len(surface.position)
            inner = sparse.diags((~surface.border()).astype(float))
            rounding = 0.5 * inner @ neighbour_average(surface.faces, count) + sparse.eye(count) - 0.5 * inner
            surface = surface.mapped(surface.faces, rounding.tocsr())
        return surface

    def selected(self, keep: np.ndarray) -> Surface:
        """Only the faces where `keep` (F,) is true, and the vertices they use."""
        used, inverse = np.unique(self.faces[keep], return_inverse=True)
        corner_uv = None if self.corner_uv is None else self.corner_uv[keep]
        weights = None if self.weights is None else self.weights[used]
        return Surface(inverse.reshape(-1, 3), self.position[used], self.origin[used], corner_uv, weights)

    def clipped(self, level: Float[np.ndarray, "V"]) -> Surface:
        """The part where `level` > 0, its faces cut along the zero line so that the border is smooth."""
        faces, matrix = clip_matrix(self.faces, level)
        return self.mapped(faces, matrix).selected(np.ones(len(faces), bool))

    def with_smooth_border(self, iterations: int = 30) -> Surface:
        """Borders evened out along themselves, so that a hem is a clean curve."""
        edges = boundary_edges(self.faces)
        ring, inverse = np.unique(edges, return_inverse=True)
        first, second = inverse.reshape(-1, 2).T
        pairs = sparse.coo_matrix((np.ones(len(edges)), (first, second)), shape=(len(ring), len(ring)))
        pairs = (pairs + pairs.T).tocsr()
        average = sparse.diags(1 / np.maximum(np.asarray(pairs.sum(1)).ravel(), 1)) @ pairs
        position = self.position.copy()
        position[ring] = smooth(position[ring], average, iterations)
        return self.at(position)

    def rimmed(self, thickness: float) -> Surface:
        """A strip folded inwards along every border, so that an edge of cloth has a thickness."""
        edges = boundary_edges(self.faces)
        if not len(edges):
            return self
        ring, inverse = np.unique(edges, return_inverse=True)
        start, end = (inverse.reshape(-1, 2) + len(self.position)).T
        normals = smooth(self.normals(), neighbour_average(self.faces, len(self.position)), 3)[ring]
        inner = self.position[ring] - thickness * normals
        strip = np.concatenate([np.stack([edges[:, 1], edges[:, 0], start], 1), np.stack([edges[:, 1], start, end], 1)])
        return Surface(
            np.concatenate([self.faces, strip]),
            np.concatenate([self.position, inner]),
            sparse.vstack([self.origin, self.origin[ring]]).tocsr(),
            weights=None if self.weights is None else np.concatenate([self.weights, self.weights[ring]]),
        )


def clip_matrix(
    faces: Int[np.ndarray, "F 3"], level: Float[np.ndarray, "V"]
) -> tuple[Int[np.ndarray, "G 3"], sparse.csr_matrix]:
    """Faces of the part with `level` > 0, and the matrix from old to old-and-cut vertices."""
    level = np.where(np.abs(level) < 1e-6, 1e-6, level)  # no cut runs exactly through a vertex
    inside = level[faces] > 0
    number = inside.sum(1)
    cut = np.flatnonzero((number == 1) | (number == 2))
    lone = np.where(number[cut] == 1, inside[cut].argmax(1), (~inside[cut]).argmax(1))
    corner = faces[cut[:, None], (lone[:, None] + np.arange(3)) % 3]  # the lone corner first, order kept
    pairs = np.sort(np.concatenate([corner[:, [0, 1]], corner[:, [0, 2]]]), 1)
    edges, inverse = np.unique(pairs, axis=0, return_inverse=True)
    first, second = level[edges[:, 0]], level[edges[:, 1]]
    fraction = first / (first - second)
    count = len(level)
    rows = np.concatenate([np.arange(count), np.repeat(count + np.arange(len(edges)), 2)])
    columns = np.concatenate([np.arange(count), edges.ravel()])
    data = np.concatenate([np.ones(count), np.stack([1 - fraction, fraction], 1).ravel()])
    matrix = sparse.coo_matrix((data, (rows, columns)), shape=(count + len(edges), count)).tocsr()
    new1, new2 = count + inverse.reshape(2, -1)
    single = number[cut] == 1
    kept = [
        faces[number == 3],
        np.stack([corner[:, 0], new1, new2], 1)[single],
        np.stack([new1, corner[:, 1], corner[:, 2]], 1)[~single],
        np.stack([new1, corner[:, 2], new2], 1)[~single],
    ]
    return np.concatenate(kept), matrix

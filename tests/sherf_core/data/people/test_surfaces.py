"""Micro textures, noise, light, drape and cuts."""

from __future__ import annotations

import numpy as np
import pytest

from sherf_core.data.people.drape import draped_radius
from sherf_core.data.people.light import Studio, gather_light
from sherf_core.data.people.microtexture import MicroTexture, grid_weights, spread
from sherf_core.data.people.noise import hash_cells, linear_rgb, smoothstep, value_noise


@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_micro_texture_reproduces_linear_colours_and_slopes(n: int):
    """Samples of an affine function are interpolated exactly, and its slope along the edges is constant."""
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    faces = np.array([[0, 1, 2], [3, 2, 1]])
    points = spread(vertices, faces, n)
    samples = len(grid_weights(n))
    height = 0.3 * points[:, 0] - 0.2 * points[:, 1]
    texture = MicroTexture(np.array([0, samples]), np.array([n, n]), points.copy(), height)
    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.ones(3), 200)
    face = generator.integers(0, 2, 200)
    colour, slope = texture.look_up(face, weights)
    expected = np.einsum("nk,nkc->nc", weights, vertices[faces[face]])
    np.testing.assert_allclose(colour, expected, atol=1e-12)
    np.testing.assert_allclose(slope[face == 0], np.tile([0.3, -0.2], ((face == 0).sum(), 1)), atol=1e-12)
    np.testing.assert_allclose(slope[face == 1], np.tile([-0.3, 0.2], ((face == 1).sum(), 1)), atol=1e-12)


def test_noise_is_repeatable_bounded_and_depends_on_the_seed():
    points = np.random.default_rng(1).uniform(-9, 9, (500, 3))
    first, again, other = value_noise(points, 2, 5), value_noise(points, 2, 5), value_noise(points, 2, 6)
    np.testing.assert_array_equal(first, again)
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.abs(first - other).mean() > 0.1


def reference_hash(cell: tuple[int, ...], seed: int) -> int:
    """The same mixing steps with Python's integers, modulo 2**32."""
    state = seed * 2654435761 + 97
    for coordinate, prime in zip(cell, (374761393, 668265263, 2147483647), strict=False):
        state += coordinate * prime
    state &= 0xFFFFFFFF
    state = (state ^ (state >> 13)) * 1274126177 & 0xFFFFFFFF
    state = (state ^ (state >> 15)) * 2246822519 & 0xFFFFFFFF
    return (state ^ (state >> 16)) & 0xFFFF


def test_hashes_are_those_of_every_machine():
    cells = [(0, 0, 0), (1, 2, 3), (-4, 5, -6), (70000, -1, 2**20)]
    expected = [reference_hash(cell, 7) for cell in cells]
    assert np.round(hash_cells(np.array(cells), 7) * 65535).astype(int).tolist() == expected


def test_noise_at_lattice_points_is_the_hash():
    cells = np.array([[2, -3], [0, 5]])
    np.testing.assert_allclose(value_noise(cells.astype(float), 1, 4), hash_cells(cells, 4), atol=1e-6)


def test_smoothstep_runs_both_ways():
    assert smoothstep(np.array([0.0, 0.5, 1.0]), 0, 1).tolist() == [0, 0.5, 1]
    assert smoothstep(np.array([0.0, 0.5, 1.0]), 1, 0).tolist() == [1, 0.5, 0]


def test_white_is_white():
    np.testing.assert_allclose(linear_rgb("ffffff"), 1)


def quad(height: float, half: float) -> tuple[np.ndarray, np.ndarray]:
    corner = np.array([[-half, height, -half], [half, height, -half], [half, height, half], [-half, height, half]])
    return corner, np.array([[0, 2, 1], [0, 3, 2]])


def test_a_plane_under_an_even_sky_receives_pi_times_its_radiance_over_pi():
    """Irradiance is in units where a white plane under a sky of radiance 1 everywhere is as bright as the sky."""
    vertices, faces = quad(0.0, 1.0)
    normals = np.tile([0.0, 1, 0], (4, 1))
    sky = Studio(sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0), directions=2000)
    light = gather_light(vertices, normals, faces, sky, np.zeros(4))
    np.testing.assert_allclose(light.colour, 1, atol=0.02)
    np.testing.assert_allclose(light.direction[:, [0, 2]], 0, atol=0.02)


def test_a_roof_shades_what_lies_under_it():
    ground, faces = quad(0.0, 0.2)
    roof, roof_faces = quad(0.3, 2.0)
    vertices, all_faces = np.concatenate([ground, roof]), np.concatenate([faces, roof_faces + 4])
    normals = np.tile([0.0, 1, 0], (8, 1))
    sky = Studio(sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0), directions=200)
    light = gather_light(vertices, normals, all_faces, sky, np.zeros(8)).colour.mean(1)
    assert light[:4].max() < 0.35
    assert light[4:].min() > 0.9


def test_cloth_hangs_straight_from_the_widest_place():
    """A tube that narrows downwards: cloth with taper 0 keeps the upper radius, with a large taper follows it."""
    angle, along = (grid.ravel() for grid in np.meshgrid(np.linspace(-np.pi, np.pi, 72), np.linspace(0, 0.6, 60)))
    radius = 0.2 - 0.1 * along / 0.6
    straight = draped_radius(angle, along, radius, ease=0.01, taper=0.0)
    tight = draped_radius(angle, along, radius, ease=0.01, taper=5.0)
    low = along > 0.5
    np.testing.assert_allclose(straight[low], 0.21, atol=0.004)
    np.testing.assert_allclose(tight[low], radius[low] + 0.01, atol=0.004)

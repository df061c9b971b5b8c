"""SHERF: one image of a person -> a radiance field in a canonical pose -> the person in any pose from any camera.

encode   image -> tri-plane, feature map, sparse volume          (resnet, triplane, pixels, volume)
render   ray samples -> canonical points -> features -> field -> pixels   (deform, fusion, field, render)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sherf_core.body.model import BodyModel
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.model.deform import VertexMaps, canonical_box, canonical_vertices, to_canonical, to_posed
from sherf_core.model.field import RadianceField
from sherf_core.model.fusion import FeatureFusion, PointFeatures, linear
from sherf_core.model.inputs import Bodies, Observation, RayBundle
from sherf_core.model.normalization import Statistics, set_statistics
from sherf_core.model.pixels import pixel_features, project
from sherf_core.model.resnet import GlobalEncoder, PixelEncoder
from sherf_core.model.triplane import TriPlaneGenerator, sample_planes
from sherf_core.model.visibility import faces_camera, last_faces, vertex_normals
from sherf_core.model.volume import BodyVolume
from sherf_core.render.compositing import EMPTY_SIGMA, composite
from sherf_core.render.sampling import sample_depths

SHELL_RADIUS = 0.05
# Finding out that a sample is far from the body takes this much less memory than making a near one's features.
SAMPLES_PER_POINT = 16
HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class SherfConfig:
    """How the model computes; none of it is learned.

    Attributes:
        statistics: BatchNorm statistics: of each sample on its own ("sample", the published evaluation) or "running".
        samples_per_ray: samples along a ray, both ends included.
        points_per_chunk: points near the body whose features are made at once, which bounds memory outside of training.
        density_noise: standard deviation of the noise on sigma in training mode.
        nearest: "grid" searches near the body only; "brute" compares all pairs (the reference).
        precision: of the networks; geometry and compositing are in float32 whatever it is.
        gradient_checkpointing: keep nothing of a chunk's features for the backward pass, and compute them again there.
    """

    statistics: Statistics = "sample"
    samples_per_ray: int = 48
    points_per_chunk: int = 1 << 15
    density_noise: float = 1.0
    nearest: Literal["grid", "brute"] = "grid"
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class EncodedPerson:
    """What `encode` makes of B observations; render it as often as you like.

    Attributes:
        z: global features.
        planes: the tri-plane.
        feature_map: pixel-aligned features at half the image's resolution.
        levels: the sparse volume's three levels, one row per active voxel.
        to_observation: canonical space -> the observation's posed SMPL space, per vertex.
    """

    observation: Observation
    z: Float[Tensor, "B 512"]
    planes: Float[Tensor, "B 3 32 256 256"]
    feature_map: Float[Tensor, "B 64 h w"]
    levels: list[Float[Tensor, "B _ _"]]
    to_observation: VertexMaps


@dataclass(frozen=True)
class Rendering:
    """Composited rays on black: rgb in about 0..1, depth in multiples of the ray's direction, alpha = Σ w."""

    rgb: Float[Tensor, "B M 3"]
    depth: Float[Tensor, "B M"]
    alpha: Float[Tensor, "B M"]


class Sherf(nn.Module):
    """The whole model. Parameter names are those of the published checkpoints.

    Args:
        body_model: the body whose vertices carry features and skinning.
        config: how to compute.
    """

    box: Tensor
    last_faces: Tensor
    canonical: Tensor

    def __init__(self, body_model: BodyModel, config: SherfConfig | None = None) -> None:
        super().__init__()
        self.config = config or SherfConfig()
        self.body_model = body_model
        self.encoder_2d = GlobalEncoder()
        self.encoder_2d_feature = PixelEncoder()
        self.conv1d_projection = nn.Conv1d(96, 32, 1)
        self.backbone = TriPlaneGenerator()
        self.renderer = FeatureFusion()
        self.decoder = RadianceField()

        canonical = canonical_vertices(body_model)
        self.volume = BodyVolume(canonical.numpy())
        self.register_buffer("canonical", canonical, persistent=False)
        self.register_buffer("box", canonical_box(canonical), persistent=False)
        self.register_buffer("last_faces", last_faces(body_model.faces, body_model.vertex_count), persistent=False)
        self._canonical_search: VertexSearch | None = None
        set_statistics(self, self.config.statistics)

    def forward(
        self, observation: Observation, bodies: Bodies, rays: RayBundle, noise_seeds: Sequence[int] | None = None
    ) -> Rendering:
        """Render `bodies` along `rays`, each with the appearance of its own observation."""
        return self.render(self.encode(observation), bodies, rays, noise_seeds)

    # Encoding ---------------------------------------------------------------------------------------------------

    def encode(self, observation: Observation) -> EncodedPerson:
        return self.encode_local(observation, *self.encode_global(observation.image))

    def encode_global(self, image: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, Tensor]:
        """The half of `encode` that the whole picture decides: z (B, 512) and the planes (B, 3, 32, 256, 256)."""
        with self._networks():
            z = self.encoder_2d(image)
            planes = self.backbone(z)
        return z.float(), planes.float()

    def encode_local(
        self, observation: Observation, z: Float[Tensor, "B 512"], planes: Float[Tensor, "B 3 32 256 256"]
    ) -> EncodedPerson:
        """The other half: features of pixels and of the body's vertices."""
        with self._networks():
            feature_map = self.encoder_2d_feature(observation.image)
        on_vertices = self.vertex_features(observation, feature_map.float())
        with self._networks():
            levels = self.renderer.encoder_3d(on_vertices, self.volume)
        to_observation = to_posed(self.body_model, observation.body)
        return EncodedPerson(observation, z, planes, feature_map.float(), levels, to_observation)

    def vertex_features(
        self, observation: Observation, feature_map: Float[Tensor, "B 64 h w"]
    ) -> Float[Tensor, "B V 32"]:
        """Features of the observation's vertices, exactly 0 where the vertex faces away."""
        vertices = observation.body.vertices(self.body_model)
        visible = self.visible_vertices(observation, vertices)
        features = []
        for sample, image in enumerate(observation.image):
            uv = project(vertices[sample], observation.K[sample], observation.R[sample], observation.T[sample])
            features.append(pixel_features(feature_map[sample], image, uv, self.renderer.rgb_enc))
        return linear(self.conv1d_projection, torch.stack(features)) * visible[..., None]

    def visible_vertices(self, observation: Observation, vertices: Float[Tensor, "B V 3"]) -> Tensor:
        normals = vertex_normals(vertices, self.body_model.faces, self.last_faces)
        return faces_camera(normals, vertices, observation.R, observation.T)

    # Rendering --------------------------------------------------------------------------------------------------

    def render(
        self, person: EncodedPerson, bodies: Bodies, rays: RayBundle, noise_seeds: Sequence[int] | None = None
    ) -> Rendering:
        """Render each sample as if it were alone.

        Args:
            person: the encoded observations.
            bodies: the bodies to render.
            rays: of each body.
            noise_seeds: of each sample's noise on the density in training mode; without them it follows torch's own.
        """
        maps = to_canonical(self.body_model, bodies)
        vertices = self.body_model.vertices(bodies.poses, bodies.shapes)
        samples = []
        for sample in range(len(bodies.poses)):
            search = VertexSearch(vertices[sample], radius=SHELL_RADIUS, method=self.config.nearest)
            generator = None if noise_seeds is None else self._generator(noise_seeds[sample])
            samples.append(self._render_sample(person, bodies, rays, sample, maps, search, generator))
        rgb, depth, alpha = (torch.stack(parts) for parts in zip(*samples, strict=True))
        return Rendering(rgb, depth, alpha)

    def _render_sample(
        self,
        person: EncodedPerson,
        bodies: Bodies,
        rays: RayBundle,
        sample: int,
        maps: VertexMaps,
        search: VertexSearch,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        near, far = rays.near[sample], rays.far[sample]
        hit = rays.hit[sample].nonzero().squeeze(1)
        noise = self._density_noise(len(hit), near, generator)
        rays_per_chunk = max(1, SAMPLES_PER_POINT * self.config.points_per_chunk // self.config.samples_per_ray)
        parts = []
        for chunk, chunk_noise in zip(hit.split(rays_per_chunk), noise.split(rays_per_chunk), strict=True):
            origins, directions = rays.origins[sample, chunk], rays.directions[sample, chunk]
            depths = sample_depths(near[chunk], far[chunk], self.config.samples_per_ray)
            kept, canonical, view = self.locate(bodies, sample, origins, directions, depths, maps, search)
            pieces = zip(*(x.split(self.config.points_per_chunk) for x in (canonical, view)), strict=True)
            fields = [self._field_of_piece(person, sample, *piece) for piece in pieces]
            sigma_kept, colour_kept = (torch.cat(column) for column in zip(*fields, strict=True))
            if chunk_noise.shape[1]:
                sigma_kept = sigma_kept + chunk_noise.flatten()[kept]
            sigma = torch.full_like(depths, EMPTY_SIGMA).flatten().index_put((kept,), sigma_kept).view_as(depths)
            colour = depths.new_zeros(depths.numel(), 3).index_put((kept,), colour_kept).unflatten(0, depths.shape)
            parts.append(composite(sigma, colour, depths, directions))
        rgb, depth, alpha = near.new_zeros(len(near), 3), torch.full_like(near, torch.inf), torch.zeros_like(near)
        if parts:
            on_rays = [torch.cat(values) for values in zip(*parts, strict=True)]
            rgb, depth, alpha = (
                whole.index_put((hit,), part) for whole, part in zip((rgb, depth, alpha), on_rays, strict=True)
            )
        return rgb, depth.clamp(min=near.min(), max=far.max()), alpha

    def locate(
        self,
        bodies: Bodies,
        sample: int,
        origins: Float[Tensor, "M 3"],
        directions: Float[Tensor, "M 3"],
        depths: Float[Tensor, "M S"],
        maps: VertexMaps,
        search: VertexSearch,
    ) -> tuple[Int64[Tensor, "P"], Float[Tensor, "P 3"], Float[Tensor, "P 3"]]:
        """Ray samples within 5 cm of the body: (their places in the flattened M x S, canonical points, directions)."""
        points = origins[:, None] + directions[:, None] * depths[..., None]
        posed = (points.flatten(0, 1) - bodies.Th[sample]) @ bodies.R[sample]
        kept, vertex = search.within(posed)
        canonical = maps.points(sample, vertex, posed[kept])
        view = maps.directions(sample, vertex, (directions @ bodies.R[sample])[kept // depths.shape[1]])
        return kept, canonical, view

    def field(
        self,
        person: EncodedPerson,
        sample: int,
        points: Float[Tensor, "P 3"],
        directions: Float[Tensor, "P 3"],
        nearest: Int64[Tensor, "P"] | None = None,
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """Density (before its ReLU, without noise) and colour of canonical points."""
        tokens = self.features(person, sample, points, nearest).tokens()
        position, view = self.renderer.pos_enc(points), self.renderer.view_enc(directions)
        with self._networks():
            sigma, colour = self.decoder(position, view, self.renderer(tokens))
        return sigma.float(), colour.float()

    def _field_of_piece(
        self, person: EncodedPerson, sample: int, points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"]
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        if not (self.config.gradient_checkpointing and torch.is_grad_enabled()):
            return self.field(person, sample, points, directions)
        # The search has no gradient: it need not be done again.
        nearest, _ = self._search_canonical().nearest(points)
        fields: tuple[Tensor, Tensor] = checkpoint(
            self.field, person, sample, points, directions, nearest, use_reentrant=False, preserve_rng_state=False
        )
        return fields

    def _density_noise(
        self, rays: int, like: Float[Tensor, "M"], generator: torch.Generator | None
    ) -> Float[Tensor, "{rays} _"]:
        """Noise of every sample of every ray, or none: all at once, so that it does not depend on the chunks."""
        if not (self.training and self.config.density_noise > 0):
            return like.new_zeros(rays, 0)
        noise = torch.randn(
            rays, self.config.samples_per_ray, dtype=like.dtype, device=like.device, generator=generator
        )
        return noise * self.config.density_noise

    def _generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.box.device).manual_seed(seed)

    def features(
        self,
        person: EncodedPerson,
        sample: int,
        points: Float[Tensor, "P 3"],
        nearest: Int64[Tensor, "P"] | None = None,
    ) -> PointFeatures:
        """Global, pixel-aligned and point-level features of canonical points (specification, section 5).

        `nearest` is each point's canonical vertex, searched for where it is not given.
        """
        observation = person.observation
        nearest = self._search_canonical().nearest(points)[0] if nearest is None else nearest
        posed = person.to_observation.points(sample, nearest, points)
        world = posed @ observation.body.R[sample].T + observation.body.Th[sample]
        uv = project(world, observation.K[sample], observation.R[sample], observation.T[sample])
        sampled = self.volume.sample([level[sample] for level in person.levels], points)
        with self._networks():
            from_volume = linear(self.renderer.conv1d_projection, sampled).float()
        return PointFeatures(
            planes=sample_planes(person.planes[sample], points, self.box),
            pixels=pixel_features(person.feature_map[sample], observation.image[sample], uv, self.renderer.rgb_enc),
            volume=from_volume,
            world=world,
            uv=uv,
        )

    def _search_canonical(self) -> VertexSearch:
        """The canonical vertices never move; their search structure is built once a device."""
        search = self._canonical_search
        if search is None or search.vertices.device != self.canonical.device:
            search = VertexSearch(self.canonical, radius=SHELL_RADIUS, method=self.config.nearest)
            self._canonical_search = search
        return search

    def _networks(self) -> AbstractContextManager[object]:
        """Lets what is learned compute in the chosen precision."""
        kind = HALF.get(self.config.precision)
        return nullcontext() if kind is None else torch.autocast(self.box.device.type, kind)

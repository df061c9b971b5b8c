"""The radiance field of one encoded person: canonical points and directions -> density and colour."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sherf_core.model.fusion import PointFeatures, linear
from sherf_core.model.pixels import map_rows, pixel_features, project
from sherf_core.model.tables import FeatureTables, Places, feature_tables
from sherf_core.model.triplane import plane_rows, sample_planes

if TYPE_CHECKING:
    from sherf_core.model.sherf import EncodedPerson, Sherf

SMALLEST_CHUNK = 1 << 12


class PersonField:
    """Density and colour at canonical points, for one of the people of an encoded batch.

    Args:
        model: whose layers and constants are used, as its configuration says.
        person: the encoded observations.
        sample: which of them.
        kernels: whether Triton kernels take the place of the merged features' plain path. They have no gradients.
        token_kernels: whether those do that find nearest vertices and make tokens, whose tables get gradients.
    """

    def __init__(
        self, model: Sherf, person: EncodedPerson, sample: int, *, kernels: bool = False, token_kernels: bool = False
    ) -> None:
        self.model, self.kernels, self.token_kernels = model, kernels, kernels or token_kernels
        observation = person.observation
        self.image, self.feature_map, self.planes = (
            values[sample] for values in (observation.image, person.feature_map, person.planes)
        )
        self.levels = [level[sample] for level in person.levels]
        self.K, self.R, self.T = (values[sample] for values in (observation.K, observation.R, observation.T))
        self.body_R, self.body_Th = observation.body.R[sample], observation.body.Th[sample]
        self._to_observation, self._sample = person.to_observation, sample
        self._tables = self._merged(person.tables) if self.token_kernels or model.config.features == "merged" else None

    def in_chunks(
        self, points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None = None
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """The field of any number of points, `points_per_chunk` at most at once.

        Where a GPU's memory does not suffice, chunks are halved from then on; outside of training, whose steps begin
        again as a whole. The result is the same.
        """
        while True:
            size = self.model.config.points_per_chunk
            try:
                return self._chunks_of(size, points, directions, vertex)
            except torch.cuda.OutOfMemoryError:
                if torch.is_grad_enabled() or size <= SMALLEST_CHUNK:
                    raise
            # The error is gone here, and with it what it held of the chunk.
            self.model.config = replace(self.model.config, points_per_chunk=size // 2)
            torch.cuda.empty_cache()

    def _chunks_of(
        self,
        size: int,
        points: Float[Tensor, "P 3"],
        directions: Float[Tensor, "P 3"],
        vertex: Int64[Tensor, "P"] | None,
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        # Chunks of one size, within one: none is so small that a product of matrices would round in another way.
        count = max(1, -(-len(points) // size))
        vertices = [None] * count if vertex is None else vertex.tensor_split(count)
        chunks = zip(points.tensor_split(count), directions.tensor_split(count), vertices, strict=True)
        sigma, colour = zip(*[self._chunk(*chunk) for chunk in chunks], strict=True)
        return torch.cat(sigma), torch.cat(colour)

    def __call__(
        self, points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None = None
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """Density (before its ReLU, without noise) and colour.

        Args:
            points: in canonical space.
            directions: from which they are looked at, in canonical space.
            vertex: each point's canonical vertex, searched for where it is not given.
        """
        layers, decoder = self.model.renderer, self.model.decoder
        tokens = self.tokens(points, vertex)
        packed = self.model.packed() if self.kernels else None
        if packed is not None:
            from sherf_core.kernels import field

            return field.evaluate(packed, tokens, points, directions)
        with self.model.networks():
            if tokens.requires_grad:
                # A third of what a point would keep for the gradient is the transformer's, for a tenth of the work.
                fused = checkpoint(
                    layers.transformer, tokens, 2, self.token_kernels, use_reentrant=False, preserve_rng_state=False
                )
            else:
                fused = layers.transformer(tokens, kept=2, kernels=self.token_kernels)
            sigma, colour = decoder(layers.pos_enc(points), layers.view_enc(directions), fused)
        return sigma.float(), colour.float()

    def tokens(self, points: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None = None) -> Float[Tensor, "P 3 32"]:
        """What the transformer fuses: each point's features in three tokens."""
        layers = self.model.renderer
        if self._tables is None:
            with self.model.networks():
                return layers.merge(self.features(points, vertex).tokens())
        image, pixels = ((values.shape[1], values.shape[2]) for values in (self.image, self.feature_map))
        maps = self._to_observation.rows[self._sample]
        if self.token_kernels and not self._places_have_gradients(points, maps):
            from sherf_core.kernels import tokens

            projection = tokens.Projection(maps, self.body_R, self.body_Th, self.R, self.T, self.K, image)
            vertex = self._nearest(points) if vertex is None else vertex
            return tokens.tokens(
                self._tables, self.model.volume, projection, self.model.box, pixels, layers.rgb_enc, points, vertex
            )
        _, uv = self.in_observation(points, vertex)
        places = Places(
            planes=plane_rows(points, self.model.box, self.planes.shape[-1]),
            pixels=map_rows(uv, pixels, image),
            image=map_rows(uv, image, image),
            volume=self.model.volume.rows(points),
        )
        return self._tables.tokens(places, layers.rgb_enc)

    def features(self, points: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None = None) -> PointFeatures:
        """Global, pixel-aligned and point-level features of canonical points (specification, section 5)."""
        layers = self.model.renderer
        world, uv = self.in_observation(points, vertex)
        sampled = self.model.volume.sample(self.levels, points)
        with self.model.networks():
            from_volume = linear(layers.conv1d_projection, sampled).float()
        return PointFeatures(
            planes=sample_planes(self.planes, points, self.model.box),
            pixels=pixel_features(self.feature_map, self.image, uv, layers.rgb_enc),
            volume=from_volume,
            world=world,
            uv=uv,
        )

    def in_observation(
        self, points: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None = None
    ) -> tuple[Float[Tensor, "P 3"], Float[Tensor, "P 2"]]:
        """Where canonical points are in the observation: in the world, and in pixels."""
        vertex = self._nearest(points) if vertex is None else vertex
        posed = self._to_observation.points(self._sample, vertex, points)
        world = posed @ self.body_R.T + self.body_Th
        return world, project(world, self.K, self.R, self.T)

    def _chunk(
        self, points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"], vertex: Int64[Tensor, "P"] | None
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        if not (self.model.config.gradient_checkpointing and torch.is_grad_enabled()):
            return self(points, directions, vertex)
        # The search has no gradient: it need not be done again.
        vertex = self._nearest(points) if vertex is None else vertex
        found: tuple[Tensor, Tensor] = checkpoint(
            self, points, directions, vertex, use_reentrant=False, preserve_rng_state=False
        )
        return found

    def _nearest(self, points: Float[Tensor, "P 3"]) -> Int64[Tensor, "P"]:
        if self.token_kernels:
            from sherf_core.kernels import locate

            return locate.nearest(self.model.canonical_cells(), points)
        return self.model.canonical_search().nearest(points)[0]

    def _places_have_gradients(self, points: Tensor, maps: Tensor) -> bool:
        """Whether somebody wants gradients of what the kernel takes for constant: points, poses, camera, picture."""
        fixed = (points, maps, self.image, self.K, self.R, self.T, self.body_R, self.body_Th)
        return torch.is_grad_enabled() and any(one.requires_grad for one in fixed)

    def _merged(self, kept: dict[int, FeatureTables]) -> FeatureTables:
        """The person's tables, which stay with it where they need no gradients."""
        if self._sample in kept and not torch.is_grad_enabled():
            return kept[self._sample]
        layers = self.model.renderer
        tables = feature_tables(
            layers.conv1d_reprojection, layers.conv1d_projection, self.planes, self.feature_map, self.image, self.levels
        )
        if not torch.is_grad_enabled():
            kept[self._sample] = tables
        return tables

"""SHERF: one image of a person -> a radiance field in a canonical pose -> the person in any pose from any camera.

encode   image -> tri-plane, feature map, sparse volume          (resnet, triplane, pixels, volume)
render   ray samples -> canonical points -> features -> field -> pixels   (march, deform, person_field, fusion, field)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sherf_core.body.model import BodyModel
from sherf_core.data.records import Camera
from sherf_core.geometry.nearest import Method as SearchMethod
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.kernels import KernelError, why_not
from sherf_core.kernels.cells import DeviceCells
from sherf_core.model.deform import Skinning, VertexMaps, canonical_box, canonical_vertices
from sherf_core.model.field import RadianceField
from sherf_core.model.fusion import FeatureFusion, linear
from sherf_core.model.graphs import EncodeGraphs
from sherf_core.model.inputs import Bodies, Observation, RayBundle, rays_of
from sherf_core.model.kernel_march import KernelMarch
from sherf_core.model.march import SHELL_RADIUS, NearSamples, composite_near, locate
from sherf_core.model.normalization import Statistics, set_statistics
from sherf_core.model.person_field import PersonField
from sherf_core.model.pixels import pixel_features, project
from sherf_core.model.resnet import GlobalEncoder, PixelEncoder
from sherf_core.model.tables import FeatureTables
from sherf_core.model.triplane import TriPlaneGenerator
from sherf_core.model.visibility import faces_camera, last_faces, vertex_normals
from sherf_core.model.volume import BodyVolume
from sherf_core.precision import Precision
from sherf_core.render.sampling import ray_steps

if TYPE_CHECKING:
    from sherf_core.kernels.field import FieldPrecision, Packed

# Points within 5 cm of a posed vertex came out 7.2 cm from a canonical one at most; farther ones take longer to find.
CANONICAL_RADIUS = 0.08
# Small cells have short lists; many of them take time to build, which is spent once.
CANONICAL_CELL = 0.01
# Products of three TF32 numbers are as accurate as float32's, on tensor cores.
KERNEL_PRECISION: dict[str, FieldPrecision] = {
    "float32": "tf32x3",
    "tf32": "tf32",
    "float16": "float16",
    "bfloat16": "bfloat16",
}
HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class SherfConfig:
    """How the model computes; none of it is learned.

    Attributes:
        statistics: BatchNorm statistics: of each sample on its own ("sample", the published evaluation) or "running".
        samples_per_ray: samples along a ray, both ends included.
        points_per_chunk: points near the body whose features are made at once, which bounds memory outside of training.
        density_noise: standard deviation of the noise on sigma in training mode.
        nearest: how vertices are searched: "auto" takes what is fastest on the device (see `VertexSearch`), "brute"
            compares all pairs (the reference).
        features: "merged" leads the feature maps through the layers behind them before points are looked up (see
            `tables`); "plain" does so with each point's features (the reference).
        precision: of the networks; geometry and compositing are in float32 whatever it is. TF32 is torch's to switch on
            (`torch.backends.cuda.matmul.allow_tf32`), and the kernels' to be told.
        kernels: "auto" renders with Triton kernels where they run; where gradients are wanted, only the look-ups of
            merged features (tokens, and their nearest vertices) have some; "off" never does.
        cuda_graphs: replay the encoding on GPUs, in place of launching it piece by piece.
        gradient_checkpointing: keep nothing of a chunk's features for the backward pass, and compute them again there.
    """

    statistics: Statistics = "sample"
    samples_per_ray: int = 48
    points_per_chunk: int = 1 << 15
    density_noise: float = 1.0
    nearest: SearchMethod = "auto"
    features: Literal["merged", "plain"] = "merged"
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    kernels: Literal["auto", "off"] = "auto"
    cuda_graphs: bool = True


@dataclass(frozen=True)
class EncodedPerson:
    """What `encode` makes of B observations; render it as often as you like.

    Attributes:
        z: global features.
        planes: the tri-plane.
        feature_map: pixel-aligned features at half the image's resolution.
        levels: the sparse volume's three levels, one row per active voxel.
        to_observation: canonical space -> the observation's posed SMPL space, per vertex.
        tables: of each sample, once it has been rendered without gradients.
    """

    observation: Observation
    z: Float[Tensor, "B 512"]
    planes: Float[Tensor, "B 3 32 256 256"]
    feature_map: Float[Tensor, "B 64 h w"]
    levels: list[Float[Tensor, "B _ _"]]
    to_observation: VertexMaps
    tables: dict[int, FeatureTables] = field(default_factory=dict, compare=False, repr=False)


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

    big_linear: Tensor
    big_translation: Tensor
    big_offsets: Tensor
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
        for name, value in vars(Skinning.canonical(body_model)).items():
            self.register_buffer(f"big_{name}", value, persistent=False)
        self.register_buffer("last_faces", last_faces(body_model.faces, body_model.vertex_count), persistent=False)
        # Why kernels, or the field's alone, could not be used: "" where nothing is known against them.
        self.plain_because = self.modules_because = ""
        self._failed_kernels: dict[torch.device, str] = {}
        self._graphs = EncodeGraphs(self)
        self._march = KernelMarch(self)
        self._canonical_search: tuple[object, VertexSearch] | None = None
        self._canonical_cells: tuple[torch.device, DeviceCells] | None = None
        self._packed: tuple[object, Packed | None] | None = None
        set_statistics(self, self.config.statistics)

    @property
    def big(self) -> Skinning:
        """The skinning of the canonical pose."""
        return Skinning(self.big_linear, self.big_translation, self.big_offsets)

    def forward(
        self, observation: Observation, bodies: Bodies, rays: RayBundle, noise_seeds: Sequence[int] | None = None
    ) -> Rendering:
        """Render `bodies` along `rays`, each with the appearance of its own observation."""
        return self.render(self.encode(observation), bodies, rays, noise_seeds)

    # Encoding ---------------------------------------------------------------------------------------------------

    def encode(self, observation: Observation) -> EncodedPerson:
        """Everything that the observations tell; render them as often as you like.

        In training on a GPU the next call reuses the memory: take the gradients first (see `SherfConfig.cuda_graphs`).
        """
        return self._graphs(observation)

    def encode_plainly(self, observation: Observation) -> EncodedPerson:
        """`encode` piece by piece, without a CUDA graph."""
        return self.encode_local(observation, *self.encode_global(observation.image))

    @property
    def ungraphed_because(self) -> str:
        """Why encoding, or posing, could not be recorded as a CUDA graph; "" where nothing is known against it."""
        return self._graphs.failure or self._march.failure

    def encode_global(self, image: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, Tensor]:
        """The half of `encode` that the whole picture decides: z (B, 512) and the planes (B, 3, 32, 256, 256)."""
        with self.networks():
            z = self.encoder_2d(image)
            planes = self.backbone(z)
        return z.float(), planes.float()

    def encode_local(
        self, observation: Observation, z: Float[Tensor, "B 512"], planes: Float[Tensor, "B 3 32 256 256"]
    ) -> EncodedPerson:
        """The other half: features of pixels and of the body's vertices."""
        with self.networks():
            feature_map = self.encoder_2d_feature(observation.image)
        on_vertices = self.vertex_features(observation, feature_map.float())
        with self.networks():
            levels = self.renderer.encoder_3d(on_vertices, self.volume)
        to_observation = self.big.to(Skinning.of(self.body_model, observation.body))
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

    def rays(self, cameras: Sequence[Camera], bodies: Bodies, height: int, width: int) -> RayBundle:
        """Rays through every pixel of each camera, cut to the padded box of its posed body."""
        if self._takes_kernels():
            from sherf_core.kernels.rays import rays_through

            try:
                return rays_through(cameras, self._march.boxes(bodies), height, width)
            except KernelError as error:
                self._do_without(error)
        return rays_of(cameras, bodies, self.body_model, height, width)

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
        if self._takes_kernels():
            try:
                return _stacked(self._march.pictures(person, bodies, rays))
            except KernelError as error:
                self._do_without(error)
        if self._takes_token_kernels():
            try:
                return self._render(person, bodies, rays, noise_seeds, token_kernels=True)
            except KernelError as error:
                self._do_without(error)
        return self._render(person, bodies, rays, noise_seeds, token_kernels=False)

    def _render(
        self,
        person: EncodedPerson,
        bodies: Bodies,
        rays: RayBundle,
        noise_seeds: Sequence[int] | None,
        *,
        token_kernels: bool,
    ) -> Rendering:
        steps = ray_steps(self.config.samples_per_ray, rays.near)
        # The kernels that locate have no gradients.
        fixed = not any(one.requires_grad for one in (*vars(bodies).values(), *vars(rays).values()))
        march = self._march if token_kernels and fixed else self
        found = march.located(bodies, rays, steps)
        pictures = []
        for sample, near in enumerate(found):
            field = PersonField(self, person, sample, token_kernels=token_kernels)
            sigma, colour = field.in_chunks(near.points, near.directions, near.vertex)
            noise = self._density_noise(near, steps, None if noise_seeds is None else noise_seeds[sample])
            pictures.append(composite_near(rays, sample, steps, near, sigma + noise, colour))
        return _stacked(pictures)

    def located(self, bodies: Bodies, rays: RayBundle, steps: Float[Tensor, "S"]) -> Iterator[NearSamples]:
        """Each body's samples within 5 cm."""
        skinning = Skinning.of(self.body_model, bodies)
        maps = skinning.to(self.big)
        for sample, vertices in enumerate(skinning.vertices(self.body_model)):
            search = VertexSearch(vertices, radius=SHELL_RADIUS, method=self.config.nearest)
            yield locate(rays, bodies, sample, steps, search, maps)

    def field_of(self, person: EncodedPerson, sample: int) -> PersonField:
        """The radiance field of one of the encoded people."""
        return PersonField(self, person, sample)

    def canonical_search(self) -> VertexSearch:
        """The canonical vertices never move; their search structure is built once a device."""
        state = self.canonical.device, self.config.nearest
        if self._canonical_search is None or self._canonical_search[0] != state:
            self._canonical_search = (
                state,
                VertexSearch(self.canonical, radius=CANONICAL_RADIUS, cell=CANONICAL_CELL, method=self.config.nearest),
            )
        return self._canonical_search[1]

    def canonical_cells(self) -> DeviceCells:
        """The same as kernels read it."""
        if self._canonical_cells is None or self._canonical_cells[0] != self.canonical.device:
            search = VertexSearch(self.canonical, radius=CANONICAL_RADIUS, cell=CANONICAL_CELL, method="cells")
            assert search.lists is not None
            self._canonical_cells = self.canonical.device, DeviceCells.of(search.lists, CANONICAL_RADIUS)
        return self._canonical_cells[1]

    def packed(self) -> Packed | None:
        """The weights of the field's kernel, packed anew when one of them has changed; None where it does not run.

        `modules_because` says why not; the modules then do its work between the other kernels.
        """
        from sherf_core.kernels.field import pack

        layers = self.renderer.transformer, self.decoder
        parameters = [parameter for layer in layers for parameter in layer.parameters()]
        # What was made in inference mode does not count its changes: such weights are packed each time.
        versions = [object() if one.is_inference() else (one.data_ptr(), one._version) for one in parameters]
        state = (self.config.precision, *versions)
        if self._packed is None or self._packed[0] != state:
            try:
                self._packed = state, pack(*layers, KERNEL_PRECISION[self.config.precision])
            except KernelError as error:
                self._packed = state, None
                self.modules_because = str(error)
        return self._packed[1]

    def _takes_kernels(self) -> bool:
        """Whether Triton kernels may render; `plain_because` says why not."""
        # The kernels draw no noise.
        noise = self.training and self.config.density_noise > 0
        return not (torch.is_grad_enabled() or noise) and self._kernels_run()

    def _takes_token_kernels(self) -> bool:
        """Whether those with gradients may take part where gradients are wanted; `plain_because` says why not.

        Their sums have no fixed order: not for who asked torch for reproducible ones.
        """
        return torch.is_grad_enabled() and not torch.are_deterministic_algorithms_enabled() and self._kernels_run()

    def _kernels_run(self) -> bool:
        if self.config.kernels == "off" or self.config.features == "plain":
            return False
        device, nearest = self.box.device, self.config.nearest
        self.plain_because = self._failed_kernels.get(device) or why_not(device)
        lists = nearest == "cells" or (nearest == "auto" and device.type != "cpu")
        return lists and not self.plain_because

    def _do_without(self, error: KernelError) -> None:
        """No kernels from now on, on this device."""
        self.plain_because = self._failed_kernels[self.box.device] = str(error)

    def networks(self) -> AbstractContextManager[object]:
        """Lets what is learned compute in the chosen precision."""
        kind = HALF.get(self.config.precision)
        return nullcontext() if kind is None else torch.autocast(self.box.device.type, kind)

    def _density_noise(self, near: NearSamples, steps: Float[Tensor, "S"], seed: int | None) -> Float[Tensor, "#P"]:
        """Noise of the samples near the body, drawn for all samples at once: it does not depend on what is near."""
        if not (self.training and self.config.density_noise > 0):
            return steps.new_zeros(1)
        generator = None if seed is None else torch.Generator(steps.device).manual_seed(seed)
        noise = torch.randn(len(near.hit), len(steps), dtype=steps.dtype, device=steps.device, generator=generator)
        return noise.flatten()[near.kept] * self.config.density_noise


def _stacked(pictures: list[tuple[Tensor, Tensor, Tensor]]) -> Rendering:
    rgb, depth, alpha = (torch.stack(parts) for parts in zip(*pictures, strict=True))
    return Rendering(rgb, depth, alpha)

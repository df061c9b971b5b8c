"""Golden files of the published model: read their inputs, run our model on them, compare stage by stage."""

from __future__ import annotations

import lzma
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from golden_weights import fill
from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.model.deform import Skinning
from sherf_core.model.inputs import Bodies, Observation, RayBundle
from sherf_core.model.march import SHELL_RADIUS, locate
from sherf_core.model.normalization import Statistics, set_statistics
from sherf_core.model.sherf import EncodedPerson, Sherf, SherfConfig
from sherf_core.model.sparse import SparseConv
from sherf_core.render.sampling import ray_steps

# What the golden files call our statistics.
GOLDEN_NAME = {"sample": "train", "running": "eval"}
# Pixels of the image that may differ by more than this, and how many of them.
PIXEL_TOLERANCE, PIXELS_OFF = 1e-4, 1e-3

# Relative L2 allowed for each stage; 0 means equal. Backends differ in summation order, nothing else.
TOLERANCES = {
    "visible vertices": 0.0,
    "samples in the shell": 0.0,
    "voxel sites": 0.0,
    "global feature z": 2e-5,
    "w": 2e-5,
    "planes": 2e-5,
    "canonical points": 1e-6,
    "canonical directions": 1e-6,
    "observation points": 1e-6,
    "observation pixels": 1e-6,
    "feature map": 5e-5,
    "plane features": 5e-5,
    "pixel features": 5e-5,
    "volume levels": 5e-5,
    "volume features": 5e-5,
    "tokens before attention": 5e-5,
    "tokens": 5e-5,
    "sigma": 2e-5,
    "rgb": 2e-5,
    "image": 1e-5,
    "depth": 1e-5,
    "coverage": 2e-5,
}
SPARSE_TOLERANCE = 5e-5
# A golden file may leave stages out, but not these.
ESSENTIAL = ("sigma", "rgb", "image")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    stage: str
    relative: float
    largest: float
    tolerance: float
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.relative <= self.tolerance and not self.note.startswith("FAIL")


@dataclass(frozen=True)
class GoldenInput:
    """One batch of the published reader, in our types; `image` and `mask` are the target's."""

    observation: Observation
    target: Bodies
    rays: RayBundle
    image: Tensor
    mask: Tensor
    size: tuple[int, int]

    def to(self, device: str) -> GoldenInput:
        moved = (self.observation.to(device), self.target.to(device), self.rays.to(device))
        return GoldenInput(*moved, self.image.to(device), self.mask.to(device), self.size)


def load_golden_body(path: Path) -> BodyModel:
    """The golden body; `.xz` is unpacked on the way."""
    if path.suffix != ".xz":
        return BodyModel(load_body(path))
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.stem
        unpacked.write_bytes(lzma.decompress(path.read_bytes()))
        return BodyModel(load_body(unpacked))


def golden_model(body_path: Path, config: SherfConfig | None = None) -> Sherf:
    """Our model with the golden weights, in evaluation mode."""
    model = Sherf(load_golden_body(body_path), config)
    fill(model)
    return model.eval()


def read_input(path: Path) -> GoldenInput:
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}

    def tensor(name: str) -> Tensor:
        return arrays[name].float()

    def bodies(prefix: str) -> Bodies:
        return Bodies(
            tensor(f"{prefix}/poses")[:, 0],
            tensor(f"{prefix}/shapes")[:, 0],
            tensor(f"{prefix}/R"),
            tensor(f"{prefix}/Th")[:, 0],
        )

    observation = Observation(
        tensor("obs_img_all")[:, 0],
        tensor("obs_K_all")[:, 0],
        tensor("obs_R_all")[:, 0],
        tensor("obs_T_all")[:, 0, :, 0],
        bodies("obs_params"),
    )
    rays = RayBundle(
        tensor("ray_o_all")[:, 0],
        tensor("ray_d_all")[:, 0],
        tensor("near_all")[:, 0, :, 0],
        tensor("far_all")[:, 0, :, 0],
        arrays["mask_at_box_all"][:, 0],
    )
    image = tensor("img_all")[:, 0]
    mask = tensor("bkgd_msk_all")[:, 0]
    return GoldenInput(observation, bodies("params"), rays, image, mask, (image.shape[2], image.shape[3]))


def compare(model: Sherf, batch: GoldenInput, golden_path: Path, statistics: Statistics) -> list[Row]:
    """Run the model stage by stage on the first sample and compare each stage that the golden file holds."""
    prefix = f"pinned_{GOLDEN_NAME[statistics]}/"
    with np.load(golden_path) as file:
        golden = {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}
    set_statistics(model, statistics)
    rows: list[Row] = []

    def add(stage: str, key: str, value: Tensor, tolerance: float | None = None) -> None:
        if key in golden:
            rows.append(_row(stage, value, golden[key], TOLERANCES[stage] if tolerance is None else tolerance))

    with torch.no_grad():
        person = model.encode(batch.observation)
        _add_encoding(model, batch, person, golden, add)
        _add_points(model, batch, person, golden, add)
        rendering = model.render(person, batch.target, batch.rays)
    image = (2 * rendering.rgb - 1).transpose(1, 2).unflatten(2, batch.size)
    add("image", "image", image)
    if "image" in golden:
        off = (np.abs(image.cpu().numpy() - golden["image"]).max(1) > PIXEL_TOLERANCE).mean()
        rows[-1] = Row(**{**vars(rows[-1]), "note": f"{'FAIL' if off > PIXELS_OFF else ''} {off:.3%} off".strip()})
    add("depth", "image_depth", rendering.depth)
    add("coverage", "weights_image", rendering.alpha)
    found = {row.stage for row in rows}
    absent = [stage for stage in ESSENTIAL if stage not in found]
    return rows + [Row(stage, np.inf, np.inf, TOLERANCES[stage], "FAIL not in the golden file") for stage in absent]


def _add_encoding(
    model: Sherf, batch: GoldenInput, person: EncodedPerson, golden: dict[str, np.ndarray], add: Callable[..., None]
) -> None:
    vertices = batch.observation.body.vertices(model.body_model)
    add("visible vertices", "obs_smpl_vertex_mask", model.visible_vertices(batch.observation, vertices))
    add("global feature z", "z_encoder_2d", person.z)
    add("w", "ws", model.backbone.mapping(person.z)[:, None].expand(-1, 14, -1))
    add("planes", "planes_sub8", person.planes.flatten(1, 2)[:, :, ::8, ::8])
    add("feature map", "obs_input_feature_sub", person.feature_map[:, :, ::8, ::8])
    on_vertices = model.vertex_features(batch.observation, person.feature_map)
    for name, features in model.renderer.encoder_3d.stages(on_vertices, model.volume):
        level = 0 if name == "in" else int(name[-1]) + name.startswith("down")
        sites = torch.from_numpy(model.volume.sites[level].sites)
        with_batch = torch.cat([torch.zeros(len(sites), 1, dtype=torch.int64), sites], dim=1)
        for key in (f"sp_{name}_indices", f"sp_{name}_indices_sorted"):
            add(f"sparse {name}: sites", key, with_batch, 0.0)
        order = torch.from_numpy(np.argsort(model.volume.sites[level].keys())).to(features.device)
        for key in golden:
            # Whole, or every n-th row; in the vertices' order, or sorted by voxel.
            kind = key.removeprefix(f"sp_{name}_features") if key.startswith(f"sp_{name}_features") else "not this"
            if kind in ("", "_sorted") or kind.startswith(("_step", "_sorted_step")):
                rows = features[0][order] if kind.startswith("_sorted") else features[0]
                step = int(kind.rpartition("step")[2] or 1)
                add(f"sparse {name}", key, rows[::step], SPARSE_TOLERANCE)


def _add_points(
    model: Sherf, batch: GoldenInput, person: EncodedPerson, golden: dict[str, np.ndarray], add: Callable[..., None]
) -> None:
    target, rays = batch.target, batch.rays
    skinning = Skinning.of(model.body_model, target)
    vertices = skinning.vertices(model.body_model)[0]
    search = VertexSearch(vertices, radius=SHELL_RADIUS, method=model.config.nearest)
    steps = ray_steps(model.config.samples_per_ray, rays.near)
    near = locate(rays, target, 0, steps, search, skinning.to(model.big))
    if "pts_mask" in golden:
        inside = torch.zeros(rays.near.shape[1], len(steps), dtype=torch.bool)
        inside[near.hit[near.kept // len(steps)].cpu(), (near.kept % len(steps)).cpu()] = True
        add("samples in the shell", "pts_mask", torch.from_numpy(np.packbits(inside.numpy())))
    canonical, view = near.points[:512], near.directions[:512]
    field = model.field_of(person, 0)
    features = field.features(canonical)
    in_volume = model.volume.sample([level[0] for level in person.levels], canonical)
    before_attention = field.tokens(canonical)
    sigma, rgb = field(canonical, view)
    add("canonical points", "coarse_canonical_pts_first512", canonical)
    add("canonical directions", "coarse_canonical_viewdir_first512", view)
    add("observation points", "world_src_pts_first512", features.world)
    add("observation pixels", "src_uv_first512", features.uv)
    add("plane features", "triplane_feature_first512", features.planes.transpose(0, 1))
    add("pixel features", "point_2d_feature_first512", features.pixels)
    add("volume levels", "encoder_3d_first512", in_volume)
    add("volume features", "point_3d_feature_first512", features.volume)
    add("tokens before attention", "fused_before_transformer_first512", before_attention)
    add("tokens", "fused_after_transformer_first512", model.renderer.transformer(before_attention))
    add("sigma", "sigma_first512", sigma)
    add("rgb", "rgb_first512", rgb)


def _row(stage: str, value: Tensor, golden: np.ndarray, tolerance: float) -> Row:
    ours = value.detach().cpu().numpy().astype(np.float64)
    if ours.size != golden.size:
        return Row(stage, np.inf, np.inf, tolerance, f"FAIL {ours.size} values for {golden.size}")
    difference = ours.ravel() - golden.astype(np.float64).ravel()
    scale = max(float(np.linalg.norm(golden.astype(np.float64))), 1e-30)
    return Row(stage, float(np.linalg.norm(difference)) / scale, float(np.abs(difference).max()), tolerance)


# Gradients --------------------------------------------------------------------------------------------------------

GRADIENT_TOLERANCE, SPARSE_GRADIENT_TOLERANCE = 1e-3, 5e-3


def golden_loss(model: Sherf, batch: GoldenInput) -> tuple[Tensor, Tensor, Tensor]:
    """(total, MSE, accumulation): 100·MSE + 10·acc over the rays that meet the box."""
    rendering = model(batch.observation, batch.target, batch.rays)
    hit = batch.rays.hit
    truth = batch.image.flatten(2).transpose(1, 2)
    squared = ((rendering.rgb - truth)[hit] ** 2).mean()
    coverage = ((rendering.alpha - batch.mask.flatten(1))[hit] ** 2).mean()
    return 100 * squared + 10 * coverage, squared, coverage


def compare_gradients(model: Sherf, batch: GoldenInput, gradients_path: Path, statistics: Statistics) -> list[Row]:
    """Loss, gradient norms and the first 64 values of each gradient.

    Every value of a gradient's head is measured against its tensor's norm, not itself. All of `conv1d_projection`'s
    gradient comes through the sparse network, and its head with that network's float32 noise. With running statistics
    the published sparse library passes no gradient through its convolutions; that cut is made here, never in the model.
    """
    prefix = f"{batch.size[0]}_{GOLDEN_NAME[statistics]}/"
    with np.load(gradients_path) as file:
        golden = {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}
    set_statistics(model, statistics)
    cut = statistics == "running"
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: output.detach())
        for module in model.modules()
        if cut and isinstance(module, SparseConv)
    ]
    model.zero_grad()
    losses = golden_loss(model, batch)
    losses[0].backward()
    for hook in hooks:
        hook.remove()
    rows = [_row("loss", torch.stack(losses).detach(), golden["loss"], 2e-5)]
    for name, parameter in model.named_parameters():
        if f"norm/{name}" not in golden:
            continue
        norm = float(golden[f"norm/{name}"])
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        head = np.abs(gradient.flatten()[:64].cpu().numpy() - golden[f"head/{name}"]).max()
        off = abs(float(gradient.double().norm()) - norm)
        sparse, feeds_sparse = "encoder_3d" in name, name.startswith("conv1d_projection")
        norm_tolerance = SPARSE_GRADIENT_TOLERANCE if sparse else GRADIENT_TOLERANCE
        head_tolerance = SPARSE_GRADIENT_TOLERANCE if sparse or feeds_sparse else GRADIENT_TOLERANCE
        rows.append(Row(f"gradient norm {name}", off / max(norm, 1e-12), off, norm_tolerance))
        rows.append(Row(f"gradient head {name}", float(head) / max(norm, 1e-12), float(head), head_tolerance))
    model.zero_grad()
    return rows

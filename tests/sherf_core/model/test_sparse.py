import numpy as np
import pytest
import torch
from torch.nn import functional

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.model.deform import canonical_vertices
from sherf_core.model.sparse import (
    KernelMap,
    SparseConv,
    VoxelGrid,
    VoxelSampler,
    strided_map,
    submanifold_map,
    voxelise,
)
from sherf_core.model.volume import BodyVolume, SparseEncoder

SIZE = (8, 6, 10)


@pytest.fixture
def grid() -> VoxelGrid:
    cells = np.random.default_rng(0).permutation(np.prod(SIZE))[:120]
    return VoxelGrid(np.stack(np.unravel_index(cells, SIZE), axis=1).astype(np.int64), SIZE)


def _dense(grid: VoxelGrid, features: torch.Tensor) -> torch.Tensor:
    dense = torch.zeros(len(features), features.shape[2], *grid.size)
    z, y, x = grid.sites.T
    dense[:, :, z, y, x] = features.transpose(1, 2)
    return dense


def _at(dense: torch.Tensor, grid: VoxelGrid) -> torch.Tensor:
    z, y, x = grid.sites.T
    return dense[:, :, z, y, x].transpose(1, 2)


def test_submanifold_convolution_equals_a_dense_one_on_its_sites(grid):
    convolution, features = SparseConv(3, 5), torch.randn(2, 120, 3)
    dense = functional.conv3d(_dense(grid, features), convolution.weight.permute(0, 4, 1, 2, 3), padding=1)
    out = convolution(features, submanifold_map(grid))
    torch.testing.assert_close(out, _at(dense, grid), atol=1e-5, rtol=1e-4)


def test_strided_convolution_equals_a_dense_one_where_any_input_lands(grid):
    convolution, features = SparseConv(3, 5), torch.randn(2, 120, 3)
    kernel_map, coarse = strided_map(grid)
    weight = convolution.weight.permute(0, 4, 1, 2, 3)
    dense = functional.conv3d(_dense(grid, features), weight, padding=1, stride=2)
    out = convolution(features, kernel_map)
    torch.testing.assert_close(out, _at(dense, coarse), atol=1e-5, rtol=1e-4)
    occupied = functional.conv3d(_dense(grid, torch.ones(1, 120, 1)), torch.ones(1, 1, 3, 3, 3), padding=1, stride=2)
    assert coarse.size == (4, 3, 5)
    assert len(coarse.sites) == int((occupied > 0).sum())


def test_gradients_equal_the_dense_ones(grid):
    convolution, features = SparseConv(2, 2), torch.randn(1, 120, 2, requires_grad=True)
    convolution(features, submanifold_map(grid)).square().sum().backward()
    ours, ours_weight = features.grad.clone(), convolution.weight.grad.clone()
    features.grad = convolution.weight.grad = None
    dense = functional.conv3d(_dense(grid, features), convolution.weight.permute(0, 4, 1, 2, 3), padding=1)
    _at(dense, grid).square().sum().backward()
    torch.testing.assert_close(ours, features.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours_weight, convolution.weight.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("which", ["same", "down"])
def test_gradients_of_a_body_equal_those_of_plain_rows(which):
    volume = BodyVolume(canonical_vertices(BodyModel(load_body())).numpy())
    generator = torch.Generator().manual_seed(0)
    for level, kernel_map in enumerate(getattr(volume, which)):
        sources, count = kernel_map.sources, len(volume.sites[level].sites)
        x = torch.randn(2, count, 4, generator=generator, requires_grad=True)
        beside = torch.cat([x, torch.zeros(2, 1, 4)], dim=1).index_select(1, sources.flatten())
        # A weight that is the identity shows the neighbours themselves.
        ours = kernel_map(x, torch.eye(27 * 4).view(-1, 3, 3, 3, 4))
        assert torch.equal(ours, beside.view_as(ours))
        weight = torch.randn(ours.shape, generator=generator)
        (expected,) = torch.autograd.grad(beside, x, weight.view_as(beside))
        (gradient,) = torch.autograd.grad(ours, x, weight)
        assert (gradient - expected).norm() <= 1e-6 * expected.norm()
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_under_autocast_keep_the_type_of_the_features(grid, dtype):
    convolution, features = SparseConv(3, 5), torch.randn(2, 120, 3)
    given = [features.clone().requires_grad_(), features.to(dtype).requires_grad_()]
    kernel_map = submanifold_map(grid)
    convolution(given[0], kernel_map).square().sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        out = convolution(given[1], kernel_map)
        out.float().square().sum().backward()
    full, half = (one.grad for one in given)
    assert (out.dtype, half.dtype) == (dtype, dtype)
    assert 0 < (half - full).norm() < 0.02 * full.norm()


@pytest.mark.parametrize(("inputs", "outputs"), [([0, 0], [0, 1]), ([0, 1], [1, 1])])
def test_a_map_pairs_rows_one_to_one_at_each_offset(inputs, outputs):
    pairs = [np.array([0, 1])] * 26
    KernelMap([*pairs, np.array([1, 0])], [*pairs, np.array([0, 1])], 2, 2)
    with pytest.raises(ValueError, match="offset 26 "):
        KernelMap([*pairs, np.array(inputs)], [*pairs, np.array(outputs)], 2, 2)


def test_trilinear_look_up_equals_grid_sample(grid):
    features = torch.randn(1, 120, 4)
    coordinates = torch.rand(500, 3, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    expected = functional.grid_sample(
        _dense(grid, features), coordinates.flip(-1)[None, None, None], align_corners=True, padding_mode="zeros"
    )[0, :, 0, 0].T
    torch.testing.assert_close(VoxelSampler(grid)(features[0], coordinates), expected, atol=1e-5, rtol=1e-4)


def test_the_first_vertex_of_a_voxel_owns_it():
    vertices = np.array([[0, 0, 0], [0.1, 0.2, 0.3], [0.0001, 0, 0], [0.05, 0, 0]], np.float32)
    voxels = voxelise(vertices)
    assert voxels.vertices.tolist() == [0, 1, 3]
    assert voxels.grid.sites[0].tolist() == [10, 10, 10]  # 5 cm of padding at 5 mm
    assert voxels.grid.sites[1].tolist() == [70, 50, 30]  # (z, y, x)
    assert voxels.grid.size == (96, 64, 64)  # (0.3, 0.2, 0.1) + 0.1 m, up to a multiple of 32


def test_each_sample_of_a_batch_is_encoded_alone():
    vertices = np.random.default_rng(2).uniform(0, 0.3, (200, 3)).astype(np.float32)
    volume, encoder = BodyVolume(vertices), SparseEncoder().eval()
    features = torch.randn(2, 200, 32) * torch.tensor([1.0, 5.0])[:, None, None]
    together = encoder(features, volume)
    for sample in range(2):
        alone = encoder(features[sample][None], volume)
        for level, expected in zip(together, alone, strict=True):
            torch.testing.assert_close(level[sample], expected[0], atol=1e-4, rtol=1e-4)

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.fusion import Attention, FusionTransformer
from sherf_core.model.normalization import SampleBatchNorm, set_statistics
from sherf_core.model.pixels import project, sample_map
from sherf_core.model.triplane import SynthesisLayer, sample_planes, upsample
from sherf_core.model.visibility import faces_camera, last_faces, vertex_normals


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def _norm_pair() -> tuple[SampleBatchNorm, nn.BatchNorm2d]:
    ours, theirs = SampleBatchNorm(4), nn.BatchNorm2d(4)
    state = {"weight": torch.randn(4), "bias": torch.randn(4)}
    ours.load_state_dict(state, strict=False)
    theirs.load_state_dict(state, strict=False)
    return ours, theirs


def test_sample_statistics_equal_batchnorm_of_one_sample_at_a_time():
    ours, theirs = _norm_pair()
    x = torch.randn(3, 4, 5, 6) * 3 + 1
    expected = torch.cat([theirs(sample[None]) for sample in x])
    torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 3


def test_running_statistics_equal_batchnorm_in_eval_mode_and_stay():
    ours, theirs = _norm_pair()
    ours.running_mean.normal_()
    theirs.running_mean.copy_(ours.running_mean)
    set_statistics(ours, "running")
    x = torch.randn(2, 4, 5, 6)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    assert ours.num_batches_tracked == 0


def test_evaluation_with_sample_statistics_leaves_the_running_ones_alone():
    ours, _ = _norm_pair()
    ours.eval()(torch.randn(2, 4, 5, 6))
    assert torch.equal(ours.running_mean, torch.zeros(4))


def test_encoding_by_hand():
    encoded = PositionalEncoding(2)(torch.tensor([[0.5, -1.0]]))[0].tolist()
    expected = [0.5, -1.0]
    for frequency in (1, 2):
        expected += [math.sin(frequency * 0.5), math.sin(-frequency), math.cos(frequency * 0.5), math.cos(frequency)]
    assert encoded == pytest.approx(expected, abs=1e-6)


def test_attention_equals_the_librarys():
    attention = Attention()
    x = torch.randn(10, 3, 32)
    query, key, value = (part.unflatten(-1, (3, 16)).transpose(1, 2) for part in attention.to_qkv(x).chunk(3, dim=-1))
    mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    expected = attention.to_out(mixed)
    torch.testing.assert_close(attention(x, 3), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(attention(x, 2), expected[:, :2], atol=1e-6, rtol=1e-5)


def test_fusion_is_residual():
    fusion = FusionTransformer()
    for parameter in fusion.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(4, 3, 32)
    assert torch.equal(fusion(x), x)
    assert torch.equal(fusion(x, kept=2), x[:, :2])


def test_modulation_by_activations_equals_modulation_of_weights():
    layer = SynthesisLayer(6, 5, 8, up=False)
    x, w = torch.randn(2, 6, 8, 8), torch.randn(2, 512)
    out = layer(x, w)
    for sample in range(2):
        weight = layer.weight * layer.affine(w)[sample][None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        expected = functional.conv2d(x[sample][None], weight, padding=1) + layer.bias[:, None, None]
        expected = functional.leaky_relu(expected, 0.2) * math.sqrt(2)
        torch.testing.assert_close(out[sample][None], expected, atol=1e-5, rtol=1e-4)


def test_upsampling_keeps_a_constant_and_doubles_the_size():
    layer = SynthesisLayer(1, 1, 16, up=True)
    up = upsample(torch.full((1, 2, 8, 8), 3.0), layer.resample_filter)
    assert up.shape == (1, 2, 16, 16)
    torch.testing.assert_close(up[:, :, 2:-2, 2:-2], torch.full((1, 2, 12, 12), 3.0))
    assert layer(torch.randn(1, 1, 8, 8), torch.randn(1, 512)).shape == (1, 1, 16, 16)


def test_plane_features_at_texel_centres():
    planes = torch.randn(3, 32, 4, 4)
    box = torch.tensor([[0.0, 0, 0], [4, 4, 4]])
    # The centre of texel i lies at i + 0.5 where the box spans 0..4 over 4 texels.
    sampled = sample_planes(planes, torch.tensor([[1.5, 2.5, 3.5]]), box)[0]
    torch.testing.assert_close(sampled[0], planes[0][:, 2, 1])  # (x, y): row y, column x
    torch.testing.assert_close(sampled[1], planes[1][:, 3, 1])  # (x, z)
    torch.testing.assert_close(sampled[2], planes[2][:, 2, 3])  # (z, y)


def test_projection_and_pixel_look_up():
    K = torch.tensor([[10.0, 0, 4], [0, 20, 6], [0, 0, 1]])
    uv = project(torch.tensor([[0.1, 0.2, 1.0]]), K, torch.eye(3), torch.tensor([0.0, 0, 1]))
    assert uv[0].tolist() == pytest.approx([10 * 0.05 + 4, 20 * 0.1 + 6], abs=1e-4)
    # align_corners with 2·uv/size - 1: uv 0 is the first pixel's centre, uv = size the last one's.
    ramp = torch.arange(5.0).expand(1, 5, 5)
    values = sample_map(ramp, torch.tensor([[0.0, 0], [5.0, 5.0], [2.5, 0], [-9, 0]]), (5, 5))[:, 0]
    assert values.tolist() == pytest.approx([0, 4, 2, 0])


def test_normals_of_a_tetrahedron_face_outwards():
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]])
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    table = last_faces(faces, 4)
    # Vertex 0 stands first in faces 0, 1 and 2: only the last of them stays.
    assert table[0].tolist() == [2, -1, -1]
    normals = vertex_normals(vertices, faces, table)[0]
    assert normals[0].tolist() == pytest.approx([-1, 0, 0])
    assert normals.norm(dim=1).tolist() == pytest.approx([1.0] * 4)


def test_what_faces_the_camera_is_visible():
    vertices = torch.tensor([[[0.0, 0, 0], [0, 0, 0]]])
    normals = torch.tensor([[[0.0, 0, -1], [0, 0, 1]]])
    visible = faces_camera(normals, vertices, torch.eye(3)[None], torch.tensor([[0.0, 0, 2]]))
    assert visible.tolist() == [[True, False]]


def test_last_face_wins_against_a_plain_loop():
    faces = np.random.default_rng(0).integers(0, 20, (100, 3))
    expected = np.full((20, 3), -1)
    for index, face in enumerate(faces):
        for slot in range(3):
            expected[face[slot], slot] = index
    assert last_faces(torch.from_numpy(faces), 20).tolist() == expected.tolist()

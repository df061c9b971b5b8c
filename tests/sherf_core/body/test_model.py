import numpy as np
import pytest
import smplx
import torch
from smplx.utils import Struct

from sherf_core.body.arrays import BodyArrays
from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.model.deform import Skinning, big_pose, canonical_vertices
from sherf_core.model.inputs import Bodies


@pytest.fixture(scope="module")
def arrays() -> BodyArrays:
    return load_body()


@pytest.fixture(scope="module")
def body(arrays: BodyArrays) -> BodyModel:
    return BodyModel(arrays)


@pytest.fixture(scope="module")
def random_bodies() -> Bodies:
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(3, 3, 3, generator=generator)).Q
    rotation = rotation * torch.linalg.det(rotation)[:, None, None]
    return Bodies(
        torch.randn(3, 72, generator=generator) * 0.4,
        torch.randn(3, 10, generator=generator),
        rotation,
        torch.randn(3, 3, generator=generator),
    )


def test_vertices_and_joints_agree_with_smplx(arrays, body, random_bodies):
    kinematic_tree = np.stack([np.where(arrays.parents < 0, 2**32 - 1, arrays.parents), np.arange(24)])
    data = Struct(
        v_template=arrays.v_template,
        shapedirs=arrays.shapedirs,
        posedirs=arrays.posedirs,
        weights=arrays.weights,
        J_regressor=arrays.J_regressor,
        f=arrays.faces,
        kintree_table=kinematic_tree,
    )
    vertex_ids = dict.fromkeys(smplx.vertex_ids.vertex_ids["smplh"], 0)
    reference = smplx.SMPL(model_path="", data_struct=data, vertex_ids=vertex_ids, batch_size=3)
    poses, shapes = random_bodies.poses, random_bodies.shapes
    with torch.no_grad():
        expected = reference(betas=shapes, body_pose=poses[:, 3:], global_orient=poses[:, :3])
    assert (body.vertices(poses, shapes) - expected.vertices).norm(dim=-1).max() < 1e-5
    rest = body.joints(shapes)
    transforms = body.transforms(poses, shapes)
    posed = torch.einsum("bjik,bjk->bji", transforms[..., :3, :3], rest) + transforms[..., :3, 3]
    assert (posed - expected.joints[:, :24]).norm(dim=-1).max() < 1e-5


def test_the_rest_pose_is_the_template(arrays, body):
    zero = torch.zeros(1, 72)
    np.testing.assert_allclose(body.vertices(zero, zero[:, :10])[0].numpy(), arrays.v_template, atol=1e-6)


def test_turning_the_root_turns_the_body(body):
    """A rigid motion: rotating the root about its joint moves every vertex by that rotation."""
    poses, shapes = torch.zeros(2, 72), torch.randn(1, 10, generator=torch.Generator().manual_seed(1)).expand(2, 10)
    poses[1, 1] = torch.pi / 2
    root = body.joints(shapes)[0, 0]
    still, turned = body.vertices(poses, shapes) - root
    about_y = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert torch.allclose(turned, still @ about_y.T, atol=1e-5)


def test_batches_are_their_samples(body, random_bodies):
    together = body.vertices(random_bodies.poses, random_bodies.shapes)
    for index in range(3):
        alone = body.vertices(random_bodies.poses[[index]], random_bodies.shapes[[index]])
        assert torch.allclose(together[index], alone[0], atol=1e-7)


def test_posed_vertices_go_to_the_canonical_ones_and_back(body, random_bodies):
    there, here = Skinning.of(body, random_bodies), Skinning.canonical(body)
    posed = there.vertices(body)
    torch.testing.assert_close(posed, body.vertices(random_bodies.poses, random_bodies.shapes), atol=1e-6, rtol=0)
    canonical, vertex = canonical_vertices(body), torch.arange(body.vertex_count)
    forward, backward = there.to(here), here.to(there)
    for sample in range(3):
        assert (forward.points(sample, vertex, posed[sample]) - canonical).norm(dim=1).max() < 1e-5
        assert (backward.points(sample, vertex, canonical) - posed[sample]).norm(dim=1).max() < 1e-5


def test_the_root_rotation_may_live_in_the_pose_or_beside_it(body):
    """RenderPeople keeps it in poses[:3], the other data sets in R: the world is the same."""
    in_pose = torch.randn(1, 72, generator=torch.Generator().manual_seed(2)) * 0.3
    shapes = torch.randn(1, 10, generator=torch.Generator().manual_seed(3))
    identity, zero = torch.eye(3)[None], torch.zeros(1, 3)
    first = Bodies(in_pose, shapes, identity, zero).vertices(body)
    R = body.transforms(in_pose, shapes)[:, 0, :3, :3]
    root = body.joints(shapes)[:, 0]
    beside = torch.cat([zero, in_pose[:, 3:]], dim=1)
    Th = root - (R @ root[..., None])[..., 0]
    assert (Bodies(beside, shapes, R, Th).vertices(body) - first).norm(dim=-1).max() < 1e-5


def test_the_free_body_is_a_person(arrays, body):
    """Closed surface with the vertex count of SMPL, of human size, standing upright and facing +z."""
    assert arrays.v_template.shape == (6890, 3)
    edges = np.concatenate([arrays.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    undirected, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert set(counts) == {2}
    assert 6890 - len(undirected) + len(arrays.faces) == 2
    height = np.ptp(arrays.v_template[:, 1])
    assert 1.6 < height < 1.8
    assert (arrays.weights > 0).sum(1).max() <= 4
    np.testing.assert_allclose(arrays.weights.sum(1), 1, atol=1e-6)
    feet, ankles = body.joints(torch.zeros(1, 10))[0, [10, 11]], body.joints(torch.zeros(1, 10))[0, [7, 8]]
    assert (feet[:, 2] > ankles[:, 2]).all()  # toes point forwards


def test_the_big_pose_is_the_published_one():
    poses = big_pose()[0]
    angles = {index: round(float(poses[index]) * 180 / np.pi) for index in poses.nonzero()[:, 0].tolist()}
    assert angles == {5: 45, 8: -45, 23: -30, 26: 30}

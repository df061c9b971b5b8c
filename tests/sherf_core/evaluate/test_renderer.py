import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.evaluate.renderer import Renderer, SherfRenderer
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import bodies_of, observation_of, rays_of
from sherf_core.model.sherf import Sherf

SIDE = 64


def frame(turn=0.0):
    """A grey rectangle in front of the embedded body, which stands upright 3 m away, turned by some radians."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[6:60, 22:42] = True
    image = np.where(mask[..., None], np.float32(0.5), np.float32(0)) * np.ones(3, np.float32)
    K = np.array([[80, 0, 31.5], [0, 80, 31.5], [0, 0, 1]], np.float32)
    flip = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    poses = np.zeros(72, np.float32)
    poses[1] = turn
    body = BodyPose(poses, np.zeros(10, np.float32), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    return Frame("ann", 0, 0, image, mask, Camera(K, flip, np.array([0, 0, 3], np.float32)), body)


@pytest.fixture(scope="module")
def model():
    built = Sherf(BodyModel(load_body()))
    weights = initial_weights(built.state_dict())
    weights["decoder.alpha_linear.bias"] = torch.full((1,), 30.0)  # so that there is something to see
    built.load_state_dict(weights)
    return built


def test_is_the_models_own_rendering_in_the_shape_of_a_picture(model):
    seen, target = frame(), frame(turn=0.7)
    renderer = SherfRenderer(model)
    assert isinstance(renderer, Renderer)
    picture = renderer.render(renderer.encode(seen), target)
    bodies = bodies_of([target.body])
    rays = rays_of([target.camera], bodies, model.body_model, SIDE, SIDE)
    with torch.no_grad():
        expected = model(observation_of([seen]), bodies, rays).rgb[0].reshape(SIDE, SIDE, 3).numpy()
    assert picture.hit.sum() == rays.hit.sum()
    assert np.allclose(picture.image[picture.hit], expected[picture.hit], atol=1e-5)
    assert (picture.image[~picture.hit] == 0).all()
    assert picture.image.max() > 0.1


def test_metric_region_and_clip_describe_the_same_box(model):
    """The rays' box is 1 cm larger than the clip's: at this size they differ at the rim only."""
    renderer = SherfRenderer(model)
    picture = renderer.render(renderer.encode(frame()), frame())
    both, either = (picture.hit & picture.clip).sum(), (picture.hit | picture.clip).sum()
    assert both / either > 0.9
    rows, columns = np.nonzero(picture.image.sum(axis=2) > 0.05)
    assert picture.clip[rows, columns].mean() > 0.98


def test_targets_do_not_disturb_the_encoded_person(model):
    renderer = SherfRenderer(model)
    person = renderer.encode(frame())
    first = renderer.render(person, frame(turn=0.3))
    renderer.render(person, frame(turn=-1.0))
    assert np.array_equal(renderer.render(person, frame(turn=0.3)).image, first.image)

"""The way of a GPU, on whatever device there is, beside the plain one."""

import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.evaluate.making import PlainMaker, QueueMaker, maker_of
from sherf_core.evaluate.protocol import Item, Plan, Task
from sherf_core.evaluate.renderer import SherfRenderer
from sherf_core.evaluate.runner import evaluate
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.suite import MetricSuite
from sherf_core.metrics.vgg import Vgg16Features
from sherf_core.model.demo import demo_weights
from sherf_core.model.sherf import Sherf

SIDE = 64
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.fixture(scope="module")
def reader():
    return RenderPeople(DEMO_ROOT, resolution=SIDE)


@pytest.fixture(scope="module")
def means():
    """Renderer and metrics with the demo's weights and a random VGG."""
    model = Sherf(BodyModel(load_body()))
    model.load_state_dict(demo_weights(model.state_dict()))
    torch.manual_seed(4)
    features = Vgg16Features()
    for name, parameter in features.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(parameter)

    def make(device):
        lpips = Lpips(features).to(device).eval().requires_grad_(False)
        return SherfRenderer(model.to(device)), MetricSuite(lpips)

    return make


def test_the_device_decides(means, make_renderer):
    assert isinstance(maker_of(*means("cpu")), PlainMaker)
    assert isinstance(maker_of(make_renderer(), MetricSuite()), PlainMaker)


@pytest.mark.parametrize("device", DEVICES)
def test_pictures_and_metrics_of_the_queue_are_those_of_the_plain_way(means, reader, device):
    subject = reader.subjects()[-1]
    seen = reader.frame(subject, 0, 0)
    made = {}
    for kind in (PlainMaker, QueueMaker):
        maker = kind(*means(device))
        person, span = maker.encode(seen)
        # All are begun before the first is finished, as in an evaluation.
        begun = [maker.make(person, reader.frame(subject, pose, view)) for pose, view in ((0, 5), (1, 0), (0, 20))]
        made[kind] = [finish() for finish in begun]
        assert span.seconds() > 0
        assert all(one.render_seconds > 0 and one.measure_seconds > 0 for one in made[kind])
    for plain, queued in zip(made[PlainMaker], made[QueueMaker], strict=True):
        assert np.allclose(plain.image, queued.image, atol=1e-6, rtol=0)
        assert plain.image.max() > 0.2
        assert np.array_equal(plain.truth, queued.truth)
        for protocol, of_protocol in plain.measurements.items():
            for name, one in of_protocol.items():
                assert one.value == pytest.approx(queued.measurements[protocol][name].value, abs=1e-5, rel=0)


def test_a_target_without_a_ray_that_meets_the_body_is_an_empty_mask(means, reader):
    from dataclasses import replace

    subject = reader.subjects()[-1]
    seen = reader.frame(subject, 0, 0)
    away = replace(seen.body, Th=seen.body.Th + np.float32([50, 0, 0]))
    target = replace(seen, body=away)
    for kind in (PlainMaker, QueueMaker):
        maker = kind(*means("cpu"))
        found = maker.make(maker.encode(seen)[0], target)()
        assert (found.image == 0).all()
        assert {one.note for of_protocol in found.measurements.values() for one in of_protocol.values()} == {
            "empty mask"
        }


@pytest.mark.parametrize("device", DEVICES)
def test_an_evaluation_by_the_queue_stores_the_same(means, reader, monkeypatch, tmp_path, device):
    subject = reader.subjects()[-1]
    items = tuple(Item(subject, 0, 0, Task.NOVEL_VIEW, 0, view) for view in (3, 9))
    made = Plan("demo", (subject,), False, (), items, 2, 0, 0)
    renderer, metrics = means(device)
    encoded = []
    encode = renderer.encode
    monkeypatch.setattr(renderer, "encode", lambda frame: encoded.append(frame.view) or encode(frame))
    evaluations = {}
    for kind in (PlainMaker, QueueMaker):
        monkeypatch.setattr("sherf_core.evaluate.runner.maker_of", kind)
        folder = RunFolder(tmp_path / kind.__name__, {})
        folder.open()
        evaluations[kind] = evaluate(made, reader, renderer, metrics, folder)
    assert encoded == [0, 0]
    for item in items:
        pictures = [(tmp_path / kind.__name__ / "images" / f"{item.name}.png").read_bytes() for kind in evaluations]
        assert device != "cpu" or pictures[0] == pictures[1]
    busy = evaluations[QueueMaker].device_busy
    assert (busy is None) if device == "cpu" else (0 < busy <= 1)

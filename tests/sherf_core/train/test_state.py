"""What a checkpoint holds comes back whole; processes; ImageNet weights."""

import hashlib
import json
import random

import numpy as np
import pytest
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.errors import BrokenFileError, TrainingError
from sherf_core.model.resnet import ResNet18
from sherf_core.train.config import TrainConfig
from sherf_core.train.prepare import new_state
from sherf_core.train.pretrained import ENCODERS, find_resnet_weights, load_resnet
from sherf_core.train.random_states import random_states, restore_random_states
from sherf_core.train.state import Position, TrainingState
from sherf_core.train.world import World


@pytest.fixture(scope="module")
def body_model() -> BodyModel:
    return BodyModel(load_body())


def _state(body_model: BodyModel, *settings: str) -> TrainingState:
    return new_state(TrainConfig.from_settings(["precision=float16", *settings]), body_model, torch.device("cpu"))


def _moved(state: TrainingState) -> TrainingState:
    """As after a step: moments, average, position."""
    for parameter in state.model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 0.01)
    state.optimizer.step()
    state.average.update(state.model, images=4, batch=4, config=state.config)
    state.position = Position(step=1, images=4, bad_steps=0, seconds=2.5)
    assert state.scaler is not None
    state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 1024.0, "_growth_tracker": 3})
    return state


def test_everything_comes_back_through_tensors_and_json(body_model):
    state = _moved(_state(body_model))
    tensors = {name: value.clone() for name, value in state.tensors().items()}
    plain = json.loads(json.dumps(state.plain()))
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    other = _state(body_model)
    other.restore(tensors, plain)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == drawn
    again = other.tensors()
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], value) for name, value in tensors.items())
    assert {name.partition(".")[0] for name in tensors} == {"weights", "average", "optimizer", "scaler"}
    assert other.position == state.position
    # The next step is the same, too.
    for one in (state, other):
        _moved(one)
    expected, found = state.tensors(), other.tensors()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_another_model_or_seed_is_refused(body_model):
    state = _state(body_model)
    tensors, plain = state.tensors(), state.plain()
    with pytest.raises(TrainingError, match="seed 0, this one 5"):
        _state(body_model, "seed=5").restore(tensors, plain)
    name = "weights.decoder.rgb_linear.weight"
    with pytest.raises(TrainingError, match=r"decoder\.rgb_linear\.weight"):
        state.restore({key: value for key, value in tensors.items() if key != name}, plain)


def test_random_states_are_text():
    states = random_states()
    assert {"python", "numpy", "torch"} <= states.keys()
    assert all(isinstance(text, str) for text in states.values())
    first = random.random(), np.random.rand(), torch.rand(1).item()
    restore_random_states(states)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first


def test_one_process_needs_no_others(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = World.from_environment("cpu")
    assert (world.rank, world.size, world.is_main) == (0, 1, True)
    tensor = torch.arange(3)
    assert world.sum(tensor).tolist() == [0, 1, 2]
    assert world.gather(tensor).tolist() == [[0, 1, 2]]
    world.barrier()
    world.close()


def test_half_of_torchruns_variables_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TrainingError, match="RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT not set"):
        World.from_environment("cpu")


@pytest.fixture(scope="module")
def imagenet() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: value for name, value in ResNet18().state_dict().items() if not name.endswith("tracked")}


def test_both_encoders_start_from_the_file(body_model, imagenet, tmp_path):
    path = tmp_path / "assets" / "resnet18-f37072fd.pth"
    path.parent.mkdir()
    path.write_bytes(b"")
    assert find_resnet_weights([tmp_path]) == path
    named = tmp_path / "resnet18.pth"
    torch.save(imagenet, named)
    model = new_state(TrainConfig(), body_model, torch.device("cpu"), resnet=named).model
    for prefix in ENCODERS:
        assert torch.equal(model.state_dict()[f"{prefix}layer1.0.conv1.weight"], imagenet["layer1.0.conv1.weight"])
    without = new_state(TrainConfig(pretrained_encoders=False), body_model, torch.device("cpu"), resnet=named).model
    assert not torch.equal(without.state_dict()[f"{prefix}conv1.weight"], imagenet["conv1.weight"])


def test_a_resnet_file_that_is_not_what_its_name_says_is_refused(imagenet, tmp_path):
    state = {prefix + name: value for prefix in ENCODERS for name, value in imagenet.items()}
    path = tmp_path / "resnet18-f37072fd.pth"
    torch.save(imagenet, path)
    assert not hashlib.sha256(path.read_bytes()).hexdigest().startswith("f37072fd")
    with pytest.raises(BrokenFileError, match="not the file that its name says"):
        load_resnet(path, state)
    other = tmp_path / "resnet.pth"
    torch.save({name: value for name, value in imagenet.items() if name != "fc.bias"}, other)
    with pytest.raises(BrokenFileError, match=r"fc\.bias is missing"):
        load_resnet(other, state)
    other.write_bytes(b"<html>")
    with pytest.raises(BrokenFileError, match="cannot be read"):
        load_resnet(other, state)

from pathlib import Path

import numpy as np
import pytest

from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.data.splits import Split
from sherf_core.evaluate.renderer import Picture

SIDE = 24
TINY = Split(
    dataset="tiny",
    resolution=SIDE,
    train_subjects=range(1),
    train_poses=(0,),
    test_subjects=range(1, 3),
    observation_views=(0, 1),
    novel_view_poses=(0,),
    novel_view_targets=(0, 2),
    novel_pose_observation=0,
    novel_pose_poses=(0, 1),
    novel_pose_targets=(2,),
)


class FakeReader:
    """Subjects ann, bob and cem with 2 poses and 3 views; remembers what was opened."""

    resolution = SIDE

    def __init__(self, missing=()):
        self.missing, self.opened, self.version, self.listing = set(missing), [], "1", Path("human_list.txt")

    def subjects(self):
        return ["ann", "bob", "cem"]

    def list_file(self):
        return self.listing

    def views(self, subject):
        return [0, 1, 2]

    def poses(self, subject):
        return [0, 1]

    def has(self, subject, pose, view):
        return (subject, pose, view) not in self.missing

    def load(self, subject, pose, view):
        return FakeSource(self, (subject, pose, view))

    def frame(self, subject, pose, view):
        self.opened.append((subject, pose, view))
        random = np.random.default_rng([ord(subject[0]), pose, view])
        mask = np.zeros((SIDE, SIDE), bool)
        mask[4:20, 6:18] = True
        image = np.where(mask[..., None], random.random((SIDE, SIDE, 3)), 0).astype(np.float32)
        identity, zero = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
        body = BodyPose(np.zeros(72, np.float32), np.zeros(10, np.float32), identity, zero)
        return Frame(subject, pose, view, image, mask, Camera(identity, identity, zero), body)


class FakeSource:
    """A frame that `FakeReader` would read."""

    def __init__(self, reader, name):
        self.reader, self.name = reader, name

    def digest(self):
        return "{}{}{}{}".format(*self.name, self.reader.version)

    def frame(self):
        return self.reader.frame(*self.name)


class FakeRenderer:
    """Adds 0.1 to the target's pixels; counts its calls and stops like a user's Ctrl-C when told to."""

    def __init__(self, stop_after=None, change=0.1):
        self.encoded, self.rendered, self.stop_after, self.change = [], [], stop_after, change

    def encode(self, observation):
        self.encoded.append((observation.subject, observation.pose, observation.view))
        return observation.subject

    def render(self, person, target):
        if self.stop_after is not None and len(self.rendered) >= self.stop_after:
            raise KeyboardInterrupt
        assert person == target.subject
        self.rendered.append((target.subject, target.pose, target.view))
        hit = np.zeros((SIDE, SIDE), bool)
        hit[3:21, 4:20] = True
        clip = hit.copy()
        clip[4] = False
        image = np.where(hit[..., None], target.image + np.float32(self.change), np.float32(0))
        return Picture(image.astype(np.float32), hit, clip)


@pytest.fixture
def tiny():
    return TINY


@pytest.fixture
def reader():
    return FakeReader()


@pytest.fixture
def make_reader():
    return FakeReader


@pytest.fixture
def make_renderer():
    return FakeRenderer

import pickle
from collections import Counter

import numpy as np
import pytest

from sherf_core.data.discover import DEMO_ROOT
from sherf_core.data.readers import open_reader
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.splits import DEMO, HUMMAN, RENDERPEOPLE, THUMAN, ZJU_MOCAP
from sherf_core.data.training import TrainingPairs
from sherf_core.errors import DatasetError
from tests.layouts.person import body
from tests.layouts.zju_mocap import write_zju_mocap


class FakeReader:
    """Everybody whom a split may name, with every frame but those that are missing."""

    resolution = 64

    def __init__(self, names, missing=lambda name: False):
        self.names, self.lost = names, missing

    def subjects(self):
        return self.names

    def list_file(self):
        return None

    def views(self, subject):
        return []

    def poses(self, subject):
        return []

    def has(self, subject, pose, view):
        return not self.lost((subject, pose, view))

    def frame(self, subject, pose, view):
        return subject, pose, view

    def load(self, subject, pose, view):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("split", "people", "poses", "views"),
    [
        (RENDERPEOPLE, 450, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18], 36),
        (THUMAN, 90, list(range(20)), 24),
        (HUMMAN, 317, list(range(0, 97, 6)), 10),
        (ZJU_MOCAP, 6, list(range(0, 496, 5)), 20),
        (DEMO, 2, [0, 1, 2], 36),
    ],
)
def test_targets_are_the_published_training_frames(split, people, poses, views):
    listed = [f"p{number}" for number in range(480)] + [name for name in split.train_subjects if isinstance(name, str)]
    pairs = TrainingPairs(FakeReader(listed), split)
    assert len(pairs) == people * len(poses) * views
    assert pairs.missing == 0
    targets = {pairs.names(index)[1] for index in range(0, len(pairs), 97)}
    assert {pose for _, pose, _ in targets} <= set(poses)
    first, last = pairs.names(0)[1], pairs.names(len(pairs) - 1)[1]
    assert first[1:] == (0, 0)
    assert last[1:] == (poses[-1], views - 1)


def test_the_demo_trains_on_its_first_two_people():
    reader = RenderPeople(DEMO_ROOT, resolution=64)
    pairs = TrainingPairs(reader, DEMO)
    assert len(pairs) == 2 * 3 * 36
    assert pairs.subjects == ["person_0000", "person_0001"]
    observation, target = pairs.pair(100, 3)
    assert (observation.subject, target.subject) == ("person_0000", "person_0000")
    assert (target.pose, target.view) == (2, 28)
    assert target.image.shape == (64, 64, 3)
    again = pickle.loads(pickle.dumps(pairs))
    assert np.array_equal(again.pair(100, 3)[0].image, observation.image)


def test_observations_are_drawn_evenly_among_the_persons_other_frames():
    pairs = TrainingPairs(FakeReader(["a", "b", "c"]), DEMO)
    drawn = Counter(pairs.names(40, seed)[0] for seed in range(10700))
    assert len(drawn) == 3 * 36 - 1
    assert pairs.names(40)[1] not in drawn
    # 100 each on average; 4 standard deviations are 40.
    assert max(abs(count - 100) for count in drawn.values()) < 50
    assert [pairs.names(40, seed) for seed in range(9)] == [pairs.names(40, seed) for seed in range(9)]


def test_missing_frames_are_counted_and_never_drawn():
    pairs = TrainingPairs(FakeReader(["a", "b", "c"], lambda name: name[1] == 1 or name[0] == "b"), DEMO)
    assert len(pairs) == 2 * 36
    assert pairs.missing == 108 + 36
    assert {pairs.names(index, 5)[0][1] for index in range(72)} == {0, 2}
    with pytest.raises(DatasetError, match="none of the 216 frames"):
        TrainingPairs(FakeReader(["a", "b", "c"], lambda name: True), DEMO)
    with pytest.raises(DatasetError, match=r"list\[0:2\]|names 1 subjects"):
        TrainingPairs(FakeReader(["a"]), DEMO)


def test_pairs_of_a_published_layout(tmp_path):
    write_zju_mocap(tmp_path, ZJU_MOCAP.train_subjects, size=32, frames=1, views=20)
    reader = open_reader("ZJU-MoCap", tmp_path, resolution=32, body=body())
    pairs = TrainingPairs(reader, ZJU_MOCAP)
    assert len(pairs) == 6 * 20
    assert pairs.missing == 6 * 99 * 20
    observation, target = pairs.pair(25, 1)
    assert target.subject == observation.subject == "CoreView_387"
    assert target.border is not None

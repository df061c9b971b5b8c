import itertools
from collections import Counter

import pytest

from sherf_core.data.splits import DEMO, RENDERPEOPLE
from sherf_core.errors import ConfigurationError, DatasetError
from sherf_core.evaluate.protocol import Task, items_of, plan


def test_renderpeople_counts_by_hand():
    items = items_of(RENDERPEOPLE, "ann")
    counts = Counter(item.task for item in items)
    # 5 poses x (17 even views from view 0, 17 from view 16, 18 from view 31)
    assert counts[Task.NOVEL_VIEW] == 5 * (17 + 17 + 18)
    # 3 observations of pose 2 x poses 4, 6, 8, 10 x 18 even views
    assert counts[Task.NOVEL_POSE] == 3 * 4 * 18
    assert len(set(items)) == len(items) == len({item.name for item in items})


def test_novel_view_keeps_the_pose_and_never_renders_its_own_view():
    for item in items_of(RENDERPEOPLE, "ann"):
        if item.task is Task.NOVEL_VIEW:
            assert item.target_pose == item.observation_pose
            assert item.target_view != item.observation_view
        else:
            assert item.observation_pose == 2
            assert item.target_pose != 2
        assert item.target_view % 2 == 0


def test_items_that_share_an_observation_are_neighbours():
    seen = [item.observation for item in items_of(RENDERPEOPLE, "ann")]
    changes = sum(a != b for a, b in itertools.pairwise(seen))
    assert changes + 1 == len(set(seen)) == 5 * 3


def test_the_demo_is_short_and_needs_one_observation():
    items = items_of(DEMO, "cem")
    assert len(items) == 9
    assert {item.observation for item in items} == {("cem", 0, 0)}


def test_only_test_subjects_are_planned(tiny, reader):
    made = plan(tiny, reader)
    assert made.subjects == ("bob", "cem")
    assert {item.subject for item in made.items} == {"bob", "cem"}
    # novel view: from view 0 to 2, from view 1 to 0 and 2; novel pose: pose 1 seen from 2, from both views
    assert len(made.items) == made.total == 2 * (3 + 2)
    assert (made.chosen, made.training, made.missing, made.skipped) == (False, (), 0, 0)


def test_missing_frames_are_counted_with_the_items_they_cost(tiny, make_reader):
    made = plan(tiny, make_reader(missing={("bob", 0, 2), ("ann", 0, 0)}))
    assert made.missing == 1
    assert made.skipped == 2  # view 2 of pose 0 was a target of both observations
    assert len(made.items) == 8


def test_nothing_on_disk_is_an_error(tiny, make_reader):
    everything = {(name, pose, view) for name in ("bob", "cem") for pose in (0, 1) for view in (0, 1, 2)}
    with pytest.raises(DatasetError, match=r"none of the .* frames .* bob, cem"):
        plan(tiny, make_reader(missing=everything))


def test_chosen_subjects_by_name_and_place(tiny, reader):
    made = plan(tiny, reader, subjects=["cem", "0", "cem"])
    assert made.subjects == ("cem", "ann")
    assert made.chosen
    assert made.training == ("ann",)


def test_an_unknown_subject_gets_close_names(tiny, reader):
    with pytest.raises(ConfigurationError, match="'bib'") as caught:
        plan(tiny, reader, subjects=["bib"])
    assert "bob" in caught.value.expected


def test_limit(tiny, reader):
    made = plan(tiny, reader, limit=3)
    assert len(made.items) == 3
    assert made.total == 10
    with pytest.raises(ConfigurationError):
        plan(tiny, reader, limit=0)

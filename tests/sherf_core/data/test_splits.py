import pytest

from sherf_core.data.splits import DEMO, RENDERPEOPLE, split_of
from sherf_core.errors import ConfigurationError, DatasetError

LISTED = [f"seq_{number:06d}" for number in range(481)]


def test_renderpeople_is_the_published_split():
    test = RENDERPEOPLE.test_subjects_of(LISTED)
    assert (len(test), test[0], test[-1]) == (30, "seq_000450", "seq_000479")
    assert not set(test) & set(RENDERPEOPLE.training_subjects_of(LISTED))
    assert RENDERPEOPLE.train_poses == (0, 2, 4, 6, 8, 10, 12, 14, 16, 18)
    assert RENDERPEOPLE.novel_view_poses == (0, 2, 4, 6, 8)
    assert RENDERPEOPLE.observation_views == (0, 16, 31)
    assert RENDERPEOPLE.novel_view_targets == tuple(range(0, 35, 2))


def test_a_short_list_says_how_many_are_needed():
    with pytest.raises(DatasetError, match="189 subjects") as caught:
        RENDERPEOPLE.test_subjects_of(LISTED[:189])
    assert "480" in caught.value.expected
    assert "--subjects" in caught.value.fix
    assert caught.value.code == "DATA.RP_COUNT"


def test_the_demo_tests_on_a_subject_that_it_does_not_train_on():
    assert DEMO.test_subjects_of(["a", "b", "c"]) == ["c"]
    assert DEMO.training_subjects_of(["a", "b", "c"]) == ["a", "b"]
    assert max(DEMO.novel_view_targets) < 36
    assert max(DEMO.novel_pose_poses) < 3


def test_names_in_any_case_and_unknown_ones():
    assert split_of("renderpeople") is RENDERPEOPLE
    with pytest.raises(ConfigurationError, match="'thuman4'"):
        split_of("thuman4")

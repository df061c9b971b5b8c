import pytest

from sherf_core.data.splits import DEMO, HUMMAN, RENDERPEOPLE, SPLITS, THUMAN, ZJU_MOCAP, split_of
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


def test_thuman_is_the_published_split():
    assert THUMAN.test_subjects_of(LISTED[:201])[0] == "seq_000090"
    assert (len(THUMAN.test_subjects_of(LISTED)), len(THUMAN.training_subjects_of(LISTED))) == (10, 90)
    assert THUMAN.test_poses == (0, 2, 4, 6, 8)
    assert (THUMAN.views, len(THUMAN.novel_view_targets), THUMAN.listed_subjects) == (24, 12, 100)


def test_humman_tests_on_people_known_by_name():
    test = HUMMAN.test_subjects_of([f"x{number}" for number in range(317)] + sorted(HUMMAN.test_subjects))
    assert (len(test), test[0], test[-1]) == (22, "p000455_a000986", "p100074_a000048")
    assert (HUMMAN.train_poses[-1], len(HUMMAN.train_poses), HUMMAN.listed_subjects) == (96, 17, 317)
    with pytest.raises(DatasetError, match="22 of 22 subjects") as caught:
        HUMMAN.test_subjects_of(LISTED)
    assert caught.value.code == "DATA.HM_PARTS"


def test_zju_mocap_knows_all_its_people_by_name():
    names = ["CoreView_313", "CoreView_315", "CoreView_377", "CoreView_386"]
    assert ZJU_MOCAP.test_subjects_of(names) == ["CoreView_377", "CoreView_313", "CoreView_315"]
    with pytest.raises(DatasetError, match="5 of 6 subjects are not there, the first is CoreView_387"):
        ZJU_MOCAP.training_subjects_of(names)
    assert (ZJU_MOCAP.test_poses[-1], len(ZJU_MOCAP.test_poses), len(ZJU_MOCAP.train_poses)) == (480, 25, 100)
    assert ZJU_MOCAP.listed_subjects == 0


@pytest.mark.parametrize("split", SPLITS.values(), ids=lambda split: split.dataset)
def test_every_view_of_a_split_is_one_of_its_cameras(split):
    assert max(*split.observation_views, *split.novel_view_targets, *split.novel_pose_targets) < split.views
    assert not set(split.train_subjects) & set(split.test_subjects)
    assert split.novel_pose_observation in split.test_poses

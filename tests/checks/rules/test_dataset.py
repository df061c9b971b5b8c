"""Edges of the rules for data sets: whom a trouble concerns, boundaries, exact fixes."""

from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Finding, Purpose, Severity, diagnose
from checks.facts.records import Tally
from checks.facts.records.files import CaseTwin
from tests.checks.corpus import machine

BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO
EVALUATE, TRAIN = Purpose("eval", "RenderPeople"), Purpose("train", "RenderPeople")


def with_data(facts: Facts, **fields: Any) -> Facts:
    """The facts with some fields of the data set replaced."""
    return facts.model_copy(update={"dataset": facts.dataset.model_copy(update=fields)})


def found(facts: Facts, purpose: Purpose) -> dict[str, Finding]:
    """What stands on its own among findings about data."""
    findings = diagnose(facts, purpose).findings
    return {f.id: f for f in findings if f.id.startswith(("DATA", "FS.DRVFS")) and not f.silenced_by}


def severities(facts: Facts, purpose: Purpose) -> dict[str, Severity]:
    return {identifier: finding.severity for identifier, finding in found(facts, purpose).items()}


def tally(count: int, of: int, in_training: int = 0) -> Tally:
    return Tally(count=count, of=of, examples=tuple(f"e{n}" for n in range(min(count, 5))), in_training=in_training)


TROUBLED = {
    "incomplete": ("RenderPeople", "DATA.RP_LAYOUT", BLOCK),
    "frames_missing": ("RenderPeople", "DATA.RP_LAYOUT", WARN),
    "masks_missing": ("RenderPeople", "DATA.RP_LAYOUT", WARN),
    "wrong_pictures": ("RenderPeople", "DATA.IMG", BLOCK),
    "unreadable_pictures": ("RenderPeople", "DATA.IMG", BLOCK),
    "annotations_missing": ("THuman", "DATA.TH_ANNOTS", BLOCK),
    "parameters_missing": ("THuman", "DATA.TH_PARAMS", BLOCK),
    "few_cameras": ("ZJU-MoCap", "DATA.ZJU_CAMS", BLOCK),
    "empty_annotations": ("ZJU-MoCap", "DATA.ZJU_REFINED", BLOCK),
}


@pytest.mark.parametrize("field", TROUBLED)
def test_troubles_matter_to_those_who_need_the_people(workstation: Facts, field: str) -> None:
    dataset, identifier, severity = TROUBLED[field]
    evaluate, train = Purpose("eval", dataset), Purpose("train", dataset)  # type: ignore[arg-type]
    settings = {"name": dataset, "listed": 480}
    of_training = with_data(workstation, **settings, **{field: tally(25, 100, in_training=25)})
    assert severities(of_training, evaluate) == {"DATA.TRAIN_FOR_EVAL": INFO}
    assert severities(of_training, train) == {identifier: severity}
    of_test = with_data(workstation, **settings, **{field: tally(25, 100)})
    assert severities(of_test, evaluate) == {identifier: severity}
    assert severities(of_test, train) == {}


@pytest.mark.parametrize("purpose", [EVALUATE, TRAIN, Purpose("eval", "demo")], ids=str)
def test_facts_of_another_data_set_say_nothing(workstation: Facts, purpose: Purpose) -> None:
    other = with_data(workstation, name="THuman", listed=3, folders=3, annotations_missing=tally(3, 3))
    assert severities(other, purpose) == {}


def test_a_quick_look_gives_no_alarm(workstation: Facts) -> None:
    unknown = {name: Tally() for name, value in workstation.dataset if isinstance(value, Tally)}
    assert severities(with_data(workstation, **unknown), EVALUATE) == {}


def test_too_few_people_names_those_who_are_there(workstation: Facts) -> None:
    short = with_data(
        workstation,
        root="/data/Render People",
        listed=189,
        folders=189,
        people=("a", "b c"),
        test_subjects_missing=tally(30, 30),
        train_subjects_missing=tally(261, 450),
    )
    finding = found(short, EVALUATE)["DATA.RP_COUNT"]
    command = "$ sherfctl run eval --dataset RenderPeople --data '/data/Render People' --subjects a,'b c'"
    assert finding.fix[-1] == command
    assert finding.evidence == (
        "/data/Render People: 189 people, the published split goes up to number 480",
        "30 of 30 people that this purpose needs are not in /data/Render People: e0, e1, e2, e3, e4, …",
    )
    assert not any("--subjects" in line for line in found(short, TRAIN)["DATA.RP_COUNT"].fix)


def test_one_is_a_person(workstation: Facts) -> None:
    alone = with_data(workstation, root="/d", listed=1, folders=1, test_subjects_missing=tally(29, 30))
    assert found(alone, EVALUATE)["DATA.RP_COUNT"].evidence[0].startswith("/d: 1 person, the published split")


def test_the_split_ends_where_it_ends(workstation: Facts) -> None:
    assert severities(with_data(workstation, listed=480, folders=480), EVALUATE) == {}
    assert severities(with_data(workstation, listed=479, folders=479), EVALUATE) == {"DATA.RP_COUNT": BLOCK}
    assert severities(with_data(workstation, listed=450, folders=450), TRAIN) == {}
    assert severities(with_data(workstation, listed=449, folders=449), TRAIN) == {"DATA.RP_COUNT": BLOCK}


def test_few_misfits_are_nobodys_fault(workstation: Facts) -> None:
    assert severities(with_data(workstation, misfits=tally(2, 40)), EVALUATE) == {}
    assert severities(with_data(workstation, misfits=tally(3, 40)), EVALUATE) == {"DATA.FIT": WARN}


def test_pictures_of_a_wrong_size_explain_misfits(workstation: Facts) -> None:
    both = with_data(workstation, misfits=tally(20, 40), wrong_pictures=tally(36, 43))
    assert severities(both, EVALUATE) == {"DATA.IMG": BLOCK}


def test_parameters_of_one_whole_person_block(workstation: Facts) -> None:
    thuman = Purpose("eval", "THuman")
    four, five = (with_data(workstation, name="THuman", parameters_missing=tally(n, 100)) for n in (4, 5))
    assert severities(four, thuman) == {"DATA.TH_PARAMS": WARN}
    assert severities(five, thuman) == {"DATA.TH_PARAMS": BLOCK}


def test_what_is_missing_where_nothing_is_there(laptop: Facts) -> None:
    finding = found(with_data(laptop, name="ZJU-MoCap"), Purpose("eval", "ZJU-MoCap"))["DATA.MISSING"]
    assert finding.fix[-1] == "$ mkdir -p data && ln -s /path/to/it data/zju_mocap"
    assert "data/zju_mocap" in finding.evidence[0]


def test_the_right_level_is_named_for_the_shell(workstation: Facts) -> None:
    facts = with_data(workstation, root="/d", folders=0, subjects_at="/d/my data/20230228")
    finding = found(facts, EVALUATE)["DATA.MISSING"]
    assert finding.fix == ("name that folder: --data '/d/my data/20230228'",)
    assert finding.evidence == ("/d holds no RenderPeople people", "they are in /d/my data/20230228")


def test_a_folder_in_other_letters_is_not_missing(workstation: Facts) -> None:
    facts = with_data(workstation, exists=False, root="", folders=0)
    twin = CaseTwin(wanted="/h/data/RenderPeople", found="/h/data/renderpeople", what="data")
    twinned = facts.model_copy(update={"work": facts.work.model_copy(update={"case_twins": (twin,)})})
    assert severities(facts, EVALUATE) == {"DATA.MISSING": BLOCK}
    assert severities(twinned, EVALUATE) == {}


def test_a_missing_list_is_written_in_the_shell(workstation: Facts) -> None:
    finding = found(with_data(workstation, root="/my data", list_file="", listed=None), EVALUATE)["DATA.LIST"]
    assert finding.fix[-1] == "$ (cd '/my data' && ls -d */ | tr -d / > human_list.txt)"
    zju = with_data(workstation, name="ZJU-MoCap", list_file="", listed=None)
    assert severities(zju, Purpose("eval", "ZJU-MoCap")) == {}


def test_samples_are_called_so(workstation: Facts) -> None:
    sampled = with_data(workstation, frames_missing=tally(7, 40))
    assert found(sampled, EVALUATE)["DATA.RP_LAYOUT"].evidence == (
        "7 of 40 files of frames are missing (in a sample): e0, e1, e2, e3, e4, …",
    )
    people = with_data(workstation, incomplete=tally(1, 480))
    assert found(people, EVALUATE)["DATA.RP_LAYOUT"].evidence == ("1 of 480 people are incomplete: e0",)
    whole = with_data(workstation, deep=True, frames_missing=tally(2, 40))
    assert found(whole, EVALUATE)["DATA.RP_LAYOUT"].evidence == ("2 of 40 files of frames are missing: e0, e1",)


@pytest.mark.parametrize("kind", ["ext4", "", "cifs"])
def test_other_file_systems_in_wsl_are_fast_enough(kind: str) -> None:
    assert severities(with_data(machine("wsl2"), filesystem=kind), EVALUATE) == {}


def test_a_windows_drive_matters_in_wsl_only(workstation: Facts) -> None:
    # A virtual machine shares folders by 9p as well, which is not slow in the same way.
    assert severities(with_data(workstation, filesystem="9p"), EVALUATE) == {}
    moved = with_data(machine("wsl2"), filesystem="9p", root="/mnt/c/My Data/20230228")
    fix = found(moved, EVALUATE)["FS.DRVFS"].fix
    assert fix[0] == "$ mkdir -p ~/data && cp -r '/mnt/c/My Data/20230228' ~/data/"
    assert fix[1] == "then name it: --data ~/data/20230228"
    spaced = with_data(machine("wsl2"), filesystem="9p", root="/mnt/c/My Data")
    assert found(spaced, EVALUATE)["FS.DRVFS"].fix[1] == "then name it: --data ~/data/'My Data'"
